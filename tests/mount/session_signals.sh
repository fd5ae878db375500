#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGTERM, SIGINT and SIGHUP unmount and end both processes; what was written is
# written back first; a mount in use is served until it is let go.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

for signal in TERM INT HUP; do
	start_hellofs
	kill -"$signal" "$holder"
	await exit "$holder" "$worker"
	if is_mounted; then fail "still mounted after SIG$signal"; fi
done

# The worker is not to be reached by Ctrl-C alone.
start_hellofs
kill -INT "$worker"
kill -TERM "$worker"
eq "$(status_line pid)" "$worker" "the worker after SIGINT and SIGTERM"
umount "$M"
await exit "$holder" "$worker"

foreground_hellofs
kill -TERM "$holder"
wait "$holder" || fail "SIGTERM is a clean end, but the status is $?"
eq "$(cat "$T/log")" "hellofs: stopped with note ''" "nothing to complain about"

# In use: by a descriptor with data that only the page cache has.
foreground_hellofs --writeback
exec 5>"$M/note"
printf written >&5
kill -TERM "$holder"
await unmounted "$M"
[ -e "/proc/$holder" ] || fail "ended while the mount was in use"
has "$(cat "$T/log")" "write to note" "written back before it was unmounted"
printf -- '-later' >&5
exec 5>&-
wait "$holder" || fail "status $? after a busy mount was let go"
has "$(cat "$T/log")" "'$M' is in use: unmounted lazily" "message about a busy mount"
eq "$(grep -c lazily "$T/log")" 1 "said once"
has "$(cat "$T/log")" "stopped with note 'written-later'" "all was written back"

# A second signal ends it at once, and its users get errors.
foreground_hellofs
exec 5<"$M/hello"
kill -TERM "$holder"
await unmounted "$M"
kill -TERM "$holder"
if wait "$holder"; then fail "users were cut off, but the status is 0"; fi
has "$(cat "$T/log")" "ended all the same" "message about the second signal"
await exit "$worker"
if cat <&5 2>/dev/null; then fail "a read from a mount that is gone"; fi
exec 5<&-

# Nor is it waited for for ever.
foreground_hellofs
exec 5<"$M/hello"
kill -TERM "$holder"
if wait "$holder"; then fail "users were cut off by the deadline, but the status is 0"; fi
has "$(cat "$T/log")" "ended all the same" "message about the deadline"
exec 5<&-

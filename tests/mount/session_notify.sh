#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A service manager that set NOTIFY_SOCKET hears when the mount answers, who
# keeps it, and when it ends.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

for name in "$T/notify" "@$TEST_ID"; do
	rm -f "$T/notify"
	"$LIB/notified" "$name" timeout 60 "$LIB/hellofs" "$M" >"$T/told"
	worker=$(status_line pid)
	eq "$(cat "$T/told")" "READY=1
MAINPID=$(holder_of "$worker")" "told on $name when the command returned"
	umount "$M"
	await exit "$worker"
done

"$LIB/notified" "$T/notify2" timeout 60 "$LIB/hellofs" -f "$M" >"$T/told" 2>/dev/null &
notified=$!
await mounted "$M"
worker=$(status_line pid)
kill -TERM "$(holder_of "$worker")"
wait "$notified"
has "$(cat "$T/told")" STOPPING=1 "told at the end"

# Nobody listens: no reason not to mount.
NOTIFY_SOCKET=$T/nobody hellofs
umount "$M"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a daemon in the background has to say is in the system log: the worker's words
# as well, which has no way there itself, and also after the log was started again.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_private_mounts
[ -n "${NACRE_TEST_ID:-}" ] || skip "needs a mount namespace of its own (run me with tests/lib/runner)"

# A /dev with a log of our own.
mkdir "$T/dev"
mount -t tmpfs dev "$T/dev"
mknod "$T/dev/fuse" c 10 229
mknod "$T/dev/null" c 1 3
mknod "$T/dev/urandom" c 1 9
ln -s /proc/self/fd "$T/dev/fd"
mount --bind "$T/dev" /dev
defer umount -l /dev

# listen TEXT... - until each was logged; then the messages are in $T/messages
listen() {
	rm -f /dev/log.ready
	timeout 60 python3 "$NACRE_SRC/tests/lib/syslogd.py" /dev/log "$@" >"$T/messages" &
	listener=$!
	await path /dev/log.ready
}
heard() { wait "$listener" || fail "not logged: $1; what was: $(cat "$T/messages")"; }

# A build with sanitizers says itself where it crashed.
nm "$LIB/hellofs" | grep -q '__asan_init\|__tsan_init' && where="another takes over" || where="  at "
listen "hellofs[" "write to note" "another takes over" "$where"
start_hellofs
echo text >"$M/note"
cat "$M/crash-once" >/dev/null
heard "the worker's message, its death, its backtrace"
grep -q '^<30>[A-Z][a-z][a-z] [ 0-9][0-9] [0-9:]* hellofs\['"$holder"'\]: write to note$' "$T/messages" ||
	fail "not in the form of a system log: $(cat "$T/messages")"
has "$(cat "$T/messages")" "<28>" "a warning's priority"

# Nobody listens: nothing waits for that.
kill -KILL "$(status_line pid)"
eq "$(cat "$M/hello")" "hello, world" "without a system log"

listen "another takes over" "write to note"
kill -KILL "$(status_line pid)"
echo text >"$M/note"
heard "after the log was started again"
umount "$M"
await exit "$holder"

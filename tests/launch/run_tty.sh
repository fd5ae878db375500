#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# With a terminal on stdin the command gets one of its own; it is the controlling
# one, has our size, passes Ctrl-C on, and is /dev/console.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd script

# in_terminal COMMAND - what a person at a terminal sees
in_terminal() {
	timeout 60 script -qec "stty rows 33 cols 77; nacre --root '$STATE' run --rootfs-driver $DRIVER \
		--no-views --name $TEST_ID $1" /dev/null <&7 | tr -d '\r'
}

# A keyboard that nobody touches: at an end of file script(1) types ^D.
mkfifo "$T/keyboard"
exec 7<>"$T/keyboard"

eq "$(in_terminal "-- tty")" /dev/pts/0 "the command's terminal"
eq "$(in_terminal "-- sh -c 'stty size </dev/tty'")" "33 77" "its size"
eq "$(in_terminal "-- sh -c '[ -c /dev/console ] && stty size </dev/console'")" "33 77" "/dev/console"
eq "$(run -- sh -c '[ -t 0 ] || echo no')" no "none when stdin is no terminal"
eq "$(echo hello | run --tty -- sh -c 'read -r line; echo "got $line"' | tr -d '\r' | tail -n 1)" \
	"got hello" "--tty with a pipe"
eq "$(status_of run --tty -- sh -c 'exit 5')" 5 "status through a terminal"
leaves_nothing "after terminals"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is wrong is refused with its name and the next step.
. "$(dirname "$0")/lib.sh"

eq "$(status_of procfs list)" 1 "no daemon"
has "$(cat "$T/err")" "no nacre-procfs listens on '$S'" "the socket is named"
has "$(cat "$T/err")" "Start one: nacre-procfs" "and what to do"

start_procfs

eq "$(status_of "$NACRE_BUILD/nacre-procfs" --socket "$S" "$T/second")" 1 "a second one on this socket"
has "$(cat "$T/err")" "another nacre-procfs serves '$S'" "is told why"
eq "$(status_of "$NACRE_BUILD/nacre-procfs" --socket "$T/other" "$M")" 1 "a second one on this mountpoint"
has "$(cat "$T/err")" "another nacre-procfs is mounted on '$M'" "is told why"

make_cgroup "$TEST_ID"
refused() { # WANTED ARGUMENT...
	local wanted=$1
	shift
	[ "$(status_of procfs "$@")" != 0 ] || fail "accepted: $*"
	has "$(cat "$T/err")" "$wanted" "$* names what is wrong"
}
refused "cannot be a container's id" register ../up --cgroup "/$TEST_ID"
refused "cannot be a container's id" register a/b --cgroup "/$TEST_ID"
refused "there is no cgroup '/nowhere/at/all'" register box --cgroup /nowhere/at/all
refused "without '..'" register box --cgroup "/$TEST_ID/../x"
refused "no cgroup controller 'nonsense'" register box --cgroup "nonsense:/$TEST_ID"
refused "no process 4194305" register box --pid 4194305
refused "no process id" register box --pid 1x
refused "needs an id" register --pid 1
refused "not registered" unregister box
refused "no format" stats --xml
procfs register box --cgroup "/$TEST_ID" >/dev/null
refused "registered already" register box --cgroup "/$TEST_ID"

eq "$(status_of "$NACRE_BUILD/nacre-procfs" --nonsense)" 2 "a wrong option"
has "$(cat "$T/err")" "--nonsense" "is named"
eq "$(status_of "$NACRE_BUILD/nacre-procfs" --cpu-rounding sideways)" 2 "a wrong value"
has "$(cat "$T/err")" "sideways" "is named"
eq "$(status_of "$NACRE_BUILD/nacre-procfs" --help)" 0 "help"
has "$(cat "$T/out")" "usage: nacre-procfs" "is printed"

# Only root may ask, and nobody may write.
if command -v setpriv >/dev/null; then
	chmod 0777 "$T"
	eq "$(status_of setpriv --reuid 65534 --clear-groups "$NACRE_BUILD/nacre-procfs" \
		--socket "$S" list)" 1 "another user"
fi
eq "$(status_of sh -c "echo 1 >'$M/proc/meminfo'")" 2 "writing"
eq "$(status_of touch "$M/proc/new")" 1 "creating"

# The end: the socket is gone, and another daemon can begin.
umount "$M"
await gone "$S"
start_procfs

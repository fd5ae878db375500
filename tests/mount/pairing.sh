#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On two CPUs a thread of the union's worker shares one with a caller that asks densely,
# another keeps the other CPU awake and gives way to everybody. Once nobody asks any
# more, all is as before and no thread runs. Not with spin=0.
# timeout: 150
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse
need_cmd python3

allowed=$(awk '/Cpus_allowed_list/ { print $2 }' /proc/self/status)
[ "$(nproc --all)" = 2 ] && [ "$allowed" = 0-1 ] || skip "needs a machine with two CPUs"

mkdir -p "$T/lower" "$T/tree"
(cd "$T/tree" && seq -f 'f%g' 0 1999 | xargs touch)
tar -C "$T/tree" -cf "$T/tree.tar" .

# One process at a time, that waits for every answer.
ask_densely() {
	while [ ! -e "$T/stop" ]; do
		mkdir "$M/tree"
		tar -C "$M/tree" -xf "$T/tree.tar"
		rm -rf "$M/tree"
	done
}

begin_asking() {
	rm -f "$T/stop"
	ask_densely &
	asking=$!
	defer touch "$T/stop"
}

end_asking() {
	touch "$T/stop"
	wait "$asking" || fail "the caller failed"
}

# column NAME - of each thread's status
column() { awk -v name="$1:" '$1 == name { print $2 }' /proc/"$worker"/task/*/status; }

# Linux's number of the policy that gives way to all others.
idle_policies() { awk '{ sub(/.*\) /, ""); print $39 }' /proc/"$worker"/task/*/stat | grep -c '^5$'; }

tied_threads() { column Cpus_allowed_list | grep -cv '^0-1$'; }

# Two, or more, that want to run beside the caller and its thread: then it must not be.
is_busy() {
	local running
	read -r _ _ _ running _ </proc/loadavg
	[ "${running%%/*}" -gt 4 ]
}

# looks_until COUNT COMMAND - how often it was tried until it said COUNT, 2000 at most
looks_until() {
	local looks=0
	busy=0
	until [ "$($2)" = "$1" ] || [ $looks = 2000 ]; do
		looks=$((looks + 1))
		! is_busy || busy=$((busy + 1))
	done
	echo "$looks $busy"
}

note "pairs, with a thread that gives way"
mount_killable
worker=$(worker_of "$holder")
begin_asking
read -r looks busy <<<"$(looks_until 2 tied_threads)"
if [ "$looks" = 2000 ]; then
	end_asking
	[ "$busy" -lt 200 ] || skip "the machine is too busy ($busy of $looks looks)"
	fail "no thread of the worker shares a CPU with the caller ($busy of $looks looks busy)"
fi
eq "$(idle_policies)" 1 "threads that give way to others"

note "ends when nobody asks"
end_asking
# SEEK_DATA is for a thread of its own, which begins in the middle of a turn.
for _ in 1 2 3 4 5; do
	timeout 60 python3 - "$M" <<-'END' || fail "a dense caller"
		import os, sys
		for i in range(3000):
		    name = "%s/dense%d" % (sys.argv[1], i)
		    fd = os.open(name, os.O_CREAT | os.O_RDWR)
		    if i % 1000 == 999:
		        os.write(fd, b"x")
		        os.lseek(fd, 0, os.SEEK_DATA)
		    os.close(fd)
		    os.unlink(name)
	END
done
[ "$(column Pid | wc -l)" -gt 3 ] || fail "no thread began beside those that serve, and the idler"
# What is left then is the idler on its CPU, asleep.
read -r looks _ <<<"$(looks_until 1 tied_threads)"
[ "$looks" -lt 2000 ] || fail "a thread is tied to a CPU though nobody asks: $(column Cpus_allowed_list)"
before=$(column voluntary_ctxt_switches)
sleep 1		# in which nothing is to happen
eq "$(column voluntary_ctxt_switches)" "$before" "the times that idle threads woke up"
unmount_killable

note "spin=0"
mount_killable -o spin=0
worker=$(worker_of "$holder")
begin_asking
read -r looks _ <<<"$(looks_until 1 idle_policies)"
end_asking
eq "$looks" 2000 "looks without a thread that gives way"
unmount_killable

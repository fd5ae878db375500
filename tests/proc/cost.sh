#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a read costs, counted: system calls of the daemon, none of which makes a
# process. Files are bound, as containers have them.
. "$(dirname "$0")/lib.sh"
need_cmd strace python3
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

make_cgroup "$TEST_ID"
set_limit "$TEST_ID" memory $((256 << 20))
in_cgroup "$TEST_ID" sleep 1000 &
defer end_cgroup "$TEST_ID"
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID")
worker=$(worker_of "$(holder_of_procfs)")
READS=200

# calls FILE - print how many a read takes, and how many made a process in all.
# Waiting for requests is not counted: how often a thread looks in vain is a matter
# of time.
calls() {
	local tracer
	touch "$T/bound"
	mount --bind "$view/$1" "$T/bound"
	read_it 3	# what is kept open is opened, what is known is known
	: >"$T/said"
	strace -f -o "$T/calls" -p "$worker" 2>"$T/said" &
	tracer=$!
	while ! grep -q "attached" "$T/said"; do
		kill -0 "$tracer" 2>/dev/null || skip "strace: $(cat "$T/said")"
	done
	read_it $READS
	kill -INT "$tracer"
	wait "$tracer" || true
	umount "$T/bound"
	# A call that another thread interrupts has two lines; the second one ends it.
	awk -v reads=$READS '
		/unfinished \.\.\.>$/ || /EAGAIN/ { next }
		{ name = $2 == "<..." ? $3 : $2; sub(/\(.*/, "", name) }
		name ~ /^(epoll_wait|poll|ppoll|futex|restart_syscall|sched_yield)$/ { next }
		name == "clock_gettime" { next }	# none where the clock can be read by all
		name ~ /^(clone|clone3|fork|vfork)$/ { forks++ }
		name ~ /^[a-z_0-9]+$/ { n++ }
		END { printf "%d %d\n", int(n / reads + 0.5), forks }' "$T/calls"
}
read_it() {
	python3 -c '
import os, sys
for _ in range(int(sys.argv[2])):
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.read(fd, 8191)
    os.close(fd)' "$T/bound" "$1"
}

while read -r file most; do
	read -r each forks <<<"$(calls "$file")"
	[ "$each" -le "$most" ] || {
		awk '{ sub(/\(.*/, "", $2); print $2 }' "$T/calls" | sort | uniq -c | sort -rn | head -n 8 >&2
		fail "$file: $each system calls a read, $most are enough"
	}
	[ "$each" -ge 3 ] || fail "$file: $each system calls: not counted"
	eq "$forks" 0 "$file: processes"
done <<'FILES'
proc/meminfo 12
proc/stat 12
proc/uptime 12
proc/loadavg 12
proc/cpuinfo 12
sys/devices/system/cpu/online 12
FILES

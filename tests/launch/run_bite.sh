#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits bite: CPU time is what the quota gives, to a tenth; a memory limit ends with
# 137 and its reason; a disk writes no faster than it may.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd jq
defer nacre --root "$STATE" rm --force "$TEST_ID"

# of CONTROLLER FILE... - the first of these files of the container
of() {
	local file
	for file in "${@:2}"; do
		cat "/sys/fs/cgroup/$1/nacre/$TEST_ID/$file" 2>/dev/null && return
		cat "/sys/fs/cgroup/nacre/$TEST_ID/$file" 2>/dev/null && return
	done
	echo none
}
key() { awk -v key="$1" '$1 == key { print $2 }'; }

# 2 s of CPU at half a CPU. The kernel counts the periods of 100 ms: in each at most
# 50 ms are had, and in each that was cut short all of them. So it holds on a busy
# machine, too, where a clock on the wall says nothing. Without a quota there are no
# periods.
run --detach --cpus 0.5 -- sh -c 'while :; do :; done' >/dev/null
used=0
while [ "$used" -lt 2000000 ]; do
	read -rt 0.2 <> <(:) || true
	used=$(n stats --no-stream --json "$TEST_ID" | jq '.[0].cpuUsec')
done
n pause "$TEST_ID"
used=$(n stats --no-stream --json "$TEST_ID" | jq '.[0].cpuUsec')
stat=$(of cpu cpu.stat)
periods=$(key nr_periods <<<"$stat")
throttled=$(key nr_throttled <<<"$stat")
note "$used us in $periods periods, $throttled of them cut short"
[ "$used" -le $(((periods + 1) * 55000)) ] || fail "$used us of CPU time in $periods periods of 50 ms"
[ "$used" -ge $((throttled * 45000)) ] || fail "only $used us of CPU time, though $throttled periods were used up"
n rm --force "$TEST_ID"

# In the background the reason is kept, and in the log.
run --detach --memory 32M -- sh -c 'exec tail /dev/zero' >/dev/null
eq "$(n wait "$TEST_ID")" 137 "a command that wants too much memory"
has "$(n inspect "$TEST_ID" | jq -r '.[0].reason')" "out of memory" "the reason"
has "$(n logs "$TEST_ID" 2>&1)" "nacre: out of memory" "the reason in the log"
n rm "$TEST_ID"

# Direct I/O to a disk of the test's own.
need_private_mounts
need_cmd mkfs.ext4 losetup
truncate -s 64M "$T/disk"
mkfs.ext4 -q "$T/disk"
loop=$(losetup -f --show "$T/disk" 2>/dev/null) || skip "no loop device here"
defer losetup -d "$loop"
mkdir "$T/mnt"
mount "$loop" "$T/mnt"
write='dd if=/dev/zero of=/mnt/file bs=64k count=48 oflag=direct 2>/dev/null && cut -d" " -f1 /proc/uptime'
status=$(status_of run --io "$T/mnt:write=1M" -b "$T/mnt:/mnt" -- sh -c "$write")
if [ "$status" != 0 ]; then
	has "$(cat "$T/err")" "no cgroup hierarchy serves" "why it cannot be limited"
	skip "this host limits no disks"
fi
seconds=$(cut -d. -f1 "$T/out")
[ "$seconds" -ge 2 ] || fail "3 MiB at 1 MiB/s took $(cat "$T/out") s of the container's life"
eq "$(status_of run --io "$loop:riops=50,wiops=60,read=2M" -- true)" 0 "by the device, other rates"
eq "$(status_of run --io "$T/mnt:fast=1" -- true)" 125 "a rate that there is not"
has "$(cat "$T/err")" "'fast'" "message about that"
eq "$(status_of run --io /proc:read=1M -- true)" 125 "what is on no disk"
has "$(cat "$T/err")" "on no disk" "message about that"
eq "$(status_of run --io-weight 5 -- true)" 125 "a weight that there is not"
leaves_nothing "at the end"

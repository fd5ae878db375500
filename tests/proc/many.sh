#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many containers come and go: few descriptors are enough, and nothing is left.
. "$(dirname "$0")/lib.sh"
h=$(hierarchy pids)
[ -n "$h" ] || skip "no pids controller"
n=${NACRE_CONTAINERS:-200}

make_cgroup "$TEST_ID"
[ ! -e "$h/cgroup.subtree_control" ] || enable_v2 "$h/$TEST_ID"
defer find "$h/$TEST_ID" -mindepth 1 -depth -type d -exec rmdir {} +
ulimit -n 256	# hard, too: not all can be kept open
start_procfs
open_files() { find "/proc/$worker/fd" -mindepth 1 | wc -l; }
holder=$(holder_of_procfs)
worker=$(worker_of "$holder")
before=$(open_files)

for round in 1 2; do
	for i in $(seq "$n"); do
		mkdir "$h/$TEST_ID/$i"
		procfs register "$round-$i" --cgroup "pids:/$TEST_ID/$i" >/dev/null
	done
	for i in $(seq "$n"); do
		echo "$((i + 300))" >"$h/$TEST_ID/$i/pids.max"
		eq "$(cat "$M/containers/$round-$i/proc/sys/kernel/pid_max")" $((i + 300)) "pid_max of $i"
		cat "$M/containers/$round-$i/proc/loadavg" >/dev/null
	done
	[ "$(open_files)" -le 256 ] || fail "too many descriptors"
	for i in $(seq "$n"); do
		rmdir "$h/$TEST_ID/$i"
	done
done
# A container whose cgroups are gone ends by itself, at the sampler's next turn.
deadline=$((SECONDS + 30))
while [ -n "$(procfs list)" ]; do
	[ $SECONDS -lt $deadline ] || fail "still listed: $(procfs list | wc -l)"
	read -rt 0.2 _ <> <(:) || true
done
[ "$(open_files)" -le $((before + 8)) ] || fail "$(open_files) descriptors after, $before before"

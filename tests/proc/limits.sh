#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# While limits of a container and of what is above it change every few milliseconds and
# the worker is killed, readers see figures in order, no counter that goes back, no
# number that cannot be, and in all files the same CPUs; where the limits stood still,
# those of the limits. NACRE_SEED repeats what was printed.
. "$(dirname "$0")/lib.sh"
need_cmd lscpu
for c in memory cpu cpuset; do
	[ -n "$(hierarchy $c)" ] || skip "no $c controller"
done
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs to hide one"
IFS=.- read -r major minor _ <<<"$(uname -r)"
[ "$major" -gt 6 ] || [ "$major" = 6 ] && [ "$minor" -ge 9 ] && kills=1

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
defer end_cgroup "$TEST_ID/c"
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID/c")

# One that computes, one that takes and gives back memory, writes files and forks.
in_cgroup "$TEST_ID/c" sh -c 'while :; do :; done' &
in_cgroup "$TEST_ID/c" sh -c 'while :; do dd if=/dev/zero "of=$1" bs=8M count=2; done' \
	sh "$T/scratch" 2>/dev/null &

timeout 150 "$LIB/limits" "$view" "$(hierarchy memory)/$TEST_ID" "$(hierarchy cpu)/$TEST_ID" \
	"$(hierarchy cpuset)/$TEST_ID" "${NACRE_SEED:-0}" "${NACRE_CHANGES:-2000}" \
	${kills:+"$(holder_of_procfs)"} || fail "what a reader saw"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits are set where the kernel keeps them, and they bite.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

# of GROUP FILE... - the first of these files (v1 and v2 name them differently)
of() {
	local file
	for file in "${@:2}"; do
		cat "/sys/fs/cgroup/$1/nacre/$TEST_ID/$file" 2>/dev/null && return
		cat "/sys/fs/cgroup/nacre/$TEST_ID/$file" 2>/dev/null && return
	done
	echo none
}

mkdir "$T/shared"
mkfifo "$T/shared/go"
start --memory 64M --cpus 0.5 --pids 20 -b "$T/shared:/shared" -- sh -c 'touch /shared/up; cat /shared/go'
await path "$T/shared/up"
eq "$(of memory memory.limit_in_bytes memory.max)" $((64 << 20)) "the memory limit"
case $(of cpu cpu.cfs_quota_us cpu.max) in
50000 | "50000 100000") ;;
*) fail "the CPU quota is $(of cpu cpu.cfs_quota_us cpu.max)" ;;
esac
eq "$(of pids pids.max)" 21 "processes: those asked for, and pid 1"
echo done >"$T/shared/go"
wait "$nacre" || fail "status $? of a container within its limits"

eq "$(run --cpus 1 -- nproc)" 1 "nproc with one CPU"
eq "$(run --cpus 0.5 -- nproc)" 1 "nproc with half a CPU"
eq "$(run -- nproc)" "$(nproc)" "nproc without a limit"
last=$(($(nproc) - 1))
eq "$(run --cpuset $last -- sh -c 'grep Cpus_allowed_list /proc/self/status' | tr -dc 0-9)" \
	$last "an explicit cpuset"

# Two at once do not get the same CPU.
if [ "$(nproc)" -ge 2 ]; then
	rm "$T/shared/up"
	start --cpus 1 -b "$T/shared:/shared" -- \
		sh -c 'grep Cpus_allowed_list /proc/self/status >/shared/mine; touch /shared/up; cat /shared/go'
	await path "$T/shared/up"
	other=$("${RUN[@]}" --cpus 1 -- grep Cpus_allowed_list /proc/self/status)
	[ "$other" != "$(cat "$T/shared/mine")" ] || fail "two containers share CPU: $other"
	echo done >"$T/shared/go"
	wait "$nacre"
fi

status=$(status_of run --pids 5 -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do cat /dev/zero >/dev/null & done; wait')
[ "$status" != 0 ] || fail "nine processes started with --pids 5"
leaves_nothing "after limited containers"

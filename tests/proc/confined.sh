#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The worker keeps three capabilities, one thread of it a fourth, and cannot start
# programs or mount; a replaced one neither.
. "$(dirname "$0")/lib.sh"

start_procfs
holder=$(holder_of_procfs)

field() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }
check() {
	# CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN; CAP_DAC_OVERRIDE, to answer
	# system calls
	local thread allowed
	for thread in /proc/"$1"/task/*; do
		allowed=0x280004
		[ "$(cat "$thread/comm")" != calls ] || allowed=0x280006
		[ $((0x$(field "$1/task/${thread##*/}" CapEff) & ~allowed)) = 0 ] ||
			fail "too many capabilities"
		[ $((0x$(field "$1/task/${thread##*/}" CapPrm) & ~allowed)) = 0 ] ||
			fail "too many capabilities that could be taken"
		eq "$(field "$1/task/${thread##*/}" NoNewPrivs)" 1 "no new privileges"
		eq "$(field "$1/task/${thread##*/}" Seccomp)" 2 "a filter of system calls"
	done
}

first=$(worker_of "$holder")
check "$first"
kill -9 "$first"
timeout 20 cat "$M/proc/uptime" >/dev/null || fail "no other worker"
second=$(worker_of "$holder")
[ "$second" != "$first" ] || fail "the same worker"
check "$second"

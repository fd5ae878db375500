#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A figure can be traced to the files and the level it comes from; what the
# daemon did is told in three forms.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
set_limit "$TEST_ID" memory $((64 << 20))
set_limit "$TEST_ID/c" memory $((128 << 20))
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID/c")

told=$(procfs explain box /proc/meminfo MemTotal)
has "$told" "MemTotal:          65536 kB" "the line"
has "$told" "the lowest memory limit of all levels" "the formula"
decided=$(grep 'decides' <<<"$told")
has "$decided" "/$TEST_ID/memory." "the level that decided is the parent"
has "$decided" ": $((64 << 20)) " "with its limit"
has "$(procfs explain box proc/loadavg)" "decayed by the time that passed" "a file without fields"

eq "$(status_of procfs explain box /proc/meminfo NoSuchLine)" 1 "an unknown field"
has "$(cat "$T/err")" "'/proc/meminfo' has no field 'NoSuchLine'" "is named"
eq "$(status_of procfs explain box /proc/nothing)" 1 "an unknown file"
has "$(cat "$T/err")" "no file '/proc/nothing'" "is named"
eq "$(status_of procfs explain nobody /proc/meminfo)" 1 "an unknown container"

for _ in 1 2 3; do
	cat "$view/proc/meminfo" >/dev/null
done
eq "$(procfs stats | awk '$1 == "renders" { print $2 }')" 3 "renders are counted"
if command -v python3 >/dev/null; then
	procfs stats --json | python3 -c '
import json, sys
s = json.load(sys.stdin)
assert s["renders"] == 3 and sum(s["latency"]) == 3, s
assert s["containers"] == 1 and "memory.stat" in s["missing"], s' || fail "the JSON form"
fi
has "$(procfs stats --prometheus)" "nacre_procfs_render_seconds_count 3" "the Prometheus form"

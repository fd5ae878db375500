#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# In a time namespace the files and the kernel agree on when the machine booted.
. "$(dirname "$0")/lib.sh"
[ -e /proc/self/ns/time ] || skip "this kernel has no time namespaces"
unshare --time --boottime -1000 true 2>/dev/null || skip "unshare cannot make time namespaces"

make_cgroup "$TEST_ID"
defer end_cgroup "$TEST_ID"
start_procfs

# Down to the host's uptime less a minute: it must not become negative.
seconds=$(awk '{ print int($1) - 60 }' /proc/uptime)
[ "$seconds" -gt 60 ] || skip "the host has just booted"
in_cgroup "$TEST_ID" unshare --time --boottime "-$seconds" --fork --kill-child bash -s "$NACRE_BUILD/nacre-procfs" "$S" >"$T/seen" <<'INSIDE'
set -- "$("$1" --socket "$2" register box --pid $$)"
ours=$(awk '{ print $1 }' "$1/proc/uptime")
kernels=$(awk '{ print $1 }' /proc/uptime)
awk -v a="$ours" -v b="$kernels" 'BEGIN { print "uptime", (a - b < 1 && b - a < 1) }'
a=$(awk '/^btime/ { print $2 }' "$1/proc/stat")
b=$(awk '/^btime/ { print $2 }' /proc/stat)
echo "btime $((a - b >= -1 && a - b <= 1))"
INSIDE
same_text "$T/seen" - "what the kernel says" <<'WANTED'
uptime 1
btime 1
WANTED

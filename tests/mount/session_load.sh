#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Under load from several sides every request is answered, by a worker that does
# not die; when the load is over it uses no CPU. However it waits for requests.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

# ticks - what the worker has used of the CPU so far
ticks() { awk '{ print $14 + $15 }' "/proc/$worker/stat"; }

for waiting in "--spin=-1 --threads=4" "--spin=200 --threads=1" "--spin=200 --threads=4"; do
	rm -f "$T/log"
	# shellcheck disable=SC2086 # two options
	foreground_hellofs $waiting
	readers=()
	for ((i = 0; i < 4; i++)); do
		dd if="$M/big" of="$T/read.$i" bs=1 count=5000 2>/dev/null &
		readers+=($!)
	done
	wait "${readers[@]}" || fail "$waiting: a read failed"
	for ((i = 0; i < 4; i++)); do
		cmp -n 5000 "$T/read.$i" "$M/big" || fail "$waiting: reader $i read something else"
	done
	eq "$(status_line generation)" 0 "$waiting: workers that died: $(cat "$T/log")"

	before=$(ticks)
	status=0
	timeout 1 tail --pid="$worker" -f /dev/null || status=$?
	eq "$status" 124 "$waiting: the worker lives"
	used=$(($(ticks) - before))
	[ "$used" -le 2 ] || fail "$waiting: $used ticks of CPU used in a second without requests"
	umount "$M"
	wait "$holder"
done

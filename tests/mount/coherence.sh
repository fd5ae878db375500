#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every byte read is the byte last written, while a lower file is copied up
# under descriptors and maps that are older than its copy and pages are evicted
# all the time. And the upper holds exactly these bytes afterwards.
#
# For a look at kernel overlay: COHERENCE=-k.
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"

# A cgroup so small that pages are evicted by pressure as well.
small_cgroup() {
	local dir
	for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		mkdir "$dir/$TEST_ID-small" 2>/dev/null || continue
		defer rmdir "$dir/$TEST_ID-small"
		if echo 24M 2>/dev/null >"$dir/$TEST_ID-small/memory.limit_in_bytes" ||
			echo 24M 2>/dev/null >"$dir/$TEST_ID-small/memory.max"; then
			echo "$dir/$TEST_ID-small"
			return
		fi
	done
}

# make_files PAGES NAME... - pages that differ from each other
make_files() {
	local pages=$1 name
	shift
	for name; do
		awk -v pages="$pages" -v name="$name" 'BEGIN { for (p = 0; p < pages; p++)
			printf "%-4096s", name " page " p }' >"$T/lower/$name"
	done
}

# check NAME THREADS ROUNDS SEED - and what reached the disk
check() {
	timeout 120 "$LIB/coherence" ${COHERENCE:-} "$T/merged/$1" "$T/$1.model" "$2" "$3" "$4" ||
		fail "$1: wrong data, or no end (seed $4)"
	cmp "$T/merged/$1" "$T/$1.model" || fail "$1: wrong data after all"
}

try() {		# WHAT OPTIONS
	local name what=$1
	rm -rf "$T/upper" "$T/work"
	mkdir "$T/upper" "$T/work"
	mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work" "$2"
	check one 1 1500 1
	check two 2 1500 2
	check eight 8 1000 3
	check large 8 600 5
	cgroup=$(small_cgroup)
	if [ -n "$cgroup" ]; then
		(echo $BASHPID >"$cgroup/cgroup.procs" && check pressed 8 1000 4) ||
			fail "$what: in a small cgroup"
		rmdir "$cgroup"
	fi
	unmount "$T/merged"
	for name in one two eight large pressed; do
		[ ! -e "$T/$name.model" ] || cmp "$T/upper/$name" "$T/$name.model" ||
			fail "$what: the upper holds wrong bytes of $name"
	done
}

make_files 64 one two eight pressed
make_files 1000 large		# copied up in two steps, read meanwhile
cp -r "$T/lower" "$T/lower.before"
try "as is" ""
for data in cached passthrough; do
	[ -n "${COHERENCE:-}" ] || try "data=$data" "data=$data"
done
COHERENCE=-l try "data=all" "data=all"
diff -r "$T/lower" "$T/lower.before" || fail "a lower file has changed"

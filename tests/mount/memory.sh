#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The union remembers no more than the kernel does: its memory is the same
# after the tenth time that many files were made and removed, or looked up and
# forgotten, as it was after the second.
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
if ldd "$NACRE_UNIONFS" 2>/dev/null | grep -qE 'libasan|libtsan'; then
	skip "sanitizers keep freed memory"
fi

SLACK_KIB=1024		# what malloc() may keep or split differently

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"
awk 'BEGIN { for (d = 0; d < 50; d++) {
	printf "mkdir d%d 0755\n", d
	for (f = 0; f < 100; f++) printf "create d%d/f%d 0644\n", d, f } }' >"$T/make.ops"
awk 'BEGIN { for (d = 0; d < 50; d++) {
	printf "empty d%d\n", d
	printf "rmdir d%d\n", d } }' >"$T/remove.ops"
for n in 1 2 3 4 5 6 7 8 9 10; do
	mkdir "$T/lower/tree-$n"
	"$LIB/fsops/fsops" run "$T/lower/tree-$n" "$T/make.ops" >"$T/out"
done
mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work"

# What all processes that serve this mount hold of their own, and share of its state.
memory_kib() {
	local pid kib total=0
	for pid in $(grep -lsF "$T/merged" /proc/[0-9]*/cmdline | cut -d/ -f3); do
		[ "$pid" != $$ ] || continue
		kib=$(awk '/^Rss(Anon|Shmem):/ { n += $2 } END { print n }' "/proc/$pid/status" 2>/dev/null) || continue
		total=$((total + ${kib:-0}))
	done
	echo $total
}

make_and_remove() {
	"$LIB/fsops/fsops" run "$T/merged" "$T/make.ops" >"$T/out"
	"$LIB/fsops/fsops" run "$T/merged" "$T/remove.ops" >"$T/out"
}

# Reclaiming a cgroup makes the kernel forget what was looked up from there. Each
# time it is another tree: what is kept of each would add up.
cgroup= tree=0
walk_and_forget() {
	tree=$((tree + 1))
	(echo $BASHPID >"$cgroup/cgroup.procs" && find "$T/merged/tree-$tree" -newer "$T/lower" >"$T/out")
	if [ -e "$cgroup/memory.force_empty" ]; then
		echo 1 >"$cgroup/memory.force_empty" || true
	else
		echo 1G 2>/dev/null >"$cgroup/memory.reclaim" || true
	fi
}

flat() {	# WHAT - a function that is run again and again
	local i early late
	"$1"
	"$1"
	early=$(memory_kib)
	for i in 3 4 5 6 7 8 9 10; do
		"$1"
	done
	late=$(memory_kib)
	note "$1: $early KiB after the second time, $late KiB after the tenth"
	[ "$early" != 0 ] || fail "found no process that serves the mount"
	[ $((late - early)) -lt $SLACK_KIB ] || fail "$1: memory grows"
}

flat make_and_remove
for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
	[ ! -e "$dir/memory.stat" ] || mkdir "$dir/$TEST_ID" || continue
	[ -e "$dir/$TEST_ID/memory.stat" ] || continue
	cgroup=$dir/$TEST_ID
	defer rmdir "$cgroup"
	break
done
[ -n "$cgroup" ] || skip "no memory cgroup to make the kernel forget"
flat walk_and_forget
unmount "$T/merged"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The power is cut while the union is written to. The disk of the upper layer notes each
# write and flush; whatever of it a cut may leave, what was acknowledged after fsync(2)
# is there, seen by the kernel and by the union, which agree; nothing of the lower layer
# shows where something else was acknowledged; and a mount cleans up what was under way.
#
#	power_cut.sh [--cuts N] [--changes N] [--seed N] [--data cached|passthrough]
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_private_mounts
need_fuse
need_fs overlay ext4
need_union
need_cmd mkfs.ext4 losetup

cuts=16 changes=60 seed=1 data=
while [ $# != 0 ]; do
	case $1 in
	--cuts) cuts=$2 ;;
	--changes) changes=$2 ;;
	--seed) seed=$2 ;;
	--data) data=$2 ;;
	*) fail "no such option: $1" ;;
	esac
	shift 2
done

FSOPS=$LIB/fsops/fsops
mkdir "$T/lower" "$T/serve" "$T/fs" "$T/merged" "$T/after"
"$LIB/cutload" layer "$T/lower"
"$FSOPS" layer "$T/lower" >"$T/lower.before"

# mount_disk FILE DIR - on a loop device that goes with the mount
mount_disk() { mount -t ext4 -o loop,noatime "$1" "$2"; }

# record DATA OPTIONS... - the workload, on a disk that notes what is done to it
record() {
	local data=$1 device
	truncate -s 48M "$T/base"
	mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0 -O ^resize_inode -J size=4 "$T/base"
	mount_disk "$T/base" "$T/fs"
	mkdir "$T/fs/upper" "$T/fs/work"
	umount "$T/fs"

	"$LIB/cutdisk" serve "$T/base" "$T/log" "$T/serve"
	mount_disk "$T/serve/disk" "$T/fs"
	mount_nacre "$T/merged" "$T/lower" "$T/fs/upper" "$T/fs/work" "data=$data"
	"$LIB/cutdisk" mark "$T/serve/mark" begin
	timeout 120 "$LIB/cutload" run "$T/merged" "$T/serve/mark" "$seed" "$changes" ||
		fail "the workload failed"
	"$LIB/cutdisk" mark "$T/serve/mark" end
	unmount "$T/merged"
	umount "$T/fs"
	timeout 60 umount "$T/serve"
}

# see BY DONE - the tree that is left, checked, and written to $T/tree.BY
see() {
	case $1 in
	kernel) mount_overlay "$T/after" "$T/lower" "$T/fs/upper" "$T/fs/work" \
		redirect_dir=on,index=on,metacopy=on ;;
	nacre) mount_nacre "$T/after" "$T/lower" "$T/fs/upper" "$T/fs/work" ;;
	esac || fail "cut $cut: $1 cannot mount it"
	timeout 60 "$LIB/cutload" check "$T/after" "$seed" "$2" || fail "cut after $cut records, $data: seen by $1"
	FSOPS_NO_GHOSTS=yes "$FSOPS" dump "$T/after" >"$T/tree.$1" || fail "cut $cut: cannot walk it on $1"
	unmount "$T/after"
}

# try CUT - what it may leave, seen by both, either one first
try() {
	local done by order=(nacre kernel)
	cut=$1
	"$LIB/cutdisk" replay "$T/base" "$T/log" "$cut" $((seed * 1000 + cut)) "$T/image"
	done=$("$LIB/cutdisk" marks "$T/log" "$cut" | sed -n '$p')
	case $done in begin) done=0 ;; end) done=$changes ;; esac
	[ $((cut % 2)) = 0 ] || order=(kernel nacre)
	mount_disk "$T/image" "$T/fs" || fail "cut $cut: the file system does not mount"
	for by in "${order[@]}"; do
		see "$by" "$done"
	done
	same_text "$T/tree.kernel" "$T/tree.nacre" "cut after $cut records, $data: the trees differ (-kernel +nacre)"
	eq "$(cd "$T/fs/work" && find work -mindepth 1 ! -type c)" "" "cut $cut: left in the work directory"
	"$NACRE_UNIONFS" fsck -o "lowerdir=$T/lower,upperdir=$T/fs/upper,workdir=$T/fs/work" ||
		fail "cut $cut, $data: fsck finds something"
	umount "$T/fs"
}

for data in ${data:-cached passthrough}; do
	record "$data"
	total=$("$LIB/cutdisk" count "$T/log")
	first=$("$LIB/cutdisk" marks "$T/log" "$total" | wc -l)
	eq "$first" $((changes + 2)) "marks in the log"
	# From when the union was mounted until it had nothing to do any more.
	start=$("$LIB/cutdisk" find "$T/log" begin)
	total=$("$LIB/cutdisk" find "$T/log" end)
	for ((i = 1; i <= cuts; i++)); do
		try $((start + (total - start) * i / cuts))
	done
	note "$cuts cuts of $total records, $changes synced changes, data=$data"
done

# What was not synced on purpose is not used again, by either.
record cached,volatile
"$LIB/cutdisk" replay "$T/base" "$T/log" "$("$LIB/cutdisk" count "$T/log")" 1 "$T/image"
mount_disk "$T/image" "$T/fs"
eq "$(status_of mount_overlay "$T/after" "$T/lower" "$T/fs/upper" "$T/fs/work")" 32 "the kernel, after a volatile mount"
eq "$(status_of mount_nacre "$T/after" "$T/lower" "$T/fs/upper" "$T/fs/work")" 1 "the union, after a volatile mount"
has "$(cat "$T/err")" 'marked unfit for use' "the union says so"
umount "$T/fs"

"$FSOPS" layer "$T/lower" >"$T/lower.after"
same_text "$T/lower.before" "$T/lower.after" "a lower layer has changed"

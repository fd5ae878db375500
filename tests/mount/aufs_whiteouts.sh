#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# whiteout=aufs: what is removed is marked by ".wh." files; the union looks the same
# as with devices, also when it is mounted again and when the upper becomes a lower.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd mkfs.ext4 chattr

mkdir -p "$T/low/dir/sub" "$T/low/other/deep" "$T/low/kept" "$T/low/emptied" "$T/devices.m" "$T/marks.m"
for name in a b c d dir/x dir/y dir/sub/z other/deep/f kept/k emptied/x "$(printf '%0251d' 1)" "$(printf '%0252d' 2)"; do
	echo "$name" >"$T/low/$name"
done

change() {
	cd "$1"
	rm a dir/x
	rm b && echo new >b			# over a mark
	rm c && mkdir c && echo in >c/in	# a directory over a mark
	rm -r dir && mkdir dir && echo only >dir/only
	rm -r other && mkdir -p other/deep	# opaque twice
	mv d e					# the mark of a rename
	mv kept kept2
	mkdir kept
	mv e c/e
	rm emptied/x && mkdir fresh && echo f >fresh/f
	mv -T fresh emptied			# over a directory of marks
	ln b b2 && rm b2 && ln c/in b2		# a link over a mark
	rm "$(printf '%0251d' 1)"
	ln -s x dir/link && rm dir/link
	cd /
}
look() { (cd "$1" && find . \( -type d -printf '%p %M\n' -o -printf '%p %M %s %l\n' \) | sort && find . -type f -exec cat {} + | sort); }

for form in devices marks; do
	[ $form = devices ] && form_option=overlay || form_option=aufs
	mkdir "$T/$form.u" "$T/$form.w"
	mount_nacre "$T/$form.m" "$T/low" "$T/$form.u" "$T/$form.w" whiteout=$form_option
	change "$T/$form.m"
	look "$T/$form.m" >"$T/$form.seen"
	unmount "$T/$form.m"
	mount_nacre "$T/$form.m" "$T/low" "$T/$form.u" "$T/$form.w" whiteout=$form_option
	look "$T/$form.m" >"$T/$form.again"
	unmount "$T/$form.m"
	same_text "$T/$form.seen" "$T/$form.again" "$form: mounted again it looks different"
done
same_text "$T/devices.seen" "$T/marks.seen" "marks and devices give different trees"

[ -z "$(find "$T/marks.u" -type c)" ] || fail "a device in spite of whiteout=aufs"
[ -f "$T/marks.u/.wh.a" ] || fail "no mark for a removed file"
[ -f "$T/marks.u/dir/.wh..wh..opq" ] || fail "no mark for an opaque directory"
[ ! -e "$T/marks.u/.wh.b" ] || fail "a mark is left beside what replaced it"

# As a lower layer the upper says the same, without any option.
mount_nacre "$T/marks.m" "$T/marks.u:$T/low"
look "$T/marks.m" >"$T/marks.lower"
unmount "$T/marks.m"
same_text "$T/marks.seen" "$T/marks.lower" "as a lower layer it looks different"

# Marks have no names that clients could use; a name too long for a mark stays.
mount_nacre "$T/marks.m" "$T/low" "$T/marks.u" "$T/marks.w" whiteout=aufs
if touch "$T/marks.m/.wh.mine" 2>/dev/null; then fail "a client made a mark"; fi
if rm "$T/marks.m/$(printf '%0252d' 2)" 2>/dev/null; then fail "removed without a mark"; fi
[ -e "$T/marks.m/$(printf '%0252d' 2)" ] || fail "gone after an error"
unmount "$T/marks.m"

# Without the option such names in the upper are names, as they are to kernel overlay.
if grep -qw overlay /proc/filesystems; then
	mount_overlay "$T/marks.m" "$T/low" "$T/marks.u" "$T/marks.w" metacopy=on,redirect_dir=on,index=on
	look "$T/marks.m" >"$T/kernel.seen"
	unmount "$T/marks.m"
	mount_nacre "$T/marks.m" "$T/low" "$T/marks.u" "$T/marks.w"
	look "$T/marks.m" >"$T/names.seen"
	unmount "$T/marks.m"
	grep -q '^\./\.wh\.a ' "$T/kernel.seen" || fail "the kernel shows no mark as a file"
	same_text "$T/kernel.seen" "$T/names.seen" "marks in the upper, without whiteout=aufs (-kernel +nacre)"
fi

# A mark that cannot be taken away: what should have replaced it is not there, either.
truncate -s 32M "$T/image"
mkfs.ext4 -q "$T/image"
mkdir "$T/fs"
mount -o loop "$T/image" "$T/fs" 2>/dev/null || skip "the rest needs loop devices"
mkdir "$T/fs/u" "$T/fs/w"
m=$T/marks.m
mount_nacre "$m" "$T/low" "$T/fs/u" "$T/fs/w" whiteout=aufs
rm "$m/a" "$m/b"
chattr +i "$T/fs/u/.wh.a" "$T/fs/u/.wh.b"
defer chattr -i "$T/fs/u/.wh.a" "$T/fs/u/.wh.b"
look "$m" >"$T/before"
for attempt in "touch $m/a" "mkdir $m/a" "ln $m/c $m/a" "mv -T $m/c $m/a" "mv -T $m/kept $m/b"; do
	if $attempt 2>/dev/null; then fail "done: $attempt"; fi
	look "$m" >"$T/after"
	same_text "$T/before" "$T/after" "$attempt failed, and changed something"
	[ ! -e "$T/fs/u/.wh.c" ] && [ ! -e "$T/fs/u/.wh.kept" ] || fail "$attempt left a mark"
done
unmount "$m"
mount_nacre "$m" "$T/low" "$T/fs/u" "$T/fs/w" whiteout=aufs
look "$m" >"$T/after"
same_text "$T/before" "$T/after" "after a remount"
unmount "$m"

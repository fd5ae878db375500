#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A union that cannot be mounted says which thing is wrong and what to do, changes
# nothing, and leaves upper and work fit for the next try. One that can is mounted,
# whatever else an engine says.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd findmnt

cd "$T"
mkdir -p l/in u w m m2 u2 w2 other
mount -t tmpfs "nacre-$TEST_ID" other
mkdir other/u other/w
layers="lowerdir=l,upperdir=u,workdir=w"

# refused STATUS TEXT ARGUMENT...
refused() {
	local status=$1 text=$2
	shift 2
	eq "$(status_of timeout 60 "$NACRE_UNIONFS" "$@")" "$status" "the status of: $*"
	has "$(cat err)" "$text" "what is said of: $*"
	eq "$(wc -l <err)" "${LINES_SAID:-2}" "one line what, one what to do: $*"
	eq "$(find u u2 other l -mindepth 1 -printf '%p ')" "other/w other/u l/in " "left by: $*"
}
refused 1 "upperdir 'u' and workdir 'other/w' are on different filesystems" \
	-o lowerdir=l,upperdir=u,workdir=other/w m
refused 1 "upperdir 'l' is the same as or inside lowerdir 'l'" -o lowerdir=l,upperdir=l,workdir=w m
refused 1 "upperdir 'l/in' is the same as or inside lowerdir 'l'" -o lowerdir=l,upperdir=l/in,workdir=w m
refused 1 "lowerdir 'l/in' is inside upperdir 'l'" -o lowerdir=l/in,upperdir=l,workdir=w m
refused 1 "upperdir 'u' and workdir 'u' lie one inside the other" -o lowerdir=l,upperdir=u,workdir=u m
refused 1 "lowerdir 'nope' does not exist" -o lowerdir=nope,upperdir=u,workdir=w m
refused 1 "mountpoint 'nope' does not exist" -o "$layers" nope
refused 2 "upperdir 'u' needs a workdir" -o lowerdir=l,upperdir=u m
refused 2 "no lowerdir given" -o upperdir=u,workdir=w m
refused 2 "no mountpoint given" -o "$layers"

# Two writers of one upper, or of one workdir; whoever came first goes on.
mount_nacre "$T/m" l u w
for other in u:w u:w2 u2:w; do
	eq "$(status_of timeout 60 "$NACRE_UNIONFS" -o "lowerdir=l,upperdir=${other%:*},workdir=${other#*:}" m2)" 1 \
		"a second union on $other"
	has "$(cat err)" "in use by another union" "what is said of a second union on $other"
done
echo text >m/file
unmount "$T/m"
eq "$(cat u/file)" text "what the first union wrote meanwhile"

# A volatile union that could not be mounted has lost nothing, and leaves no mark.
eq "$(status_of timeout 60 "$NACRE_UNIONFS" -o "$layers,volatile" nope)" 1 "a mount on nothing"
mount_nacre "$T/m" l u w
unmount "$T/m"
mount_nacre "$T/m" l u w volatile
unmount "$T/m"
eq "$(status_of timeout 60 "$NACRE_UNIONFS" -o "$layers" m)" 1 "a mount after a volatile one"
has "$(cat err)" "is marked unfit for use" "what is said after a volatile mount"
rm -r w/*/incompat

# What engines say beside: two commas, quotes around commas, colons first, things of
# other unions, the source of mount(8); each unknown word is told in one line.
context='context="system_u:object_r:container_file_t:s0:c1,c2"'
grep -q selinuxfs /proc/filesystems && context=private
eq "$(status_of timeout 60 "$NACRE_UNIONFS" -o "lowerdir=l,,upperdir=u" -o workdir=w,nodev,private,foo=bar \
	-o "$context,xino=auto,noacl,static_nlink,timeout=5,fsync=0,fast_ino=1,uidmapping=:0:0:65536" overlay m)" 0 \
	"an engine's options: $(cat err)"
has "$(cat err)" "unknown option 'foo=bar', ignoring" "what is said of an unknown option"
mountpoint -q m || fail "not mounted"
unmount "$T/m"
ln -s "$NACRE_UNIONFS" fuse-overlayfs
eq "$(status_of ./fuse-overlayfs -V)" 0 "-V under the name that engines look for"
eq "$(status_of ./fuse-overlayfs --version)" 0 "--version under that name"
timeout 60 ./fuse-overlayfs -o "$layers" m
unmount "$T/m"

# On top of one of its own layers, and inside one.
echo lower >l/shipped
for target in l u l/in; do
	timeout 60 "$NACRE_UNIONFS" -o "lowerdir=$T/l,upperdir=$T/u,workdir=$T/w" "$target"
	eq "$(timeout 60 cat "$target/shipped")" lower "a lower file, mounted on $target"
	echo new >"$target/made-in-${target//\//-}"
	eq "$(timeout 60 ls "$target/in")" "" "the mountpoint in itself, mounted on $target"
	unmount "$T/$target"
	eq "$(cat "u/made-in-${target//\//-}")" new "the upper, mounted on $target"
	eq "$(ls l)" "in
shipped" "the lower, mounted on $target"
done

# What the mount table shows as the source.
for source in "" overlay some/thing; do
	timeout 60 "$NACRE_UNIONFS" -o "$layers" ${source:+"$source"} m
	eq "$(findmnt -n -o SOURCE -M "$T/m")" "${source:-nacre-unionfs}" "the source, given '$source'"
	unmount "$T/m"
done
timeout 60 "$NACRE_UNIONFS" -o "$layers,fsname=mine" overlay m
eq "$(findmnt -n -o SOURCE -M "$T/m")" mine "the source with fsname="
unmount "$T/m"

# mount -o remount,FLAG comes with the options of the mount table: the union that is
# there changes, and no other is put on top.
mount_nacre "$T/m" l u w
remount() { timeout 60 "$NACRE_UNIONFS" overlay m -o rw,user_id=0,group_id=0,default_permissions,allow_other,remount,"$1"; }
echo before >m/kept
remount ro,nodev
eq "$(status_of touch m/made)" 1 "a change while it is read-only"
has "$(cat err)" "Read-only file system" "what is said of a change while it is read-only"
has "$(findmnt -n -o OPTIONS -M "$T/m")" "nodev" "the flags after a remount"
eq "$(findmnt -n -o TARGET -M "$T/m" | wc -l)" 1 "mounts after a remount"
remount rw
echo after >>m/kept
eq "$(cat m/kept)" "before
after" "a file over two remounts"
exec 5>>m/kept
eq "$(status_of remount ro)" 1 "a remount while a file is written"
has "$(cat err)" "cannot remount 'm': Device or resource busy" "what is said of it"
exec 5>&-
unmount "$T/m"
eq "$(status_of remount ro)" 1 "a remount of nothing"
has "$(cat err)" "cannot remount 'm': Invalid argument" "what is said of it"

# The layers' own mount may go while the union is there, as with kernel overlay.
mkdir lone
mount -t tmpfs "nacre-$TEST_ID" lone
mkdir lone/l lone/u lone/w
echo lower >lone/l/file
mount_nacre "$T/m" lone/l lone/u lone/w
umount lone || fail "a union keeps the mount that its layers are on"
mv m/file m/other
echo more >>m/other
eq "$(cat m/other)" "lower
more" "a file that was renamed and written without the layers' mount"
unmount "$T/m"

# An upper that cannot be written makes a union to be read.
mount -o remount,ro other
timeout 60 "$NACRE_UNIONFS" -o lowerdir=l,upperdir=other/u,workdir=other/w "$T/m"
eq "$(cat m/shipped)" lower "a lower file over a read-only upper"
eq "$(status_of touch m/new)" 1 "writing to it"
has "$(cat err)" "Read-only file system" "what is said of writing to it"
unmount "$T/m"

# What fuse-overlayfs noted in a layer is no attribute of the file.
setfattr -n user.fuseoverlayfs.origin -v x l/shipped 2>/dev/null || exit 0
setfattr -n user.mine -v x l/shipped
mount_nacre "$T/m" l u w
eq "$(getfattr -d -m - m/shipped 2>/dev/null | grep -c fuseoverlayfs)" 0 "a note of fuse-overlayfs"
eq "$(getfattr --only-values -n user.mine m/shipped)" x "an attribute beside it"
unmount "$T/m"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever puts the layers together, the same tree is seen, and its changes go or
# stay with the container; without a word of the user's the first that works is taken.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_private_mounts
need_fs overlay
need_cmd jq setcap
defer nacre --root "$STATE" rm --force "$TEST_ID"

make_root "$T/base"
mkdir -p "$T/base/dir/sub" "$T/base/opaque/below" "$T/top/dir" "$T/top/opaque"
echo base >"$T/base/file"
echo base >"$T/base/dir/sub/deep"
echo gone >"$T/base/dir/gone"
echo one >"$T/base/first"
ln "$T/base/first" "$T/base/dir/second"
cp "$T/base/bin/busybox" "$T/base/suid"
chown 3:4 "$T/base/suid"
chmod 4755 "$T/base/suid"
cp "$T/base/bin/busybox" "$T/base/capable"
setcap cap_net_raw+ep "$T/base/capable"
echo top >"$T/top/file"
mknod "$T/top/dir/gone" c 0 0
echo new >"$T/top/opaque/new"
setfattr -n trusted.overlay.opaque -v y "$T/top/opaque"
chmod 711 "$T/top/dir"
touch -d 2001-02-03T04:05:06Z "$T/top/file"

# What a container sees of its root, and does to it.
# shellcheck disable=SC2016
look='cat /file /dir/sub/deep /first /opaque/new; ls /dir /opaque; stat -c "%n %h %a %u:%g %Y" /file /first /dir/second /suid | sort; stat -c "%n %a %u:%g %Y" /dir
cat /dir/second; echo changed >/first; rm /file; ls /file 2>&1; mkdir /made && echo made'
# show DRIVER OPTION... - that, and that the layers are as they were
show() {
	local before after
	before=$(find "$T/base" "$T/top" -printf '%p %y %m %s %T@\n' | sort | sha256sum)
	timeout 60 nacre --root "$STATE" run --rootfs-driver "$1" --no-views "${@:2}" -l "$T/top" -l "$T/base" -- \
		sh -c "$look" 2>&1
	after=$(find "$T/base" "$T/top" -printf '%p %y %m %s %T@\n' | sort | sha256sum)
	eq "$after" "$before" "$1: the layers are untouched"
}
show overlay >"$T/wanted"
has "$(cat "$T/wanted")" made "the kernel's overlay"
for driver in unionfs vfs; do
	[ "$driver" != unionfs ] || [ -c /dev/fuse ] || continue
	show "$driver" >"$T/got"
	same_text "$T/got" "$T/wanted" "$driver beside the kernel's overlay"
	leaves_nothing "after $driver"
done

# A kept one goes on where it was.
vfs() { timeout 60 nacre --root "$STATE" run --rootfs-driver vfs --no-views --name "$TEST_ID" "$@"; }
vfs --keep -l "$T/base" -- sh -c 'echo x >>/kept; wc -l </kept' >"$T/got"
n start "$TEST_ID" >>"$T/got"
eq "$(tr '\n' ' ' <"$T/got")" "1 2 " "changes stay"
upper=$(n inspect "$TEST_ID" | jq -r '.[0].upper')
has "$(getcap "$upper/capable")" cap_net_raw "capabilities of files"
eq "$(status_of n diff "$TEST_ID")" 1 "diff"
has "$(cat "$T/err")" "not apart" "message about that"
n rm "$TEST_ID"
eq "$(status_of vfs --upper "$T/up" -- true)" 125 "an upper layer"
has "$(cat "$T/err")" "--upper" "message about that"
eq "$(vfs --userns -l "$T/base" -- sh -c 'id -u; stat -c %u /first; tr -s " " </proc/self/uid_map')" "0
0
 0 100000 65536" "with mapped ids"

# A layer that is not whole without the one below.
mkdir -p "$T/moved/new"
setfattr -n trusted.overlay.redirect -v /dir "$T/moved/new"
eq "$(status_of vfs -l "$T/moved" -l "$T/base" -- true)" 125 "a redirected directory"
has "$(cat "$T/err")" "cannot be copied" "message about that"
leaves_nothing "after vfs"

# The first that works.
mkdir "$T/alone"
cp "$NACRE_BUILD/nacre" "$T/alone"
PATH=/usr/bin:/bin timeout 60 "$T/alone/nacre" --root "$STATE" run --no-views --keep --name "$TEST_ID" -l "$T/base" -- true
if ! command -v /usr/bin/nacre-unionfs >/dev/null && [ ! -e /usr/local/bin/nacre-unionfs ]; then
	eq "$(n inspect "$TEST_ID" | jq -r '.[0].driver')" overlay "the driver without nacre-unionfs"
fi
n rm "$TEST_ID"
if [ -c /dev/fuse ]; then
	timeout 60 nacre --root "$STATE" run --no-views --keep --name "$TEST_ID" -l "$T/base" -- true
	eq "$(n inspect "$TEST_ID" | jq -r '.[0].driver')" unionfs "the driver with it"
	n rm "$TEST_ID"
fi

# btrfs: a file system of the test's own.
eq "$(status_of timeout 60 nacre --root "$STATE" run --rootfs-driver btrfs --no-views -l "$T/base" -- true)" \
	"$([ "$(stat -f -c %T "$T")" = btrfs ] && echo 0 || echo 125)" "btrfs where there is none"
[ "$(stat -f -c %T "$T")" = btrfs ] || has "$(cat "$T/err")" "must be on btrfs" "message about that"
leaves_nothing "after that"
need_fs btrfs
need_cmd mkfs.btrfs btrfs losetup
truncate -s 256M "$T/disk"
mkfs.btrfs -q "$T/disk" 2>/dev/null || skip "mkfs.btrfs fails here"
loop=$(losetup -f --show "$T/disk" 2>/dev/null) || skip "no loop device here"
defer losetup -d "$loop"
mkdir "$T/btrfs"
mount "$loop" "$T/btrfs"
export NACRE_DATA_DIR=$T/btrfs/data
show btrfs >"$T/got"
same_text "$T/got" "$T/wanted" "btrfs beside the kernel's overlay"
eq "$(ls "$NACRE_DATA_DIR/scratch")" "" "no subvolume is left"
# A snapshot of one that is a subvolume, with one in it that the container made.
btrfs -q subvolume create "$T/btrfs/layer"
cp -a "$T/base/." "$T/btrfs/layer"
timeout 60 nacre --root "$STATE" run --rootfs-driver btrfs --no-views --keep --name "$TEST_ID" -l "$T/btrfs/layer" -- \
	sh -c 'echo changed >/file'
upper=$(n inspect "$TEST_ID" | jq -r '.[0].upper')
eq "$(cat "$upper/file" "$T/btrfs/layer/file")" "changed
base" "the snapshot and its layer"
btrfs subvolume show "$upper" | grep -q "Parent UUID:[[:space:]]*[0-9a-f]\{8\}-" || fail "it is no snapshot"
btrfs -q subvolume create "$upper/nested"
touch "$upper/nested/file"
n rm "$TEST_ID"
eq "$(ls "$NACRE_DATA_DIR/scratch")" "" "no subvolume is left"

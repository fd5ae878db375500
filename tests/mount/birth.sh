#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# When an object was born (stat -c %W), as kernel overlay tells it of the same layers: of
# lower, upper, merged and copied-up objects, and of every kind. A kernel before 6.6, or a
# filesystem that does not know, tells of none.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_fs overlay
need_union
need_cmd mkfs.ext4 python3

truncate -s 64M "$T/image"
mkfs.ext4 -q "$T/image"
mkdir "$T/fs"
mount -o loop "$T/image" "$T/fs" 2>/dev/null || skip "no loop devices"
cd "$T/fs" || exit
mkdir -p low/dir/sub low/both base/both m
echo lower >low/file
echo lower >low/dir/changed
ln low/file low/link
ln -s file low/symlink
mkfifo low/fifo
mknod low/device c 300 70000
names="file link symlink fifo device dir dir/sub dir/changed both"

# births [NAME...] - names and times of birth, to the nanosecond
births() { (cd m && stat -c '%n %w' "$@"); }
times_of() { stat -c '%n %w' "$@"; }

# told BY FILE NAME... - into FILE, what a fresh mount by BY says
told() {
	local by=$1 to=$2 options=
	shift 2
	[ "$by" != overlay ] || [ ${#upper[@]} = 0 ] || options=metacopy=on
	"mount_$by" "$T/fs/m" "$T/fs/low:$T/fs/base" "${upper[@]}" $options || fail "$by cannot mount"
	births "$@" >"$to"
	unmount "$T/fs/m"
}

upper=()
# shellcheck disable=SC2086	# several names
{
	told overlay "$T/kernel" $names
	grep -q ' [12]' "$T/kernel" || skip "no times of birth here"
	told nacre "$T/nacre" $names
}
if grep -q ' -$' "$T/nacre" && [ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" != 6.6 ]; then
	skip "this kernel does not ask FUSE for times of birth"
fi
same_text "$T/kernel" "$T/nacre" "of lower objects (-kernel +nacre)"

# Changed by ours: copies, new ones, each seen while it is mounted and after.
mkdir up work
upper=("$T/fs/up" "$T/fs/work")
mount_nacre "$T/fs/m" "$T/fs/low:$T/fs/base" "${upper[@]}"
echo new >m/new
mkdir m/newdir
ln -s x m/newlink
chmod 600 m/file
echo more >>m/dir/changed
mv m/symlink m/moved
# shellcheck disable=SC2086
names="file dir dir/changed moved new newdir newlink both device"
# shellcheck disable=SC2086
births $names >"$T/while"
# shellcheck disable=SC2086
(cd up && times_of file dir dir/changed moved new newdir newlink) >"$T/disk"
head -n 7 "$T/while" >"$T/while.upper"
same_text "$T/disk" "$T/while.upper" "of what the upper holds (-disk +shown)"
unmount "$T/fs/m"
# shellcheck disable=SC2086
{
	told overlay "$T/kernel" $names
	told nacre "$T/nacre" $names
}
same_text "$T/kernel" "$T/nacre" "of copies and new objects (-kernel +nacre)"
same_text "$T/kernel" "$T/while" "before the remount (-kernel +nacre)"

# The same request carries all other attributes, for who asks for both at once.
cat >"$T/all.py" <<'END'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
for name in sys.argv[1:]:
    for mask in 0x7ff, 0xfff:       # without and with STATX_BTIME
        out = ctypes.create_string_buffer(256)
        # AT_FDCWD, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC
        if libc.statx(-100, name.encode(), 0x100 | 0x2000, mask, out):
            sys.exit(f"{name}: {os.strerror(ctypes.get_errno())}")
        mode = struct.unpack_from("=H", out, 28)[0]
        links, uid, gid = struct.unpack_from("=III", out, 16)
        ino, size, blocks = struct.unpack_from("=QQQ", out, 32)
        rdev = struct.unpack_from("=II", out, 128)
        times = [struct.unpack_from("=qI", out, 64 + 16 * i) for i in (0, 2, 3)]
        got = mode, links, uid, gid, ino, size, blocks, rdev, times
        if mask == 0x7ff:
            without = got
        elif got != without:
            sys.exit(f"{name}: {got}, without the time of birth {without}")
END
mount_nacre "$T/fs/m" "$T/fs/low:$T/fs/base" "${upper[@]}"
# shellcheck disable=SC2086
(cd m && python3 "$T/all.py" $names fifo link dir/sub) || fail "other attributes differ"
unmount "$T/fs/m"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything an archive says about an object arrives: owner, mode, times, links,
# extended attributes, capabilities, devices, holes, any byte in a name. What it
# does not say is taken from the layers below.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_private_mounts
need_fs overlay
need_cmd getfattr setfattr setcap

# --- an archive by GNU tar against what GNU tar unpacks ---------------------------

mkdir -p "$T/src/dir/sub" "$T/src/bin" "$T/copy" "$T/mnt"
cd "$T/src"
echo data >file
ln file hard
ln file dir/hard
ln -s dir/../file soft
ln hard soft-hard
ln -s /nowhere dangling
cp /bin/true bin/suid
chown 12:34 bin/suid
chmod 6755 bin/suid
cp /bin/true bin/cap
setcap cap_net_raw+ep bin/cap
mknod null c 1 3
mknod block b 7 9
mkfifo fifo
chown -h 4000000000:70000 soft
mkdir -m 1777 tmp
mkdir -m 0 closed
touch -d '2001-02-03 04:05:06.789012345' file
touch -h -d '1999-12-31 23:59:59.5' soft
setfattr -n user.one -v 1 file
setfattr -n user.two -v "$(printf 'x%.0s' {1..1000})" dir
setfattr -n trusted.three -v 3 file
# A union's own mark inside an image is plain data.
setfattr -n trusted.overlay.opaque -v y dir/sub
setfattr -n trusted.overlay.whiteout -v y bin/cap
truncate -s 5M sparse
printf tail | dd of=sparse bs=1 seek=3000000 conv=notrunc status=none
truncate -s 1M hole
touch "$(printf 'bytes-\xff\xfe')" "$(printf 'e\xcc\x81')" "$(printf '\xc3\xa9')" 'a b' $'new\nline'
long=$(printf 'n%.0s' {1..255})
mkdir -p "deep/$long/$long"
touch "deep/$long/$long/$long"
ln -s "$long/$long/$long/$long" deep/long
touch -d '2010-01-01 00:00:00.25' dir/sub dir bin tmp deep .
cd "$T"

tar -C "$T/src" --format=pax --xattrs --xattrs-include='*' --sparse -cf "$T/1.tar" .
layout "$T/layout" v1 gzip "$T/1.tar"
import "$T/layout" copy
mount_image "$T/mnt" copy
tree "$T/src" >"$T/src.tree"
tree "$T/mnt" >"$T/mnt.tree"
same_text "$T/src.tree" "$T/mnt.tree" "a copy of everything"
eq "$(getfattr --absolute-names -n trusted.overlay.opaque --only-values "$T/mnt/dir/sub")" y "an image's own mark"
[ "$(stat -c %b "$T/mnt/sparse")" -lt 1000 ] || fail "the holes of a sparse file are filled"
eq "$(stat -c %b "$T/mnt/hole")" 0 "blocks of a file that is a hole"
[ "$(stat -c %i "$T/mnt/file")" = "$(stat -c %i "$T/mnt/dir/hard")" ] || fail "hard links"
umount "$T/mnt"
eq "$(stat -c %a "$NACRE_DATA_DIR/layers")" 700 "who may reach setuid files in the store"

# --- whiteouts and order -------------------------------------------------------------

# below FILE, above FILE, then what the kernel shows of both
both() {
	layout "$T/both" v1 plain "$@"
	import "$T/both" both
	mount_image "$T/mnt" both
	(cd "$T/mnt" && find . -mindepth 1 -printf '%P %M %U %Ts\n' | sort)
	umount "$T/mnt"
	nacre rmi both >/dev/null
}

mktar "$T/below.tar" <<-'END'
	mode 0751
	own 3 4
	time 1111111111
	pax SCHILY.xattr.user.mark kept
	d dir
	f dir/below x
	d dir/sub
	f dir/sub/below x
	f name x
	l link dir
END

# A whiteout hides nothing of its own layer, wherever it stands.
mktar "$T/above.tar" <<-'END'
	f .wh.dir
	d dir
	f dir/own x
	d dir/sub
	f dir/sub/.wh..wh..opq
	f name y
	f .wh.name
	f .wh.link
END
eq "$(both "$T/below.tar" "$T/above.tar")" "dir drwxr-xr-x 0 1000000000
dir/own -rw-r--r-- 0 1000000000
dir/sub drwxr-xr-x 0 1000000000
name -rw-r--r-- 0 1000000000" "whiteouts before what they do not hide"

mktar "$T/above.tar" <<-'END'
	d dir
	f dir/own x
	f dir/.wh..wh..opq
END
eq "$(both "$T/below.tar" "$T/above.tar")" "dir drwxr-xr-x 0 1000000000
dir/own -rw-r--r-- 0 1000000000
link lrwxrwxrwx 0 1000000000
name -rw-r--r-- 0 1000000000" "an opaque mark after what it does not hide"

# A directory that is only implied stays as it was; so does one behind a link.
mktar "$T/above.tar" <<-'END'
	f dir/own x
	f link/through x
END
eq "$(both "$T/below.tar" "$T/above.tar")" "dir drwxr-x--x 3 1111111111
dir/below -rw-r--r-- 0 1000000000
dir/own -rw-r--r-- 0 1000000000
dir/sub drwxr-xr-x 0 1000000000
dir/sub/below -rw-r--r-- 0 1000000000
dir/through -rw-r--r-- 0 1000000000
link lrwxrwxrwx 0 1000000000
name -rw-r--r-- 0 1000000000" "implied directories"

# What comes later wins, and a directory in a file's place is a new one.
mktar "$T/above.tar" <<-'END'
	f dir x
	d dir
	f dir/new x
	d name
	f name/in x
	f link one
	l link two
	d twice
	f twice/kept x
	mode 0700
	d twice
END
eq "$(both "$T/below.tar" "$T/above.tar")" "dir drwxr-xr-x 0 1000000000
dir/new -rw-r--r-- 0 1000000000
link lrwxrwxrwx 0 1000000000
name drwxr-xr-x 0 1000000000
name/in -rw-r--r-- 0 1000000000
twice drwx------ 0 1000000000
twice/kept -rw-r--r-- 0 1000000000" "entries that replace others"

# A whole layer that hides all below: overlay looks for no mark on a root.
mktar "$T/above.tar" <<-'END'
	f .wh..wh..opq
	f alone x
END
eq "$(both "$T/below.tar" "$T/above.tar")" "alone -rw-r--r-- 0 1000000000" "an opaque root"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An upper file system that holds no extended attributes (ramfs): directories are
# marked by files, everything is copied whole, and the tree is the same as elsewhere.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

mkdir -p "$T/low/dir/sub" "$T/low/gone/deep" "$T/low/emptied" "$T/m" "$T/fs"
echo x >"$T/low/emptied/x"
echo one >"$T/low/file"
echo two >"$T/low/dir/sub/two"
echo x >"$T/low/gone/deep/x"
head -c 100000 /dev/urandom >"$T/low/big"

work() {
	cd "$T/m"
	echo more >>file
	rm dir/sub/two
	rm -r gone
	mkdir gone
	touch gone/new
	chmod 600 big
	mv big bigger
	mkdir -p new/below
	mv new renamed
	rm emptied/x
	mv -T renamed emptied
	eq "$(ls emptied)" below "a directory renamed over one that was emptied"
	eq "$(ls gone)" new "a directory made again"
	eq "$(cat file)" "$(printf 'one\nmore')" "a file written to"
	eq "$(cmp bigger "$T/low/big" && echo same)" same "a file renamed"
	cd /
}
look() { (cd "$T/m" && find . -printf '%p %y %s\n' | sort && find . -type f -print0 | sort -z | xargs -0 cat | cksum); }

mount -t ramfs "nacre-$TEST_ID" "$T/fs"
mkdir "$T/fs/upper" "$T/fs/work"
mount_nacre "$T/m" "$T/low" "$T/fs/upper" "$T/fs/work"
work
look >"$T/seen"
unmount "$T/m"
mount_nacre "$T/m" "$T/low" "$T/fs/upper" "$T/fs/work"
look >"$T/again"
unmount "$T/m"
same_text "$T/seen" "$T/again" "mounted again it looks different"

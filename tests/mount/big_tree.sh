#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A tree of 20 000 files is through the union what it is below: tar says so.
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"
awk 'BEGIN {
	for (d = 0; d < 200; d++) {
		printf "mkdir d%d 0755\n", d
		for (f = 0; f < 96; f++)
			printf "put d%d/file-%d 0 %d %d\n", d, f, (d * 97 + f * 31) % 3000, f
		printf "symlink file-1 d%d/symlink\n", d
		printf "link d%d/file-2 d%d/link\n", d, d
		printf "fifo d%d/fifo 0640\n", d
		printf "chown d%d/file-3 %d %d\n", d, 1000 + d, 100
	}
	print "freeze"
}' >"$T/tree.ops"
"$LIB/fsops/fsops" run "$T/lower" "$T/tree.ops" >"$T/made"
! grep -v -- '-> [0-9]' "$T/made" || fail "could not make the tree"

# Without the top directory, whose times are the upper's, and without what tar
# itself writes differently each time.
archive() {
	(cd "$1" && tar --sort=name --numeric-owner --xattrs --format=posix \
		--pax-option=exthdr.name=%d/pax/%f,delete=atime,delete=ctime -cf - d* | sha256sum)
}
wanted=$(archive "$T/lower")
mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work"
eq "$(archive "$T/merged")" "$wanted" "the archive, first time"
eq "$(archive "$T/merged")" "$wanted" "the archive, from caches"
eq "$(find "$T/merged" | wc -l)" "$(find "$T/lower" | wc -l)" "the number of names"
unmount "$T/merged"
eq "$(find "$T/upper" -mindepth 1 | wc -l)" 0 "reading leaves nothing in the upper"

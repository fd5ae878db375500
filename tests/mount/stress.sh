#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Eight threads make, move, delete and change files in shared directories while another
# walks: no name and no byte is lost or comes back, nothing stands still, also after a remount.
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"
for d in d0 d1 d2 d3; do
	mkdir "$T/lower/$d"
	for n in 1 2 3 4 5 6 7 8 9; do
		echo "$n" >"$T/lower/$d/shipped-$n"
	done
done
mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work"
timeout 300 "$LIB/churn" "$T/merged" 8 3000 1 >"$T/names" || fail "names got lost, or no end"

list() { (cd "$T/merged" && find d? -mindepth 1 ! -name program | LC_ALL=C sort); }
LC_ALL=C sort "$T/names" >"$T/wanted"
list >"$T/seen"
same_text "$T/wanted" "$T/seen" "the tree afterwards"
unmount "$T/merged"
[ -z "$(find "$T/work" -type f -o -type c | head -n 1)" ] ||
	note "left in the work directory: $(find "$T/work" | wc -l) objects"
mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work"
list >"$T/seen"
same_text "$T/wanted" "$T/seen" "the tree after a remount"
unmount "$T/merged"

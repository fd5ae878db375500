#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Directories that lead elsewhere, absolutely and beside, in layers upon layers, end up
# where kernel overlay's do.
#
#	diff_redirects.sh [--seed N] [--count N] [--layers N] [--lines N]
# timeout: 300
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"

seed=1 count=40 layers=5 lines=160
while [ $# != 0 ]; do
	case $1 in
	--seed) seed=$2 count=1 ; shift 2 ;;
	--count) count=$2 ; shift 2 ;;
	--layers) layers=$2 ; shift 2 ;;
	--lines) lines=$2 ; shift 2 ;;
	*) fail "no such option: $1" ;;
	esac
done

need_root
need_fuse
need_fs overlay
need_union
diff_filesystem tmpfs
mkdir "$D/merged"

for ((end = seed + count; seed < end; seed++)); do
	rm -rf "$D/lower"
	LOWERS=
	for ((n = 1; n <= layers; n++)); do
		"$FSOPS" generate-redirects $((seed * 100 + n)) "$lines" >"$T/layer.ops"
		diff_layer $n "$T/layer.ops"
	done
	cd "$D/lower"
	mount_overlay "$D/merged" "$LOWERS" "" "" redirect_dir=follow
	fsops_on kernel dump "$D/merged" >"$T/kernel.tree"
	unmount "$D/merged"
	mount_nacre "$D/merged" "$LOWERS"
	fsops_on nacre dump "$D/merged" >"$T/nacre.tree"
	unmount "$D/merged"
	cd /
	diff_same tree "the trees differ: again: tests/mount/diff_redirects.sh --seed $seed --layers $layers --lines $lines"
done

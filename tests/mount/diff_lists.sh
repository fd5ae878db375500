#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every list in ops/ ends the same on kernel overlay and on ours, over the
# layers in layers/ and with the upper on several filesystems.
#
#	diff_lists.sh [--fs TYPE] [--shrink] [LIST...]
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"

filesystems=(tmpfs ext4) shrink=
while [ $# != 0 ]; do
	case $1 in
	--fs) filesystems=("$2") ; shift 2 ;;
	--shrink) shrink=yes ; shift ;;
	*) break ;;
	esac
done
here=$NACRE_SRC/tests/mount
[ $# != 0 ] || set -- "$here"/ops/*.ops

need_root
need_fuse
need_fs overlay
need_union

failed=0
for fs in "${filesystems[@]}"; do
	diff_filesystem "$fs"
	diff_lists "$here/layers/top.ops" "$here/layers/middle.ops" "$here/layers/bottom.ops"
	for list; do
		name="${list##*/} on $fs"
		(diff_run "$name" "$list") && continue
		failed=$((failed + 1))
		note "again: tests/mount/diff_lists.sh --fs $fs --shrink $list"
		[ -z "$shrink" ] || diff_shrink "$name" "$list"
	done
done
[ $failed = 0 ] || fail "$failed lists end differently"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Eight threads make, move, replace and delete in shared directories, each knowing what
# must be there, while the union's worker is killed again and again. No name is lost
# or comes back, no operation fails, also after a remount.
#	kill_load.sh [OPERATIONS]	(of each thread; 2000)
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower"
for d in d0 d1 d2 d3; do
	mkdir "$T/lower/$d"
	for n in 1 2 3 4 5 6 7 8 9; do
		echo "$n" >"$T/lower/$d/shipped-$n"
	done
done
mount_killable -o data=cached
ls "$M" >"$T/listed"		# it serves
timeout 200 "$LIB/churn" "$M" 8 "${1:-2000}" 1 >"$T/names" &
churn=$!
kills=0
# A turn of a name's look-up by a fresh process is what comes between two kills.
while kill -0 "$churn" 2>/dev/null; do
	kill_worker
	kills=$((kills + 1))
	timeout 60 ls "$M/d0" >"$T/listed" || fail "a listing after kill $kills"
done
wait "$churn" || fail "names got lost, or an operation failed, after $kills kills"
note "$kills kills"
[ "$kills" -gt 0 ] || fail "nothing was ever killed"

list() { (cd "$M" && find d? -mindepth 1 | LC_ALL=C sort); }
LC_ALL=C sort "$T/names" >"$T/wanted"
list >"$T/seen"
same_text "$T/wanted" "$T/seen" "the tree afterwards"
unmount_killable
eq "$(cd "$T/work" && find . -mindepth 2 | grep -v '^./index')" "" "left in the work directory"
"$NACRE_UNIONFS" -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" "$M"
list >"$T/seen"
umount "$M"
same_text "$T/wanted" "$T/seen" "the tree after a remount"

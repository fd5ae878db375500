#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Uppers become lowers, as when an image is built layer by layer: after each
# random history the upper is put on top of the lowers and a new one is taken.
# A third side is mounted by the kernel and by us in turn, on the same upper in
# the middle of its history. All three must show the same tree at each step.
#
#	diff_rotate.sh [--seed N] [--count N] [--layers N] [--ops N]
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"

seed=1 count=4 layers=6 ops=60 long=$#
while [ $# != 0 ]; do
	case $1 in
	--seed) seed=$2 count=1 ; shift 2 ;;
	--count) count=$2 ; shift 2 ;;
	--layers) layers=$2 ; shift 2 ;;
	--ops) ops=$2 ; shift 2 ;;
	*) fail "no such option: $1" ;;
	esac
done

need_root
need_fuse
need_fs overlay
need_union

diff_filesystem tmpfs

# on SIDE BY ARGUMENT... - mount by kernel or nacre, call fsops, unmount
on() {
	local side=$1 by=$2 verb=$3
	LOWERS=$(lowers "$side")
	diff_mount "$side" "$by"
	shift 3
	fsops_on "$by" "$verb" "$D/$side/merged" "$@" || fail "$side: fsops $verb"
	unmount "$D/$side/merged"
}

# The base is $D/lower/1, what a side has added is in $D/SIDE/layers.
lowers() {	# SIDE
	local n
	for ((n = $(ls "$D/$1/layers" | wc -l); n > 0; n--)); do
		printf '../%s/layers/%d:' "$1" "$n"
	done
	printf 1
}

rotate() {	# SIDE
	local dir=$D/$1
	mv "$dir/upper" "$dir/layers/$(($(ls "$dir/layers" | wc -l) + 1))"
	rm -rf "$dir/work"
	mkdir "$dir/upper" "$dir/work"
}

# What one name of a hard link was changed to, kernel overlay shows under the others by
# its index, which stays behind when the upper becomes a lower layer. So no links here.
unlinked() { grep -v '^link'; }

round() {	# NUMBER
	local side half kind=generate
	[ $((seed % 2)) = 0 ] || kind=generate-moves
	"$FSOPS" $kind $((seed * 100 + $1)) "$ops" | unlinked >"$T/list.ops"
	split -n l/2 -d -a 1 "$T/list.ops" "$T/half"
	for half in 0 1; do
		on kernel kernel run "$T/half$half" >"$T/kernel.ops"
		on nacre nacre run "$T/half$half" >"$T/nacre.ops"
		diff_same ops "seed $seed, layer $1: operations answer differently"
		if [ $half = 0 ]; then
			on mixed kernel run "$T/half$half" >"$T/mixed.ops"
		else
			on mixed nacre run "$T/half$half" >"$T/mixed.ops"
		fi
		same_text "$T/kernel.ops" "$T/mixed.ops" "seed $seed, layer $1: in turn, operations"
	done
	on kernel kernel dump >"$T/kernel.tree"
	on nacre nacre dump >"$T/nacre.tree"
	diff_same tree "seed $seed, layer $1: the trees differ"
	on mixed kernel dump >"$T/mixed.tree"
	same_text "$T/kernel.tree" "$T/mixed.tree" "seed $seed, layer $1: in turn, seen by the kernel"
	on mixed nacre dump >"$T/mixed.tree"
	same_text "$T/kernel.tree" "$T/mixed.tree" "seed $seed, layer $1: in turn, seen by nacre"
	for side in kernel nacre mixed; do
		rotate $side
	done
}

history() {
	local n side
	"$FSOPS" generate-layer "$seed" 150 | unlinked >"$T/base.ops"
	diff_lists "$T/base.ops"
	for side in kernel nacre mixed; do
		rm -rf "${D:?}/$side"
		mkdir -p "$D/$side/upper" "$D/$side/work" "$D/$side/merged" "$D/$side/layers"
	done
	for ((n = 1; n <= layers; n++)); do
		round $n
	done
}

histories() {
	for ((end = seed + count; seed < end; seed++)); do
		(history) || fail "again: tests/mount/diff_rotate.sh --seed $seed --layers $layers --ops $ops"
	done
}

histories
[ "$long" = 0 ] || exit 0
seed=27 count=1 layers=8 ops=400
histories

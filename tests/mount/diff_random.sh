#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Random histories end the same on kernel overlay and on ours.
#
#	diff_random.sh [--seed N] [--count N] [--ops N] [--layers N] [--fs TYPE] [--shrink]
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"

seed=1 count=0 ops=400 layers=0 fs= shrink=
while [ $# != 0 ]; do
	case $1 in
	--seed) seed=$2 count=1 ; shift 2 ;;
	--count) count=$2 ; shift 2 ;;
	--ops) ops=$2 ; shift 2 ;;
	--layers) layers=$2 ; shift 2 ;;
	--fs) fs=$2 ; shift 2 ;;
	--shrink) shrink=yes ; shift ;;
	*) fail "no such option: $1" ;;
	esac
done

need_root
need_fuse
need_fs overlay
need_union

try() {		# SEED LAYERS FS
	local fs=$3
	[ -d "$T/fs-$fs" ] || diff_filesystem "$fs"
	D=$T/fs-$fs
	unset FSOPS_ANY_OPAQUE
	[ "$ops" -lt 2000 ] || export FSOPS_ANY_OPAQUE=yes	# see is_opaque_free()
	diff_random_layers "$2" "$1"
	"$FSOPS" generate "$1" "$ops" >"$T/random.ops"
	(diff_run "seed $1 on $fs with $2 layers" "$T/random.ops") && return
	note "again: tests/mount/diff_random.sh --seed $1 --ops $ops --layers $2 --fs $fs --shrink"
	[ -z "$shrink" ] || diff_shrink "seed $1" "$T/random.ops"
	exit 1
}

if [ $count != 0 ]; then
	for ((i = 0; i < count; i++)); do
		try $((seed + i)) "$((layers ? layers : 2))" "${fs:-tmpfs}"
	done
	exit
fi
for ((i = 1; i <= 8; i++)); do
	try $i 2 tmpfs
done
try 101 1 tmpfs
try 102 20 tmpfs
try 103 250 tmpfs
try 104 2 ext4
ops=10000
try 201 2 tmpfs
try 202 2 tmpfs
try 203 20 tmpfs
try 204 2 ext4

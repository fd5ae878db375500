#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kernel overlay and ours by turns on one upper, over the rarer forms of layers: whiteouts
# that are attributes, data-only layers, metacopies with a digest, escaped attributes, the
# mount's own uuid. Beside it goes an upper of the kernel's alone; after each step both
# must look the same, to the kernel and to us.
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"
need_root
need_fuse
need_fs overlay
need_union
need_cmd setfattr getfattr

diff_filesystem ext4
cd "$D" || exit

# The layers, made by hand as composefs and containers-storage make them.
mkdir -p lower/{top/removed,bottom/removed/sub,data}/
for name in stays goes gone both; do
	mkdir -p lower/bottom/marked/sub
	echo "lower $name" >"lower/bottom/marked/$name"
	echo "lower $name" >"lower/bottom/marked/sub/$name"
done
mkdir -p lower/top/marked/sub lower/top/plain
: >lower/top/marked/gone
: >lower/top/marked/sub/gone
# Not in a directory without the mark: what such a file is there depends, to the kernel, on
# whether it has met a marked directory of the same layer before.
setfattr -n trusted.overlay.whiteout -v y lower/top/marked/gone lower/top/marked/sub/gone
setfattr -n trusted.overlay.opaque -v x lower/top/marked lower/top/marked/sub
blob() {	# NAME DIGEST
	echo "data of $1" >"lower/data/blob-$1"
	: >"lower/top/$1"
	truncate -s "$(stat -c %s "lower/data/blob-$1")" "lower/top/$1"
	setfattr -n trusted.overlay.metacopy ${2:+-v "$2"} "lower/top/$1"
	setfattr -n trusted.overlay.redirect -v "/blob-$1" "lower/top/$1"
}
blob whole
blob moved
blob digest "0x00240001$(printf '%064d' 7)"
blob written "0x00240001$(printf '%064d' 8)"
echo nested >lower/top/nested
setfattr -n trusted.overlay.overlay.opaque -v y lower/top/nested
setfattr -n trusted.overlay.overlay.overlay.twice -v 2 lower/top/nested
LOWERS=top:bottom::data
DIFF_KERNEL_OPTIONS=metacopy=on,redirect_dir=on,index=on,uuid=on

# No directory of such whiteouts is removed: the kernel does not find it empty.
steps=(
	"rm marked/goes marked/sub/stays; echo back >marked/gone; chmod 600 digest; mv moved elsewhere"
	"setfattr -n trusted.overlay.mine -v 1 nested plain; setfattr -n trusted.overlay.overlay.deeper -v 2 nested; chmod 640 whole; mv digest plain/digest"
	"rm marked/gone; echo new >marked/sub/gone; echo more >>written; mv marked renamed; setfattr -x trusted.overlay.opaque nested"
	"rm -r removed; mkdir removed; echo x >renamed/sub/both; mv elsewhere plain/moved; chown 5:6 plain/digest"
	"mv renamed marked; cp -p plain/moved again; echo more >>plain/digest; setfattr -n trusted.overlay.last -v 3 marked plain"
	"rm marked/sub/both marked/stays; ln whole linked; chmod 604 linked; mv plain flat"
)

# seen SIDE BY - the tree and every attribute but what names the mount
seen() {
	diff_mount "$1" "$2"
	fsops_on "$2" dump "$D/$1/merged"
	(cd "$D/$1/merged" && getfattr -h -d -m - -R -e hex . | sed 's/^# file: //' | awk 'BEGIN { RS = "" } { print }' | sort)
	unmount "$D/$1/merged"
}

diff_dump_lowers >"$T/lowers.before"
for first in kernel nacre; do
	cd "$D"
	rm -rf kernel mixed
	mkdir -p {kernel,mixed}/{upper,work,merged}
	by=$first
	for ((n = 0; n < ${#steps[@]}; n++)); do
		for side in kernel mixed; do
			who=kernel
			[ $side = kernel ] || who=$by
			diff_mount $side "$who"
			(cd "$D/$side/merged" && bash -ec "${steps[n]}") || fail "step $n on $side by $who"
			unmount "$D/$side/merged"
		done
		if [ "$by" = kernel ]; then by=nacre; else by=kernel; fi
		seen kernel kernel >"$T/wanted"
		[ "$(grep -c trusted.overlay "$T/wanted")" -gt 0 ] || fail "no attribute is seen"
		seen mixed kernel >"$T/got"
		same_text "$T/wanted" "$T/got" "$first first, step $n: the kernel sees another tree (-wanted +got)"
		seen mixed nacre >"$T/got"
		same_text "$T/wanted" "$T/got" "$first first, step $n: nacre sees another tree (-wanted +got)"
		seen kernel nacre >"$T/got"
		same_text "$T/wanted" "$T/got" "$first first, step $n: nacre sees another tree in the kernel's (-wanted +got)"
		uuid=$(getfattr --only-values -n trusted.overlay.uuid "$D/mixed/upper" 2>/dev/null | od -An -tx1)
		[ "$n" -lt 1 ] || eq "$uuid" "$before" "$first first, step $n: the uuid of the upper changed"
		before=$uuid
	done
	[ -n "$uuid" ] || fail "no uuid"
done
diff_dump_lowers >"$T/lowers.after"
same_text "$T/lowers.before" "$T/lowers.after" "a lower layer has changed"

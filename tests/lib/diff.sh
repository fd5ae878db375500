# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/diff.sh - the same operations on a kernel overlay mount and on ours
#
# Side "kernel" and side "nacre" share the lower layers and have an upper and a
# work directory each, in $D. What must be equal: each operation's result, the
# tree afterwards, the upper on disk (see free_to_differ[] in fsops_dump.c for
# what may differ there), the tree after a remount, the tree that either sees
# when mounted on the other's upper. And no lower may change in any way.


FSOPS=$LIB/fsops/fsops
D=			# where the layers are, set by diff_filesystem
LOWERS=			# lowerdir=, set by diff_layers*

# What both can do. The kernel has these switched off by default.
DIFF_KERNEL_OPTIONS=${DIFF_KERNEL_OPTIONS-redirect_dir=on,index=on,metacopy=on}
DIFF_NACRE_OPTIONS=${DIFF_NACRE_OPTIONS-}

# diff_filesystem TYPE - where upper, work and lowers are from now on
diff_filesystem() {
	local type=$1
	D=$T/fs-$type
	mkdir "$D"
	case $type in
	plain) return ;;	# whatever $T is on
	tmpfs) mount -t tmpfs -o size=1g "nacre-$TEST_ID" "$D" ;;
	*)
		need_fs "$type"
		need_cmd "mkfs.$type"
		truncate -s 1G "$T/$type.img"
		"mkfs.$type" -q "$T/$type.img" >/dev/null
		mount -o loop "$T/$type.img" "$D"
		;;
	esac
}

# diff_layer NUMBER LIST - make lower layer NUMBER (1 is on top) by this list
diff_layer() {
	local dir=$D/lower/$1
	mkdir -p "$dir"
	"$FSOPS" run "$dir" "$2" >"$T/layer.out" || fail "cannot build layer $1"
	LOWERS+=${LOWERS:+:}$1
}

# diff_lists LIST... - the lower layers, the top one first
diff_lists() {
	local list n=0
	rm -rf "$D/lower"
	LOWERS=
	for list; do
		n=$((n + 1))
		diff_layer $n "$list"
	done
	diff_remember_lowers
}

# diff_random_layers COUNT SEED
diff_random_layers() {
	local n lines=150
	[ "$1" -le 3 ] || lines=40
	[ "$1" -le 50 ] || lines=8
	rm -rf "$D/lower"
	LOWERS=
	for ((n = 1; n <= $1; n++)); do
		"$FSOPS" generate-layer $(($2 * 1000 + n)) $lines >"$T/layer-$n.ops"
		diff_layer $n "$T/layer-$n.ops"
	done
	diff_remember_lowers
}

diff_remember_lowers() {
	diff_dump_lowers >"$T/lowers.before"
}

diff_dump_lowers() {
	local dir
	for dir in "$D"/lower/*; do
		"$FSOPS" layer "$dir"
	done
}

# diff_mount SIDE BY - mount the upper of SIDE by kernel or by nacre. The lowers
# have short names: the kernel takes one page of options.
diff_mount() {
	local dir=$D/$1
	cd "$D/lower"
	case $2 in
	kernel) mount_overlay "$dir/merged" "$LOWERS" "$dir/upper" "$dir/work" "$DIFF_KERNEL_OPTIONS" ;;
	nacre) mount_nacre "$dir/merged" "$LOWERS" "$dir/upper" "$dir/work" "$DIFF_NACRE_OPTIONS" ;;
	esac || fail "$2 cannot mount the layers of $1"
	cd /
}

diff_fresh() {
	local side
	for side in kernel nacre; do
		if mountpoint -q "$D/$side/merged" 2>/dev/null; then
			umount -l "$D/$side/merged"
		fi
		rm -rf "${D:?}/$side"
		mkdir -p "$D/$side/upper" "$D/$side/work" "$D/$side/merged"
	done
}

# fsops_on SIDE ARGUMENT... - leaves out what only the kernel does: see is_ghost() and show_entry()
fsops_on() {
	local ghosts=
	[ "$1" = nacre ] || ghosts=FSOPS_KERNEL=yes
	shift
	timeout 200 env $ghosts "$FSOPS" "$@"
}

# diff_see SIDE BY WHAT - mount it, write the tree to $T/WHAT, unmount it
diff_see() {
	diff_mount "$1" "$2"
	fsops_on "$2" dump "$D/$1/merged" >"$T/$3" || fail "cannot walk: $3"
	unmount "$D/$1/merged"
}

# diff_run NAME LIST - the whole comparison
diff_run() {
	local name=$1 list=$2 side
	diff_fresh
	for side in kernel nacre; do
		diff_mount "$side" "$side"
		fsops_on "$side" run "$D/$side/merged" "$list" >"$T/$side.ops" ||
			fail "$name: the list ended early on $side: $(tail -n 1 "$T/$side.ops")"
		fsops_on "$side" dump "$D/$side/merged" >"$T/$side.tree" ||
			fail "$name: cannot walk $side"
		unmount "$D/$side/merged"
		"$FSOPS" upper "$D/$side/upper" >"$T/$side.upper"
	done
	diff_same ops "$name: operations answer differently (-kernel +nacre)"
	diff_same tree "$name: the trees differ (-kernel +nacre)"
	diff_same upper "$name: the uppers on disk differ (-kernel +nacre)"

	diff_see kernel kernel kernel.again
	diff_see nacre nacre nacre.again
	diff_same again "$name: the trees differ after a remount (-kernel +nacre)"
	diff_see nacre kernel nacre-by-kernel
	same_text "$T/kernel.again" "$T/nacre-by-kernel" \
		"$name: the kernel sees another tree in nacre's upper (-kernel's own +nacre's)"
	diff_see kernel nacre kernel-by-nacre
	same_text "$T/kernel.again" "$T/kernel-by-nacre" \
		"$name: nacre sees another tree in the kernel's upper (-kernel +nacre)"

	diff_dump_lowers >"$T/lowers.after"
	same_text "$T/lowers.before" "$T/lowers.after" "$name: a lower layer has changed"
}

diff_same() {	# KIND WHAT
	same_text "$T/kernel.$1" "$T/nacre.$1" "$2"
}

# diff_verdict NAME LIST - what the comparison says first: nothing if all is equal
diff_verdict() {
	(diff_run "$1" "$2") 2>&1 | grep -m 1 '^FAIL: ' || true
}

# diff_shrink NAME LIST - print the shortest list found that fails the same way
diff_shrink() {
	local name=$1 chunk n start verdict
	verdict=$(diff_verdict "$name" "$2")
	cp "$2" "$T/shrunk"
	n=$(wc -l <"$T/shrunk")
	for ((chunk = n / 2; chunk > 0; chunk /= 2)); do
		for ((start = 1; start <= n; )); do
			sed "$start,$((start + chunk - 1))d" "$T/shrunk" >"$T/shorter"
			if [ "$(diff_verdict "$name" "$T/shorter")" = "$verdict" ]; then
				mv "$T/shorter" "$T/shrunk"
				n=$(wc -l <"$T/shrunk")
			else
				start=$((start + chunk))
			fi
		done
	done
	note "the shortest list that fails like this:"
	cat "$T/shrunk" >&2
	(diff_run "$name" "$T/shrunk") || true
}

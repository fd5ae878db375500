#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fsck: finds nothing in an upper that the kernel or the union left after a random
# history; finds each kind of damage, mends it, then finds nothing; and the kernel and
# the union show the same tree of what was mended. It keeps off what is mounted.
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
. "$NACRE_SRC/tests/lib/diff.sh"
need_private_mounts
need_fuse
need_fs overlay
need_union
need_cmd setfattr getfattr mkfs.ext4

diff_filesystem ext4
HERE=$NACRE_SRC/tests/mount/layers
KERNEL=redirect_dir=on,index=on,metacopy=on

# fsck [ARGUMENT...] - of the upper in $D/case; prints its status
fsck() {
	cd "$D/lower"
	status_of "$NACRE_UNIONFS" fsck "$@" \
		-o "lowerdir=$LOWERS,upperdir=$D/case/upper,workdir=$D/case/work${OPTIONS:+,$OPTIONS}"
	cd /
}

# --- what is not damaged ---------------------------------------------------------

healthy() {	# SIDE NAME
	rm -rf "$D/case"
	mv "$D/$1" "$D/case"
	eq "$(fsck)" 0 "$2 by $1: $(cat "$T/out" "$T/err")"
	eq "$(cat "$T/out")" "" "$2 by $1: something was found"
	mv "$D/case" "$D/$1"
}

for seed in 11 12 13; do
	diff_random_layers $((seed - 9)) $seed
	"$FSOPS" generate $seed 400 >"$T/history"
	diff_fresh
	for side in kernel nacre; do
		diff_mount "$side" "$side"
		fsops_on "$side" run "$D/$side/merged" "$T/history" >"$T/ops"
		unmount "$D/$side/merged"
		healthy "$side" "seed $seed"
	done
done

# --- what is ---------------------------------------------------------------------

cat >"$T/lower.ops" <<'EOL'
mkdir dir 0755
put dir/a 0 100 1
put dir/b 0 100 2
mkdir d2 0755
put d2/x 0 100 3
put d2/y 0 100 4
mkdir other 0755
put other/o 0 100 5
put file 0 20000 6
put h1 0 100 7
link h1 h2
link h1 h3
put gone 0 10 8
put back 0 10 9
symlink file sym
freeze
EOL
cat >"$T/upper.ops" <<'EOL'
unlink gone
unlink d2/x
rename dir moved
chmod file 0600
chmod h1 0600
mkdir new 0755
put new/n 0 50 9
chmod other/o 0640
mkdir plain 0755
put plain/p 0 50 10
EOL
diff_lists "$T/lower.ops"

attr() { setfattr -h -n "trusted.overlay.$1" -v "$2" "$3"; }
index_entry() { find work/index -type f -name '00fb*'; }
opaque=0x79
built=work/work		# where things are built

declare -A damage=(
	[stale]='mknod upper/never c 0 0; mknod upper/new/never c 0 0'
	[bare]='touch upper/back upper/nothing
		attr whiteout y upper/back; attr whiteout y upper/nothing'
	[aufs]='touch upper/.wh.back upper/.wh.nothing upper/d2/.wh..wh..opq'
	[opaque]='attr opaque maybe upper/plain'
	[redirect]='attr redirect a/b upper/moved'
	[dots]='attr redirect /../dir upper/moved'
	[long]='attr redirect "/$(printf "%0300d" 0)" upper/moved'
	[nowhere]='attr redirect /not/there upper/moved'
	[dead]='attr opaque $opaque upper/moved'
	[metacopy]='attr metacopy 0x0009 upper/file'
	[version]='attr metacopy 0x01040000 upper/file'
	[origin]='attr origin 0x00fc upper/other/o'
	[twice]='attr origin "0x$(getfattr -h -e hex -n trusted.overlay.origin --absolute-names upper/other/o | sed -n s/.*=0x//p)" upper/plain/p
		attr impure y upper/plain'
	[impure]='setfattr -x trusted.overlay.impure upper/other'
	[unlike]='attr impure n upper/other'
	[nlink]='attr nlink U-9 "$(index_entry)"'
	[nlinks]='attr nlink many "$(index_entry)"'
	[unindexed]='rm "$(index_entry)"'
	[uuid]='attr uuid 0x0102 upper'
	[alien]='touch work/index/what; mkdir work/index/00fb'
	[begun]='mkdir "work/index/#1f"; touch "work/index/#1f/x" "work/index/#20"'
	[dangling]='rm -f upper/h1; mv "$(index_entry)" "work/index/$(index_entry | sed "s,.*/,,; s/.\{16\}\$/ffffffff00000000/")"'
	[named]='mv "$(index_entry)" "work/index/$(index_entry | sed "s,.*/,,; s/.\{16\}\$/ffffffff00000000/")"'
	[wrong]='ln upper/plain/p x; mv -f x "$(index_entry)"
		attr origin "0x$(getfattr -h -e hex -n trusted.overlay.origin --absolute-names upper/moved | sed -n s/.*=0x//p)" upper/plain/p'
	[temp]='mkdir -p "$built/#1/a/b"; touch "$built/#1/a/b/c" "$built/#2"'
	[volatile]='mkdir -p $built/incompat/volatile; touch $built/incompat/volatile/dirty'
)
# What fsck says of each.
declare -A says=(
	[stale]='never: whiteout over nothing'
	[bare]='back: whiteout attribute in a directory'
	[aufs]=".wh.back: '.wh.' mark"
	[opaque]='plain: malformed opaque mark'
	[redirect]='moved: malformed redirect'
	[dots]='moved: malformed redirect'
	[long]='moved: malformed redirect'
	[nowhere]='moved: redirect to nothing'
	[dead]='moved: redirect of an opaque directory'
	[metacopy]='file: malformed metacopy'
	[version]='file: malformed metacopy'
	[origin]='other/o: malformed origin'
	[twice]='says that it came from where another'
	[impure]='other: holds copied-up objects'
	[unlike]='other: holds copied-up objects'
	[nlink]='impossible number of links'
	[nlinks]='impossible number of links'
	[unindexed]='h1: impossible number of links'
	[uuid]='.: malformed uuid'
	[alien]='WORKDIR/index/what: no entry of an index'
	[begun]='WORKDIR/index/#1f: unfinished object'
	[dangling]='entry of a file that is in no layer'
	[named]='entry of a file that is in no layer'
	[wrong]='entry of another file'
	[temp]='#1: unfinished object'
	[volatile]='volatile: mark of a volatile mount, which ended since'
)

see() {		# BY - the tree, as the kernel or the union shows it
	diff_mount case "$1"
	fsops_on "$1" dump "$D/case/merged" >"$T/case.$1" || fail "$name: cannot walk it on $1"
	unmount "$D/case/merged"
}

damaged() {	# SIDE NAME - an upper that was so written, and so damaged
	rm -rf "$D/case"
	cp -a "$D/$1" "$D/case"
	# Its root's number is in what the index belongs to.
	cd "$D/case"
	setfattr -x trusted.overlay.upper work/index 2>/dev/null || true
	eval "${damage[$2]}" || fail "cannot damage it: $2"
	cd /
}

diff_fresh
for side in kernel nacre; do
	diff_mount "$side" "$side"
	fsops_on "$side" run "$D/$side/merged" "$T/upper.ops" >"$T/ops"
	unmount "$D/$side/merged"
done
for name in "${!damage[@]}"; do
	for side in kernel nacre; do
		damaged $side "$name"
		"$FSOPS" upper "$D/case/upper" >"$T/before"
		eq "$(fsck)" 4 "$name by $side: its status; it said: $(cat "$T/out" "$T/err")"
		has "$(cat "$T/out")" "${says[$name]}" "$name by $side: what was found"
		"$FSOPS" upper "$D/case/upper" >"$T/after"
		same_text "$T/before" "$T/after" "$name: looking changed something"

		eq "$(fsck --repair)" 1 "$name by $side: mending: $(cat "$T/out" "$T/err")"
		has "$(cat "$T/out")" "${says[$name]}" "$name by $side: what was mended"
		eq "$(fsck)" 0 "$name by $side: afterwards; it said: $(cat "$T/out" "$T/err")"
		see kernel
		see nacre
		same_text "$T/case.kernel" "$T/case.nacre" "$name by $side: the trees, mended (-kernel +nacre)"
	done
done
note "${#damage[@]} kinds of damage mended"

# What is not brought back: a removed name, and a directory's own content only.
damaged kernel nowhere
eq "$(fsck --repair)" 1 "a redirect to nothing"
see nacre
! grep -q '^moved/' "$T/case.nacre" || fail "names came into a directory whose redirect was lost"
damaged kernel aufs
eq "$(fsck --repair)" 1 "marks of AUFS"
see kernel
! grep -qE '^(back|d2/y|gone) ' "$T/case.kernel" || fail "what a mark hid is back"

# --- what cannot be mended is said, and left ---------------------------------------

damage[lost]='attr redirect /not/there upper/file'
damage[refused]='attr metacopy 0x0009 upper/file'
damage[old]='mkdir -p $built/incompat/volatile; touch -d 1999-01-01 $built/incompat/volatile'
damage[unknown]='mkdir -p $built/incompat/future'
damage[foreign]='attr origin "0x$(getfattr -h -e hex -n trusted.overlay.origin --absolute-names upper/other/o | sed -n s/.*=0x//p)" upper'

left() {	# NAME TEXT [OPTIONS]
	local OPTIONS=${3:-}
	damaged kernel "$1"
	eq "$(fsck --repair)" 4 "$1: it said: $(cat "$T/out" "$T/err")"
	has "$(cat "$T/out")" "$2" "$1"
	eq "$(fsck)" 4 "$1, again"
}
left lost 'file: metacopy whose data is in no layer'
left refused 'file: malformed metacopy mark; the data is not' verity=require
left old 'writes may have been lost'
[ -d "$D/case/$built/incompat/volatile" ] || fail "the mark of a volatile mount is gone"
left unknown 'future: mark of a feature'
left foreign 'was used with other lower layers'

# --- and who may look -----------------------------------------------------------------

damaged nacre stale
for by in kernel nacre; do
	diff_mount case $by
	eq "$(fsck --repair)" 8 "of what $by has mounted"
	has "$(cat "$T/err")" 'in use' "$by"
	unmount "$D/case/merged"
done
eq "$(fsck --repair)" 1 "once unmounted"
eq "$(status_of "$NACRE_UNIONFS" fsck -o lowerdir=/)" 16 "without an upper"
eq "$(status_of "$NACRE_UNIONFS" fsck -o lowerdir=/,upperdir=/nowhere,workdir=/nowhere)" 8 "of nothing"
eq "$(status_of "$NACRE_UNIONFS" fsck --help)" 0 "help"

# --- the manual ------------------------------------------------------------------------

MANUAL=$NACRE_SRC/unionfs/nacre-unionfs-fsck.8
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$MANUAL" >"$T/lint" 2>/dev/null || fail "mandoc complains: $(cat "$T/lint")"
fi
example() { awk '/^\.Bd/ { n++; next } /^\.Ed/ { on = 0; if (n == want) exit } n == want' want="$1" "$MANUAL"; }
example 1 | sed "s|/tmp/|$T/|g" >"$T/example.sh"
example 2 >"$T/wanted"
eq "$(PATH=$(dirname "$NACRE_UNIONFS"):$PATH status_of bash -e "$T/example.sh")" 1 "the manual's example"
same_text "$T/wanted" "$T/out" "what the manual's example prints (-manual +program)"

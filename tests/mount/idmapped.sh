#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The union mounted once more with its ids shifted: who owns what, who may do what and
# what is made belongs to whom is as on a plain file system mounted so.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
FSOPS=$LIB/fsops/fsops

cat >"$T/shipped.ops" <<'E2'
put file 0 100 1
chown file 5 6
chmod file 0640
mkdir dir 2775
chown dir 7 8
chmod dir 2775
put dir/inner 0 10 2
chown dir/inner 7 8
mkdir open 1777
chmod open 1777
put group 0 10 3
chown group 0 9
chmod group 2660
put acl 0 20 71
setacl acl access user::6,user:12:6,group::4,mask::6,other::0
put nobody 0 10 4
chown nobody 70000 70000
E2
cat >"$T/shifted.ops" <<'E2'
stat file
stat dir
stat nobody
getacl acl access
as 100005 100005
read file
append file 5 5
stat file
chmod file 0600
chown file 100005 100005
chown file 100006 100005
create open/mine 0666
stat open/mine
mkdir open/dir 0755
stat open/dir
symlink x open/sym
stat open/sym
fifo open/fifo 0600
stat open/fifo
link open/mine open/mine2
rename open/mine open/moved
stat open/moved
append dir/inner 1 1
create dir/refused 0644
as 100020 100008
create dir/made 0644
stat dir/made
mkdir dir/sub 0755
stat dir/sub
unlink open/moved
as 100020 100020 100009
append group 1 1
stat group
as 100012 100012
append acl 1 1
read acl
as 100013 100013
read acl
as 0 0
create open/by-who-has-no-id 0644
chown file 5 5
stat file
as 100000 100000
chown file 100011 100012
stat file
chown nobody 100001 100001
setacl file access user::6,user:100011:6,group::4,mask::6,other::0
getacl file access
readdir open
readdir dir
E2

mkdir "$T/plain" "$T/m" "$T/layers"
mount -t tmpfs "nacre-$TEST_ID" "$T/layers"
mkdir "$T/layers/low" "$T/layers/plain" "$T/layers/u" "$T/layers/w"
for side in low plain; do
	"$FSOPS" run "$T/layers/$side" "$T/shipped.ops" >"$T/out" || fail "$(cat "$T/out")"
done
chmod 0755 "$T/layers/u"
mount_nacre "$T/m" "$T/layers/low" "$T/layers/u" "$T/layers/w"
mkdir "$T/shifted.plain" "$T/shifted.union"

# shift WHAT SOURCE
shift_ids() {
	local status=0
	"$LIB/idmapped" "$2" "$T/shifted.$1" 0 100000 65536 || status=$?
	[ $status != 77 ] || skip "this kernel cannot shift the ids of $1"
	[ $status = 0 ] || fail "cannot shift the ids of $1"
}
shift_ids plain "$T/layers/plain"
shift_ids union "$T/m"
for side in plain union; do
	timeout 60 "$FSOPS" run "$T/shifted.$side" "$T/shifted.ops" >"$T/$side.ops" ||
		fail "the list ended early on $side"
	timeout 60 "$FSOPS" dump "$T/shifted.$side" >"$T/$side.tree"
done
same_text "$T/plain.ops" "$T/union.ops" "operations answer differently (-plain +union)"
same_text "$T/plain.tree" "$T/union.tree" "the trees differ (-plain +union)"
timeout 60 "$FSOPS" dump "$T/layers/plain" >"$T/plain.disk"
timeout 60 "$FSOPS" dump "$T/m" >"$T/union.disk"
same_text "$T/plain.disk" "$T/union.disk" "who owns it without the shift (-plain +union)"
umount "$T/shifted.union" "$T/shifted.plain"
unmount "$T/m"

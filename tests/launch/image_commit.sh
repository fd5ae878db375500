#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Changes made in a container, committed, exported and imported elsewhere, show
# the same tree; also what overlay only keeps as a reference to the layers below.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_private_mounts
need_fs overlay
need_cmd getfattr setfattr setcap

mktar "$T/1.tar" <<-'END'
	d ./
	d etc
	f etc/a a
	f etc/b b
	d etc/sub
	f etc/sub/c c
	d etc/sub/deep
	f etc/sub/deep/d d
	d bin
	mode 4755
	f bin/tool tool
	h bin/link bin/tool
	d gone
	f gone/x x
	d opaque
	f opaque/below x
	f file text
END
mktar "$T/2.tar" <<-'END'
	f etc/sub/e e
	f etc/.wh.b
	d more
	f more/m m
END
layout "$T/layout" v1 gzip "$T/1.tar" "$T/2.tar"
import "$T/layout" base
mkdir "$T/upper" "$T/work" "$T/mnt" "$T/again"

# changed OPTION... - mount the base with an upper, so that it can be changed
mount_upper() {
	mount -t overlay overlay "$T/mnt" -o \
		"lowerdir=$(nacre images --layers base | paste -sd:),upperdir=$T/upper,workdir=$T/work${1:+,$1}"
}

mount_upper redirect_dir=on,metacopy=on
cd "$T/mnt"
echo changed >etc/a
rm bin/link
rm -r gone opaque
mkdir opaque
echo new >opaque/above
mv etc/sub moved			# a redirect
echo more >moved/new
rm moved/e
mv moved/deep moved/deeper		# another, inside
mkdir etc/sub				# and something in its place
echo s >etc/sub/s
mv more etc/more
chmod 600 file				# only attributes: no data in the upper
chown 5:6 moved/c
mv file renamed
echo data >data
ln data hard
ln -s /etc/a soft
setfattr -n user.x -v y data
setfattr -n trusted.overlay.opaque -v y data
cp /bin/true capable
setcap cap_chown+ep capable
mknod null c 1 3
mkfifo fifo
truncate -s 3M sparse
touch -d '2003-03-03 03:03:03.123456789' data etc soft
touch "$(printf 'e\xcc\x81')" "$(printf '\xc3\xa9')" "$(printf '\xff')"
cd "$T"
tree "$T/mnt" >"$T/changed.tree"
umount "$T/mnt"
getfattr -Rhd -m trusted.overlay --absolute-names "$T/upper" >"$T/marks"
grep -q redirect "$T/marks" && grep -q metacopy "$T/marks" || skip "this kernel kept no references"

# shows IMAGE WHAT
shows() {
	mount_image "$T/again" "$1"
	tree "$T/again" >"$T/again.tree"
	umount "$T/again"
	same_text "$T/changed.tree" "$T/again.tree" "$2"
}

nacre commit -q --upper "$T/upper" --image base --env X=2 --env Y=3 --cmd new --workdir /moved \
	-m 'what changed' new >/dev/null
shows new "the committed image"
for how in none gzip zstd; do
	nacre export --compress "$how" new "$T/out-$how" >/dev/null
	import "$T/out-$how" "again-$how"
	shows "again-$how" "exported with compression $how"
done
nacre export new "$T/out.tar" >/dev/null
import "$T/out.tar" from-archive
shows from-archive "exported as an archive"

# The same layers give the same bytes, so what nacre packed once keeps its digests.
nacre export again-gzip "$T/twice" >/dev/null
diff -r "$T/out-gzip/blobs" "$T/twice/blobs" >/dev/null || fail "a second export differs"

# Of the deletions nothing more is said than needed.
top=$(for blob in "$T"/out-none/blobs/sha256/*; do
	! tar -tf "$blob" 2>/dev/null | grep -x renamed >/dev/null || echo "$blob"
done)
eq "$(tar -tf "$top" 2>/dev/null | grep -a '\.wh\.' | LC_ALL=C sort)" ".wh.file
.wh.gone
.wh.more
bin/.wh.link
etc/sub/.wh..wh..opq
opaque/.wh..wh..opq" "whiteouts in the archive"

config=$NACRE_DATA_DIR/blobs/sha256/$(nacre images --json | grep -A1 '"new:latest"' | grep -o '[0-9a-f]\{64\}')
has "$(cat "$config")" '"Env":["PATH=/bin","X=2","Y=3"]' "variables"
has "$(cat "$config")" '"Cmd":["new"]' "the command"
has "$(cat "$config")" '"Entrypoint":["/entry"]' "the entrypoint stays"
has "$(cat "$config")" '"comment":"what changed"' "the history"

# A change on top of the change; and a base that goes while its layers are needed.
rm -rf "$T/upper" "$T/work"
mkdir -p "$T/upper/etc" "$T/work"
echo second >"$T/upper/etc/second"
nacre commit -q --upper "$T/upper" --image new newer >/dev/null
nacre rmi base new >/dev/null
eq "$(nacre images --layers newer | wc -l)" 4 "layers of the newest"
mount_image "$T/again" newer
eq "$(cat "$T/again/etc/second" "$T/again/renamed" "$T/again/moved/deeper/d")" "second
textd" "files of all layers"
umount "$T/again"

# No base: the directory is all.
mkdir "$T/alone"
echo alone >"$T/alone/file"
nacre commit -q --upper "$T/alone" alone >/dev/null
eq "$(cat "$(top_layer alone)/file")" alone "an image without a base"

# What cannot be said in a layer is refused, not left out.
echo x >"$T/alone/.wh.file"
eq "$(status_of nacre commit -q --upper "$T/alone" bad)" 125 "a file like a whiteout"
has "$(cat "$T/err")" "would read this name as a whiteout" "a file like a whiteout"
eq "$(status_of nacre export alone "$T/out-none")" 125 "exporting over something"
has "$(cat "$T/err")" "exists already" "exporting over something"
eq "$(find "$T" -maxdepth 1 -name '.nacre-export*')" "" "left beside the export"
eq "$(ls "$NACRE_DATA_DIR/tmp")" "" "left in tmp/"

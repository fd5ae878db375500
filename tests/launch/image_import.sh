#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An image comes in from a layout, a docker archive, an archive of a layout,
# compressed or not, from a file or a pipe: it is always the same image, and its
# layers mounted by the kernel are the tree that the archives describe.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_private_mounts
need_fs overlay
need_cmd zstd getfattr

mktar "$T/1.tar" <<-'END'
	d ./
	d ./etc
	f ./etc/changed one
	f ./etc/deleted one
	d ./var
	f ./var/hidden one
	d ./old
	f ./old/x one
	f ./untouched one
END
mktar "$T/2.tar" <<-'END'
	d ./
	d ./etc
	f ./etc/changed two
	f ./etc/.wh.deleted
	d ./var
	f ./var/shown two
	f ./var/.wh..wh..opq
	f ./.wh.old
END

# What the two describe, made without nacre.
mkdir -p "$T/expect" "$T/mnt"
tar -C "$T/expect" -xpf "$T/1.tar"
rm -r "$T/expect/etc/deleted" "$T/expect/var/hidden" "$T/expect/old"
tar -C "$T/expect" -xpf "$T/2.tar" --exclude='.wh.*'
tree "$T/expect" >"$T/expect.tree"

# imported FROM NAME - the image shows the tree
imported() {
	mount_image "$T/mnt" "$2"
	tree "$T/mnt" >"$T/got.tree"
	umount "$T/mnt"
	same_text "$T/expect.tree" "$T/got.tree" "$1: the tree"
}

for how in plain gzip zstd; do
	layout "$T/$how" v1 "$how" "$T/1.tar" "$T/2.tar"
	import "$T/$how" "from-$how"
	imported "a layout, $how" "from-$how"
done
docker_archive "$T/docker.tar" example.com/app:v2 "$T/1.tar" "$T/2.tar"
import "$T/docker.tar"
imported "a docker archive" example.com/app:v2
tar -C "$T/gzip" -cf "$T/oci.tar" .
import "$T/oci.tar"
imported "an archive of a layout" oci:v1
gzip -kf "$T/docker.tar"
import "$T/docker.tar.gz" packed
imported "a compressed archive" packed
nacre import -q - piped <"$T/docker.tar.gz" >/dev/null
imported "an archive on stdin, a file" piped
cat "$T/docker.tar.gz" | nacre import -q - piped2 >/dev/null
imported "an archive on stdin, a pipe" piped2

# One image, whatever it came in: the same id, the same two layers.
eq "$(nacre images --json | grep -c '"id":"sha256:'"$(digest "$T/.config")"'"')" 8 "images with this id"
eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" 2 "layers in the store"
eq "$(ls "$NACRE_DATA_DIR/tmp")" "" "left in tmp/"

# A layer that is there is not read again: its blob may even be gone.
rm "$T"/gzip/blobs/sha256/"$(digest "$T/1.tar.gz")"
import "$T/gzip" again
imported "layers that are there" again

# Names: the tag and what precedes the last component may be left out.
eq "$(nacre images --layers app:v2 | wc -l)" 2 "a name's tail"
eq "$(nacre images --layers "$(digest "$T/.config" | cut -c1-12)" | wc -l)" 2 "digits of an id"
eq "$(status_of nacre images --layers app)" 125 "another tag"
has "$(cat "$T/err")" "There is 'example.com/app:v2'" "another tag's message"

# What no one names any more is removed, and no sooner.
nacre rmi from-plain from-gzip from-zstd oci:v1 packed piped piped2 again >/dev/null
eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" 2 "layers while one image has them"
nacre rmi app:v2 >/dev/null
eq "$(find "$NACRE_DATA_DIR/layers/sha256" "$NACRE_DATA_DIR/blobs/sha256" -mindepth 1)" "" \
	"layers and blobs when no image is left"
eq "$(nacre images -q)" "" "images at the end"
eq "$(status_of nacre rmi app:v2)" 125 "removing what is not there"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A damaged or nonsensical image is refused, the message says what is wrong with
# which part of it, and the store stays as it was.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_root
need_cmd zstd

mktar "$T/1.tar" <<<'f one one'
mktar "$T/2.tar" <<-'END'
	d dir
	f dir/two two
END
layout "$T/good" v1 gzip "$T/1.tar" "$T/2.tar"
docker_archive "$T/good.tar" app:v1 "$T/1.tar" "$T/2.tar"
blob2=blobs/sha256/$(digest "$T/2.tar.gz")
config=blobs/sha256/$(digest "$T/.config")
manifest=blobs/sha256/$(digest "$T/.manifest")

again() {
	rm -rf "$T/bad"
	cp -r "$T/good" "$T/bad"
	cd "$T/bad"
}

# refused MESSAGE WHAT [PATH]
refused() {
	eq "$(status_of timeout 60 nacre import -q "${3:-$T/bad}" bad)" 125 "$2: status"
	has "$(cat "$T/err")" "$1" "$2: the message"
	eq "$(wc -l <"$T/out")" 0 "$2: output"
	eq "$(ls "$NACRE_DATA_DIR/tmp" "$NACRE_DATA_DIR/images" | grep -v : | grep .)" "" "$2: left behind"
}

# --- blobs ---------------------------------------------------------------------------

again; truncate -s -1 "$blob2"
refused "layer 2 of 2 ($(digest "$T/2.tar" | cut -c1-12)): its blob is truncated" "a truncated blob"
again; truncate -s 0 "$blob2"
refused "its blob is truncated: 0 bytes" "an empty blob"
again; echo >>"$blob2"
refused "its blob is too long" "a longer blob"
again; printf X | dd of="$blob2" bs=1 seek=30 conv=notrunc status=none
refused "its blob is damaged: it has the digest" "a changed byte"
again; head -c "$(size "$blob2")" /dev/urandom >"$blob2.x"; mv "$blob2.x" "$blob2"
refused "its blob is damaged" "noise"
again; rm "$blob2"
refused "cannot read '$blob2'" "a missing blob"
again; rm "$blob2"; mkfifo "$blob2"
refused "cannot read '$blob2'" "a fifo"
again; mv "$blob2" "$T/outside"; ln -s "$T/outside" "$blob2"
refused "cannot read '$blob2'" "a blob outside of the layout"
again; truncate -s -1 "$config"
refused "'$config' is truncated" "a truncated config"
again; sed -i 's/linux/Linux/' "$config"
refused "'$config' is damaged" "a changed config"
again; sed -i 's/:2,/:3,/' "$manifest"
refused "'$manifest' is damaged" "a changed manifest"

# A blob that is what it should be, of a content that is not.
mktar "$T/other.tar" <<<'f other other'
real_config() { make_config "$1" "$T/1.tar" "$T/other.tar"; }
eval "$(declare -f make_config | sed '1s/make_config/true_config/')"
make_config() { true_config "$1" "$T/1.tar" "$T/other.tar"; }
rm -rf "$T/bad"
layout "$T/bad" v1 gzip "$T/1.tar" "$T/2.tar"
refused "its content has the digest sha256:$(digest "$T/2.tar")" "another content"
make_config() { true_config "$1" "$T/1.tar"; }
rm -rf "$T/bad"
layout "$T/bad" v1 gzip "$T/1.tar" "$T/2.tar"
refused "the image has 2 layers, and its config names 1" "a layer too many"
make_config() { true_config "$@"; }

# A good tar that is compressed badly, with digests that say so.
# (Of a layer that is in the store the blob would not be read.)
mktar "$T/3.tar" <<<'f three three'
rm -rf "$T/bad"
compress() { packed=$2.gz suffix=+gzip; gzip -nkf "$2"; truncate -s 60 "$packed"; }
layout "$T/bad" v1 gzip "$T/3.tar"
refused "layer 1 of 1" "a blob that was truncated before its digest was made"
rm -rf "$T/bad"
compress() { packed=$T/noise suffix=; head -c 5000 /dev/zero | tr '\0' x >"$packed"; }
layout "$T/bad" v1 plain "$T/3.tar"
refused "layer 1 of 1" "a layer that is no archive"

# --- archives ----------------------------------------------------------------------------

head -c $(($(size "$T/good.tar") / 2)) "$T/good.tar" >"$T/half.tar"
refused "half.tar" "half an archive" "$T/half.tar"
refused "cannot open the image '$T/nothing'" "no file" "$T/nothing"
: >"$T/empty.tar"
refused "cannot be read as an archive" "an empty file" "$T/empty.tar"
refused "holds no image: neither index.json nor manifest.json" "an archive of something else" "$T/1.tar"
mkdir "$T/nothing-in-it"
refused "holds no image" "a directory of something else" "$T/nothing-in-it"

# --- JSON ------------------------------------------------------------------------------------

# json MESSAGE WHAT - the index is what stdin says
json() {
	again
	cat >index.json
	refused "$1" "$2"
}
json "index.json is not valid JSON" "no JSON" <<<'{"manifests":['
json "index.json is not valid JSON" "more than JSON" <<<'{"manifests":[]} x'
json "index.json holds no JSON object" "a list" <<<'[]'
json "index.json has no list of manifests" "no manifests" <<<'{}'
json "its index is empty" "an empty index" <<<'{"manifests":[]}'
json "a descriptor has no size" "no size" <<<'{"manifests":[{"digest":"sha256:x"}]}'
json "a descriptor has no size" "a negative size" <<<'{"manifests":[{"digest":"sha256:x","size":-1}]}'
json "is no sha256 or sha512 digest" "a digest that is a path" \
	<<<'{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}'
json "is no sha256 or sha512 digest" "a short digest" <<<'{"manifests":[{"digest":"sha256:abc","size":1}]}'
json "index.json is not valid JSON" "a bottomless text" \
	< <(printf '{"manifests":%s' "$(printf '[%.0s' {1..100000})")
json "cannot read 'index.json'" "an endless text" < <(head -c 5000000 /dev/zero | tr '\0' ' ')
json "index.json is no JSON text" "a zero in the text" < <(printf '{"manifests":[]\0}')
json "only for other platforms" "another platform" \
	< <(sed 's/"size"/"platform":{"os":"plan9","architecture":"vax"},"size"/' "$T/good/index.json")

# An index that holds itself has no end.
again
printf '{"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%s}]}' \
	"$(printf '0%.0s' {1..64})" 10 >index.json
refused "cannot read 'blobs/sha256/0000" "a nested index that is missing"

# --- names ---------------------------------------------------------------------------------------

for name in ../up /abs 'a b' a//b a/../b .hidden -option "$(printf 'n%.0s' {1..250})" 'new
line' ''; do
	eq "$(status_of nacre import -q -- "$T/good" "$name")" 125 "the name '$name'"
	has "$(cat "$T/err")" "is no name for an image" "the name '$name'"
done

# After all this the store is as good as new.
import "$T/good" fine
eq "$(cat "$(top_layer fine)/dir/two")" two "a good image at the end"

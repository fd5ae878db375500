# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/image.sh - images made by hand, so that each byte is the test's

export NACRE_DATA_DIR=$T/store
[ -x "$NACRE_BUILD/nacre-image" ] || skip "no nacre-image in $NACRE_BUILD"

case $(uname -m) in
x86_64) ARCH=amd64 ;;
aarch64) ARCH=arm64 ;;
*) ARCH=$(uname -m) ;;
esac

digest() { sha256sum "$1" | cut -c1-64; }
size() { stat -c %s "$1"; }

# mktar FILE - an archive of the entries on stdin; see tests/lib/mktar.c
mktar() { "$LIB/mktar" >"$1"; }

# put_blob LAYOUT FILE - copy it there, print its digest
put_blob() {
	local d
	d=$(digest "$2")
	cp "$2" "$1/blobs/sha256/$d"
	echo "$d"
}

# descriptor TYPE DIGEST FILE
descriptor() {
	printf '{"mediaType":"%s","digest":"sha256:%s","size":%s}' "$1" "$2" "$(size "$3")"
}

# compress HOW FILE - leave the result in $packed, its media type's end in $suffix
compress() {
	packed=$2 suffix=
	case $1 in
	plain) ;;
	gzip) packed=$2.gz suffix=+gzip; gzip -nkf "$2" ;;
	zstd) packed=$2.zst suffix=+zstd; zstd -qkf "$2" -o "$packed" ;;
	esac
}

# make_config FILE TAR... - a config that names these layers
make_config() {
	local out=$1 tar diffs=
	shift
	for tar; do
		diffs+="${diffs:+,}\"sha256:$(digest "$tar")\""
	done
	printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/entry"],"Cmd":["a","b"],"Env":["PATH=/bin","X=1"],"WorkingDir":"/w","User":"7:8"},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$ARCH" "$diffs" >"$out"
}

# layout DIR REF HOW TAR... - an OCI layout with one image; HOW compresses
layout() {
	local dir=$1 ref=$2 how=$3 tar list= d m
	shift 3
	mkdir -p "$dir/blobs/sha256"
	make_config "$T/.config" "$@"
	for tar; do
		compress "$how" "$tar"
		d=$(put_blob "$dir" "$packed")
		list+="${list:+,}$(descriptor "application/vnd.oci.image.layer.v1.tar$suffix" "$d" "$packed")"
	done
	d=$(put_blob "$dir" "$T/.config")
	printf '{"schemaVersion":2,"config":%s,"layers":[%s]}' \
		"$(descriptor application/vnd.oci.image.config.v1+json "$d" "$T/.config")" "$list" >"$T/.manifest"
	m=$(put_blob "$dir" "$T/.manifest")
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
		"$m" "$(size "$T/.manifest")" "$ref" >"$dir/index.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
}

# docker_archive FILE TAG TAR... - as "docker save" writes it
docker_archive() {
	local out=$1 tag=$2 tar dir=$T/.docker list= d
	shift 2
	rm -rf "$dir"
	mkdir "$dir"
	make_config "$T/.config" "$@"
	for tar; do
		d=$(digest "$tar")
		mkdir -p "$dir/$d"
		cp "$tar" "$dir/$d/layer.tar"
		list+="${list:+,}\"$d/layer.tar\""
	done
	d=$(digest "$T/.config")
	cp "$T/.config" "$dir/$d.json"
	printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":[%s]}]' "$d" "$tag" "$list" >"$dir/manifest.json"
	tar -C "$dir" -cf "$out" .
}

# import WHAT... - it must work
import() { nacre import -q "$@" >/dev/null || fail "nacre import $*"; }

# top_layer IMAGE - its directory
top_layer() { nacre images --layers "$1" | head -n 1; }

# mount_image DIR IMAGE - by kernel overlay, read-only
mount_image() {
	local dirs
	dirs=$(nacre images --layers "$2" | paste -sd:)
	# Overlay wants two layers at least.
	mkdir -p "$T/.empty"
	mount -t overlay overlay -o "ro,lowerdir=$dirs:$T/.empty" "$1"
}

# tree DIR - all that can be seen of each object but what a copy must change
tree() {
	(cd "$1" && find . -mindepth 1 ! -type d -printf '%P|%y|%m|%U:%G|%s|%T@|%n|%l\n' \
		-o -mindepth 1 -type d -printf '%P|%y|%m|%U:%G|%T@\n' | LC_ALL=C sort
	getfattr -Rhd -m - --absolute-names . 2>/dev/null | grep -av trusted.overlay || true
	find . -type f -exec sha256sum {} + | LC_ALL=C sort -k2
	find . \( -type c -o -type b \) -exec stat -c '%n %t:%T' {} + | sort)
}

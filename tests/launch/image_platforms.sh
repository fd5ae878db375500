#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Of an index for several machines this machine's image is taken, at any depth; archives
# may be compressed as a whole, each way; a terminal is shown progress, a pipe nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_cmd zstd script

mktar "$T/ours.tar" <<-'END'
	d bin
	f bin/which ours
END
mktar "$T/theirs.tar" <<-'END'
	d bin
	f bin/which theirs
END
L=$T/layout
for who in theirs ours; do
	layout "$L" v1 gzip "$T/$who.tar"
	cp "$T/.manifest" "$T/$who.manifest"
done
# entry WHO ARCH - a manifest as an index lists it
entry() {
	printf '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"os":"linux","architecture":"%s"}}' \
		"$(digest "$T/$1.manifest")" "$(size "$T/$1.manifest")" "$2"
}
other=s390x
[ "$ARCH" != $other ] || other=amd64

printf '{"schemaVersion":2,"manifests":[%s,%s]}' "$(entry theirs $other)" "$(entry ours "$ARCH")" >"$L/index.json"
import "$L" direct
eq "$(cat "$(top_layer direct)/bin/which")" ours "of a list for two machines"

# As registries have it: the index names one index, and that the manifests.
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s]}' \
	"$(entry theirs $other)" "$(entry ours "$ARCH")" >"$T/inner"
inner=$(put_blob "$L" "$T/inner")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' \
	"$inner" "$(size "$T/inner")" >"$L/index.json"
import "$L" nested
eq "$(cat "$(top_layer nested)/bin/which")" ours "of an index in an index"

# A byte of the inner index changed: its digest is checked, too.
cp -a "$L" "$T/bad"
printf ' ' | dd of="$T/bad/blobs/sha256/$inner" bs=1 seek=1 conv=notrunc 2>/dev/null
eq "$(status_of nacre import -q "$T/bad" bad)" 125 "a changed inner index"
has "$(cat "$T/err")" "digest" "message about that"

# The archive of a layout, and docker's, compressed as a whole.
tar -C "$L" -cf "$T/oci.tar" .
docker_archive "$T/docker.tar" app:v1 "$T/ours.tar"
for archive in oci docker; do
	gzip -nk "$T/$archive.tar"
	zstd -qk "$T/$archive.tar"
	for suffix in gz zst; do
		import "$T/$archive.tar.$suffix" "$archive-$suffix"
		eq "$(cat "$(top_layer "$archive-$suffix")/bin/which")" ours "$archive.tar.$suffix"
	done
done

# Progress.
head -c 20000000 /dev/urandom >"$T/big"
mktar "$T/big.tar" <<-END
	d data
END
tar -C "$T" -rf "$T/big.tar" big
layout "$T/large" v1 gzip "$T/big.tar"
eq "$(status_of nacre import "$T/large" large)" 0 "import into a file"
eq "$(cat "$T/err")" "" "no progress without a terminal"
nacre rmi large >/dev/null
shown=$(script -qec "nacre import '$T/large' large" /dev/null </dev/null)
has "$shown" "% of" "progress on a terminal"
has "$shown" "large:latest sha256:" "the result"
nacre rmi large >/dev/null
shown=$(script -qec "nacre import -q '$T/large' large" /dev/null </dev/null)
case $shown in *"% of"*) fail "progress with -q: $shown" ;; esac

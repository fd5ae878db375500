#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers made to lead the union astray: every mark malformed, pointing outside or at
# itself. Nothing outside the layers may be read, written or waited for; what is
# refused is refused with an error, and the rest of the tree is still there.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd setfattr mkfifo mknod

mkdir -p "$T/top" "$T/low" "$T/data" "$T/upper" "$T/work" "$T/merged" "$T/outside/dir"
echo SECRET >"$T/outside/secret"
echo SECRET >"$T/outside/dir/secret"
mkfifo "$T/outside/fifo"

attr() { setfattr -h -n "trusted.overlay.$1" -v "$2" "$3"; }

cd "$T/low"
mkdir -p ordinary plain target/inner real
echo fine >ordinary/file
echo inner >target/inner/file
echo real >real/file
ln -s "$T/outside" link-out
ln -s ../../outside link-up
echo text >text
mknod disk b 8 0
mkfifo pipe
truncate -s 100 holes

# --- redirects ---
cd "$T/top"
n=0
for value in .. . ../outside ../../outside/dir / // /.. /../outside /ordinary/.. \
	/./ordinary /ordinary/ ordinary/file a/b "$T/outside" /link-out /link-up/dir \
	link-out link-up /link-out/dir "$(printf '%04000d' 0)" "/$(printf '%0300d' 0)"; do
	mkdir "redirect-$n"
	attr redirect "$value" "redirect-$n"
	truncate -s 6 "data-$n"
	attr metacopy 0x "data-$n"
	attr redirect "$value" "data-$n"
	n=$((n + 1))
done
# To themselves and to each other.
mkdir loop-a loop-b loop-self
attr redirect loop-b loop-a
attr redirect loop-a loop-b
attr redirect loop-self loop-self
mkdir -p deep/deep
attr redirect /deep deep/deep
# A directory whose lower part is a link out, a file, a device.
mkdir link-out link-up text disk pipe
# Data that is a directory, a link, a fifo, a device, or nowhere.
for name in ordinary link-out pipe disk nowhere; do
	truncate -s 5 "as-$name"
	attr metacopy 0x "as-$name"
	attr redirect "/$name" "as-$name"
done
# Into the data-only layer, and out of it.
ln -s "$T/outside/secret" "$T/data/link"
mkdir "$T/data/dir"
ln -s "$T/outside" "$T/data/dir/out"
for path in /link /dir/out/secret /dir/../../outside/secret; do
	name=only${path//\//-}
	truncate -s 7 "$name"
	attr metacopy 0x "$name"
	attr redirect "$path" "$name"
done

# --- other marks ---
for value in 0x00 0x0003 0x000300 0x01040000 0x00050000 0x0004000000 "0x$(printf '%0600d' 0)"; do
	truncate -s 5 "metacopy-$n"
	attr metacopy "$value" "metacopy-$n"
	n=$((n + 1))
done
for value in y x z yy 0x00 0x; do
	mkdir -p "opaque-$value"
	attr opaque "$value" "opaque-$value"
done
for value in 0x 0x00 0x00fb 0x00fb1500010000000000000000000000000000000000 \
	"0x00fb9500ff$(printf 'ff%.0s' $(seq 144))" "0x$(printf 'fb%.0s' $(seq 300))"; do
	touch "origin-$n"
	attr origin "$value" "origin-$n"
	ln "origin-$n" "origin-$n-link"
	attr nlink U-999999999 "origin-$n"
	n=$((n + 1))
done
touch .wh.. .wh... .wh. .wh..wh..opq.x
mkdir whiteouts
attr opaque x whiteouts
ln -s /etc/passwd whiteouts/link
touch whiteouts/gone
attr whiteout y whiteouts/gone
mkdir .wh.dir
for value in "" : 0 0:0 99999999999:0:0755 0:0:7777777 '0:0:0755:char--1-2' 0:0:0644:symlink; do
	touch "owner-$n"
	setfattr -n user.containers.override_stat -v "$value" "owner-$n"
	n=$((n + 1))
done

cd /
listing() { find "$T/outside" "$T/low" "$T/top" "$T/data" -printf '%p %i %m %s %T@ %l\n' | sort; }
listing >"$T/before"

# visit DIR - touch everything in every way; hangs and crashes are what is looked for
visit() {
	local status=0
	timeout 60 find "$1" -printf '%p %s %m %l\n' >"$T/found" 2>"$T/errors" || status=$?
	[ $status -lt 124 ] || fail "walking the tree does not end"
	timeout 60 find "$1" -type f -exec cat {} + >"$T/content" 2>>"$T/errors" || status=$?
	[ $status -lt 124 ] || fail "reading the files does not end"
	timeout 60 getfattr -R -h -d -m - "$1" >"$T/attrs" 2>>"$T/errors" || status=$?
	[ $status -lt 124 ] || fail "reading the attributes does not end"
	if grep -q SECRET "$T/content"; then fail "what is outside was shown: $(grep -l -r SECRET "$1" | head -n 3)"; fi
	if grep -q 'trusted.overlay' "$T/attrs"; then fail "the overlay's own attributes are shown"; fi
	eq "$(cat "$1/ordinary/file")" fine "an ordinary file beside all that"
	timeout 5 stat "$1" >/dev/null || fail "the union is gone"
}

options=lowerdir=$T/top:$T/low::$T/data
for more in "" ,xattr_permissions=2 ,whiteout=overlay ,whiteout=aufs ,redirect_dir=nofollow ,verity=require; do
	timeout 20 "$NACRE_UNIONFS" -o "$options$more" "$T/merged" || fail "cannot mount with '$more'"
	visit "$T/merged"
	unmount "$T/merged"
done

# With an upper layer: change, move and remove everything too.
mount_nacre "$T/merged" "$T/top:$T/low::$T/data" "$T/upper" "$T/work"
visit "$T/merged"
cd "$T/merged"
# Much of this is refused; it must not hang, and not reach anything else.
for name in *; do
	timeout 5 chmod u+rwx "$name" || true
	timeout 5 touch "$name" || true
	[ ! -f "$name" ] || timeout 5 sh -c 'echo more >>"$0"' "$name" || true
	[ ! -d "$name" ] || timeout 5 sh -c 'echo new >"$0/new"' "$name" || true
	timeout 5 mv "$name" "moved $name" || true
done 2>"$T/errors"
timeout 60 rm -rf -- * 2>"$T/errors" || [ $? -lt 124 ] || fail "removing does not end"
cd /
timeout 5 stat "$T/merged" >/dev/null || fail "the union is gone"
unmount "$T/merged"

listing >"$T/after"
same_text "$T/before" "$T/after" "the lower layers or what is outside changed"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An import that is killed, runs out of space or meets another one leaves whole
# layers or none, and the next import removes what it left.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_private_mounts
need_fs tmpfs

# In the middle of each layer is a large file.
make_tar() {	# FILE
	rm -rf "$T/src"
	mkdir "$T/src"
	(cd "$T/src" && for i in {1..500}; do
		echo "$1" >"a-$i"
		echo "$1" >"z-$i"
	done)
	head -c "$2" /dev/urandom >"$T/src/m-large"
	tar -C "$T/src" --sort=name -cf "$1" .
}
make_tar "$T/1.tar" 2000000
make_tar "$T/2.tar" 4000000
layout "$T/layout" v1 plain "$T/1.tar" "$T/2.tar"

# whole WHAT - each layer in the store has all its files
whole() {
	local dir
	for dir in "$NACRE_DATA_DIR"/layers/sha256/*; do
		[ -d "$dir" ] || continue
		eq "$(find "$dir" -type f -size +0 | wc -l)" 1001 "$1: files of a layer"
	done
}

# --- killed -------------------------------------------------------------------------

# killed_at SIZE LAYERS WHAT - the kernel kills it when it writes a larger file
killed_at() {
	eq "$(ulimit -f $(($1 / 1024)); ulimit -c 0; status_of nacre import -q "$T/layout" killed)" \
		153 "$3: killed by SIGXFSZ"
	eq "$(find "$NACRE_DATA_DIR/tmp" -name m-large | wc -l)" 1 "$3: died in the middle of a layer"
	eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" "$2" "$3: layers"
	eq "$(nacre images -q)" "" "$3: images"
	whole "$3"
}
killed_at 1000000 0 "killed in the first layer"
killed_at 3000000 1 "killed in the second layer"
import "$T/layout" killed
eq "$(ls "$NACRE_DATA_DIR/tmp")" "" "left in tmp/ by the killed ones"
whole "after being killed"
eq "$(nacre images --layers killed | wc -l)" 2 "layers after being killed"
nacre rmi killed >/dev/null

# --- at the same time -----------------------------------------------------------------

for i in 1 2 3 4; do
	nacre import -q "$T/layout" "same-$i" >"$T/log-$i" 2>&1 &
	pids[i]=$!
done
for i in 1 2 3 4; do
	wait "${pids[i]}" || fail "import $i of four: $(cat "$T/log-$i")"
done
eq "$(nacre images -q | wc -l)" 4 "images of four imports"
eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" 2 "layers of four imports"
whole "four imports"
grep -q "another import is under way" "$T"/log-* || note "the imports never met"

# --- in use -----------------------------------------------------------------------------

# A shared lock on a layer's directory is how a container holds it.
held=$(top_layer same-1)
exec {lock}<"$held"
flock -s "$lock"
nacre rmi same-1 same-2 same-3 same-4 >/dev/null
eq "$(ls "$NACRE_DATA_DIR/layers/sha256")" "${held##*/}" "layers while one is held"
exec {lock}<&-
import "$T/layout" again
eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" 2 "layers after another import"
nacre rmi again >/dev/null
eq "$(ls "$NACRE_DATA_DIR/layers/sha256")" "" "layers at the end"

# --- no space ----------------------------------------------------------------------------

mkdir "$T/small"
mount -t tmpfs -o size=5m,mode=700 tmpfs "$T/small"
export NACRE_DATA_DIR=$T/small/store
eq "$(status_of nacre import -q "$T/layout" full)" 125 "no space: status"
has "$(cat "$T/err")" "No space left on device" "no space: the message"
has "$(cat "$T/err")" "entry '" "no space: names the entry"
eq "$(ls "$NACRE_DATA_DIR/tmp" "$NACRE_DATA_DIR/images" | grep -v : | grep .)" "" "no space: left behind"
mount -o remount,size=100m "$T/small"
import "$T/layout" full
whole "space again"

# --- a store that was damaged -------------------------------------------------------------

echo '{' >"$NACRE_DATA_DIR/images/bad"
eq "$(status_of nacre images)" 125 "a record that is no record"
has "$(cat "$T/err")" "/images/bad' is not valid JSON" "a record that is no record"
eq "$(status_of nacre rmi full)" 125 "removing beside a record that may name any layer"
rm "$NACRE_DATA_DIR/images/bad"
rm -r "$(top_layer full)"
eq "$(status_of nacre images --layers full)" 125 "a layer that was deleted"
has "$(cat "$T/err")" "Import the image again" "a layer that was deleted"
import "$T/layout" full
eq "$(nacre images --layers full | wc -l)" 2 "a layer that was deleted comes back"

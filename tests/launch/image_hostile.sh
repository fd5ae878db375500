#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hostile layer writes nothing outside of its directory: it is refused, with an
# error that names the entry, or what it asks for ends up inside.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_root
need_cmd getfattr

mkdir "$T/outside"
echo untouched >"$T/outside/canary"
outside() { (cd "$T/outside" && find . -printf '%p %y %m %s %T@ %n\n' | sort && cat canary); }
outside >"$T/outside.before"
: >"$T/base.tar"
mktar "$T/base.tar" <<-'END'
	d ./
	d ./etc
	f ./etc/passwd root
END

stay_out() {
	outside >"$T/outside.after"
	same_text "$T/outside.before" "$T/outside.after" "$1: something outside has changed"
	[ ! -e /nacre-hostile ] || fail "$1: wrote into the host's root"
}

# refused WHAT MESSAGE - the entries on stdin are; nothing of them stays
refused() {
	mktar "$T/bad.tar"
	rm -rf "$T/bad"
	layout "$T/bad" v1 plain "$T/base.tar" "$T/bad.tar"
	eq "$(status_of nacre import -q "$T/bad" bad)" 125 "$1: status"
	has "$(cat "$T/err")" "$2" "$1: the message"
	eq "$(ls "$NACRE_DATA_DIR/tmp")" "" "$1: left in tmp/"
	eq "$(ls "$NACRE_DATA_DIR/images")" "" "$1: images"
	eq "$(ls "$NACRE_DATA_DIR/layers/sha256" | wc -l)" 1 "$1: layers but the good one below"
	stay_out "$1"
}

# contained WHAT - they are not, and change nothing outside; leaves $layer
contained() {
	mktar "$T/odd.tar"
	rm -rf "$T/odd"
	layout "$T/odd" v1 plain "$T/base.tar" "$T/odd.tar"
	nacre import -q "$T/odd" odd >/dev/null || fail "$1: refused"
	layer=$(top_layer odd)
	stay_out "$1"
}
drop() { nacre rmi odd >/dev/null; }

# --- names ---------------------------------------------------------------------------

refused "a name upwards" "entry '../outside/canary': its name leads upwards" <<-'END'
	f ../outside/canary x
END
refused "a name upwards inside" "entry 'etc/../../x': its name leads upwards" <<-'END'
	f etc/../../x x
END
refused "only upwards" "entry '..': its name leads upwards" <<-'END'
	d ..
END
refused "an endless name" "its name is too long" <<-END
	pax path $(printf 'a/%.0s' {1..2100})
	f x x
END
refused "a component too long" "File name too long" <<-END
	pax path $(printf 'a%.0s' {1..300})
	f x x
END
refused "a root that is no directory" "the root of a layer is a directory" <<-'END'
	f . x
END
refused "a root that is a link" "the root of a layer is a directory" <<-END
	l . $T/outside
END
refused "a name a terminal would obey" 'entry '"'"'\x1b]0;x\x07/..' <<-'END'
	f %1b]0;x%07/../x x
END

contained "absolute names" <<-END
	f /nacre-hostile x
	f $T/outside/canary x
	f //etc//./x x
END
[ -f "$layer/nacre-hostile" ] && [ -f "$layer$T/outside/canary" ] && [ -f "$layer/etc/x" ] ||
	fail "absolute names are inside"
drop

# --- symlinks --------------------------------------------------------------------------

contained "through links that lead out" <<-END
	l abs $T/outside
	f abs/canary x
	f abs/new x
	l up ../../../../../../../../..$T/outside
	f up/canary2 x
	d up/dir
	l chain1 chain2/outside
	l chain2 $T
	f chain1/deep/new x
	l etc/root /
	f etc/root/nacre-hostile x
	h abs/hard abs/new
	l abs/link ../../../../../outside
END
[ -f "$layer$T/outside/new" ] && [ -f "$layer$T/outside/deep/new" ] && [ -f "$layer/nacre-hostile" ] ||
	fail "what goes through links is inside"
drop

contained "over a link" <<-END
	l canary $T/outside/canary
	mode 0600
	own 5 5
	f canary x
	l dir $T/outside
	mode 0700
	d dir
	f dir/canary x
	l opaque $T/outside
	f opaque/.wh..wh..opq
	f opaque/.wh.canary
END
[ ! -L "$layer/canary" ] && [ ! -L "$layer/dir" ] && [ -f "$layer/dir/canary" ] ||
	fail "a link is replaced, not followed"
drop

# A directory that the layer swapped for a link after it was used.
contained "a directory becomes a link" <<-END
	d dir
	f dir/one x
	l dir $T/outside
	f dir/canary x
END
[ -L "$layer/dir" ] && [ -f "$layer$T/outside/canary" ] || fail "the new link counts, inside"
drop

refused "a loop" "Too many levels of symbolic links" <<-'END'
	l a b
	l b a
	f a/x x
END
refused "links that only grow" "" <<-'END'
	l a a/a/a/a/a/a/a/a
	f a/x x
END
refused "through a file" "Not a directory" <<-'END'
	f a x
	f a/b x
END

# --- hard links ---------------------------------------------------------------------------

refused "a hard link out" "which is not in this layer" <<-END
	h x $T/outside/canary
END
refused "a hard link upwards" "which leads upwards" <<-'END'
	h x ../outside/canary
END
refused "a hard link through a link" "which is not in this layer" <<-END
	l out $T/outside
	h x out/canary
END
refused "a hard link into the layer below" "which is not in this layer" <<-'END'
	h x etc/passwd
END
refused "a hard link to a whiteout" "which is not in this layer" <<-'END'
	f .wh.gone
	h x gone
END
refused "a hard link to a directory" "to a directory" <<-'END'
	d dir
	h x dir
END
refused "a hard link to the root" "which is not in this layer" <<-'END'
	h x ./
END

contained "a hard link to itself" <<-'END'
	f file text
	h file file
	h ./file /file
END
eq "$(cat "$layer/file")" text "a file linked to itself"
drop

# --- whiteouts --------------------------------------------------------------------------------

refused "a whiteout of nothing" "names nothing" <<<'f .wh.'
refused "a whiteout of the directory" "names nothing" <<<'f .wh..'
refused "a whiteout of the parent" "names nothing" <<<'f dir/.wh...'
refused "something in a whiteout" "lies in a whiteout" <<<'f .wh.dir/x x'
contained "files that aufs kept" <<-'END'
	d .wh..wh.plnk
	f .wh..wh.plnk/1.2 x
	f .wh..wh.aufs
END
eq "$(find "$layer" -mindepth 1)" "" "aufs' own files"
drop
contained "a union's marks" <<-'END'
	pax SCHILY.xattr.trusted.overlay.redirect /../../outside
	d dir
	pax SCHILY.xattr.trusted.overlay.opaque y
	d etc
	pax SCHILY.xattr.trusted.overlay.metacopy x
	f file
END
eq "$(getfattr -Rhd -m 'trusted.overlay.(redirect|opaque|metacopy)' --absolute-names "$layer")" "" "marks in effect"
drop

# --- kinds and numbers ----------------------------------------------------------------------------

refused "a device that is a whiteout" "would hide the layers below" <<<'c x 0 0'
contained "an unknown kind, which is a file to any tar" <<<'t x y'
[ -f "$layer/x" ] || fail "an entry of an unknown kind"
drop
refused "a negative size" "" <<<'s x -1'
refused "the most negative size" "" <<<'s x -9223372036854775808'
refused "more data than there are" "" <<<'s x 1000000'
refused "more data than anyone has" "" <<<'s x 9223372036854775807'
refused "a size in octal and a half" "" <<-'END'
	pax size 99999999999999999999
	f x x
END
refused "a sparse file with data behind its end" "" <<-'END'
	pax GNU.sparse.major 1
	pax GNU.sparse.minor 0
	pax GNU.sparse.name x
	pax GNU.sparse.realsize 1
	f x 1%0a1000000%0a5%0a
END
refused "a sparse file beyond all disks" "" <<-'END'
	pax GNU.sparse.size 9000000000000000000
	pax GNU.sparse.numblocks 1
	pax GNU.sparse.map 8999999999999999999,1
	f x x
END
refused "an owner that is none" "is no id" <<-'END'
	pax uid 4294967295
	f x x
END
refused "an owner below zero" "" <<-'END'
	pax uid -5
	f x x
END

# --- deep and wide ------------------------------------------------------------------------------------

deep=$(printf 'd/%.0s' {1..1900})
contained "deep directories, made and removed" <<-END
	pax path ${deep}x
	f x x
	f d x
END
[ -f "$layer/d" ] || fail "a deep directory gave way"
drop

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A file of several names is one file: changed under any of them, before or after the
# others were looked at, and also once the upper is a lower layer and its index gone.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

mkdir -p "$T/low/sub" "$T/m"
for name in written late chmodded; do
	echo shipped >"$T/low/$name"
	ln "$T/low/$name" "$T/low/$name-2"
	ln "$T/low/$name" "$T/low/sub/$name-3"
done

fresh() {
	rm -rf "$T/u" "$T/w"
	mkdir "$T/u" "$T/w"
	mount_nacre "$T/m" "$T/low" "$T/u" "$T/w" "$1"
}

# contents NAME - of the three names, and whether they are one file
contents() {
	cat "$T/m/$1" "$T/m/$1-2" "$T/m/sub/$1-3" | paste -sd ' '
	[ "$T/m/$1" -ef "$T/m/$1-2" ] && [ "$T/m/$1" -ef "$T/m/sub/$1-3" ] && echo "one, $(stat -c %h "$T/m/$1")"
}

change() {
	stat "$T"/m/* "$T"/m/sub/* >"$T/out"	# all names are known
	echo new >>"$T/m/written-2"
	chmod 0600 "$T/m/sub/chmodded-3"
}

for options in "" data=passthrough; do
	fresh "$options"
	echo early >>"$T/m/late"	# when no other name is known
	change
	exec 7<>"$T/m/late-2"		# opened by a name that is only below
	echo "late " >&7
	exec 7>&-
	wanted=$(printf 'shipped new shipped new shipped new\none, 3')
	eq "$(contents written)" "$wanted" "a file written under one name"
	wanted=$(printf 'late d early late d early late d early\none, 3')
	eq "$(contents late | sed 's/late  d/late d/g')" "$wanted" "a file written under one name after the other"
	unmount "$T/m"

	# The upper as a lower layer, without its index.
	mount_nacre "$T/m" "$T/u:$T/low"
	for name in written written-2 sub/written-3; do
		eq "$(paste -sd ' ' <"$T/m/$name")" "shipped new" "$options: $name in the layer"
	done
	for name in late late-2; do
		eq "$(head -c 4 "$T/m/$name")" late "$options: $name in the layer"
	done
	for name in chmodded chmodded-2 sub/chmodded-3; do
		eq "$(stat -c %a "$T/m/$name")" 600 "$options: the mode of $name in the layer"
	done
	unmount "$T/m"
done

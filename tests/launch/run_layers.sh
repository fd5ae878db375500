#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Layers: the leftmost is on top, none of them changes, the upper keeps exactly
# what was done, and without one all changes vanish.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

make_root "$T/base"
echo base >"$T/base/who"
echo base >"$T/base/only-base"
mkdir "$T/top"
echo top >"$T/top/who"

(cd "$T" && find base top -printf '%p %y %m %s %T@\n' | sort) >"$T/before"
eq "$(run --lower "$T/top" --lower "$T/base" -- cat /who /only-base)" "top
base" "the leftmost layer is on top"
eq "$(run --lower "$T/base" --lower "$T/top" -- cat /who)" base "the other way round"
(cd "$T" && eq "$(run -l top -l base -- cat /who)" top "relative paths")

run --lower "$T/base" -- sh -c 'echo x >/who; rm /only-base; echo y >/new'
leaves_nothing "a scratch layer"
eq "$(run --lower "$T/base" -- cat /who)" base "changes vanished"

run --lower "$T/base" --upper "$T/upper" -- sh -c 'echo x >/who; rm /only-base; mkdir /d; echo y >/d/new'
eq "$(cd "$T/upper" && find . -mindepth 1 | sort | tr '\n' ' ')" "./d ./d/new ./only-base ./who " \
	"the upper holds what was done and no mount point"
eq "$(stat -c %F,%t:%T "$T/upper/only-base")" "character special file,0:0" "a whiteout"
eq "$(run -l "$T/base" -u "$T/upper" -- sh -c 'cat /who /d/new; ls /only-base 2>&1 | tail -n 1')" "x
y
ls: /only-base: No such file or directory" "the upper is used again"
eq "$(ls -A "$T" | grep nacre-work || true)" "" "no work directory is left beside the upper"

odd="$T/odd: a,b \\c \"d\""
cp -a "$T/base" "$odd"
echo odd >"$odd/who"
eq "$(run --lower "$odd" --upper "$T/up,per:1" -- sh -c 'cat /who; echo z >/made')" odd "odd characters in paths"
eq "$(cat "$T/up,per:1/made")" z "odd characters in the upper's path"

(cd "$T" && find base top -printf '%p %y %m %s %T@\n' | sort) >"$T/after"
same_text "$T/before" "$T/after" "a lower layer has changed"
leaves_nothing "after layers"

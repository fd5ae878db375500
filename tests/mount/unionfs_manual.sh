#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual and --help name the same options, and the manual's examples run.
. "$(dirname "$0")/../lib/test.sh"
need_union

MANUAL=$(dirname "$0")/../../unionfs/nacre-unionfs.1
"$NACRE_UNIONFS" --help >"$T/help" || fail "--help fails"

# Names as --help shows them: the words, then the mount options.
sed -n 's/^  \(-., \)\?--\([a-z-]*\).*/\2/p' "$T/help" | sort >"$T/help.words"
sed -n '/^Mount options/,$s/^  \([a-z_0-9+]*\)[= ].*/\1/p' "$T/help" | sort >"$T/help.mount"
[ "$(wc -l <"$T/help.mount")" -gt 20 ] || fail "--help shows hardly an option"

# What the manual describes in lists, and what it says is ignored.
sed -n 's/^\.It Fl .*-\([a-z-]*\).*/\1/p' "$MANUAL" | sort >"$T/manual.words"
# A list within a list has an option's values.
awk '/^\.Bl/ { depth++ } /^\.El/ { depth-- } depth < 2' "$MANUAL" |
	sed -n 's/^\.It Cm \([a-z_0-9+]*\).*/\1/p' | sort >"$T/manual.mount"

for name in $(cat "$T/help.words"); do
	grep -q -- "-$name" "$MANUAL" || fail "the manual lacks --$name"
done
for name in $(cat "$T/help.mount"); do
	grep -qx -- "$name" "$T/manual.mount" || fail "the manual lacks -o $name"
done
for name in $(cat "$T/manual.mount"); do
	[ "$name" = default_permissions ] || grep -qx -- "$name" "$T/help.mount" ||
		fail "--help lacks -o $name"
done

if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$MANUAL" >"$T/lint" 2>/dev/null || fail "mandoc complains: $(cat "$T/lint")"
fi

need_root
need_fuse
# The first two examples, in this test's own directory instead of /tmp.
awk '/^\.Bd -literal/ { n++; next } /^\.Ed/ { on = 0; next } n == want { print }' want=1 "$MANUAL" |
	sed '/^\.Pp/,$d' >"$T/first"
awk '/^\.Bd -literal/ { n++; next } /^\.Ed/ { if (n == want) exit } n == want { print }' want=2 "$MANUAL" >"$T/second"
export PATH=$NACRE_BUILD:$PATH
sed "s|/tmp/|$T/|g" "$T/first" >"$T/first.sh"
sed "s|/tmp/|$T/|g" "$T/second" >"$T/second.sh"
grep -q nacre-unionfs "$T/first.sh" || fail "the first example is not found"
timeout 60 bash -e "$T/first.sh" >"$T/out" || fail "the first example fails"
has "$(cat "$T/out")" c--------- "the removed file left no whiteout"
timeout 60 bash -e "$T/second.sh" || fail "the second example fails"
[ -n "$(ls "$T/both")" ] || fail "the second example shows nothing"
umount "$T/both"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual page has every option of "run" and every verb that nacre prints.
. "$(dirname "$0")/../lib/test.sh"
MANUAL=$NACRE_SRC/launcher/nacre.1

for option in $(nacre run --help | grep -oE '^ *(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
	[ "$option" != --help ] || continue
	grep -qE -- "Fl.*[ ]-${option#--}( |\$)" "$MANUAL" || fail "$option is not in the manual"
done
for verb in $(nacre --help | awk '/^Verbs:/ { on = 1; next } on && !NF { exit } on { print $1 }'); do
	grep -qwE "(Cm|\||,|It) *$verb" "$MANUAL" || fail "$verb is not in the manual"
done
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$MANUAL" >"$T/lint" 2>/dev/null || fail "mandoc complains: $(cat "$T/lint")"
fi

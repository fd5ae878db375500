#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completion offers the verbs and options that nacre prints, all of them, and the
# names of what there is.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

# shellcheck source=/dev/null
. "$NACRE_SRC/launcher/nacre.bash"
# complete_words WORD... - what is offered for the last one
complete_words() {
	COMP_WORDS=(nacre "$@") COMP_CWORD=$#
	_nacre
	printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort
}
verbs=$(nacre --help | awk '/^Verbs:/ { on = 1; next } on && !NF { exit } on { print $1 }' | LC_ALL=C sort)
eq "$(complete_words "")" "$verbs" "the verbs"
eq "$(complete_words ru)" run "a verb that was begun"
for verb in $verbs; do
	options=$(nacre "$verb" --help | grep -oE '^ *(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | LC_ALL=C sort)
	[ -n "$options" ] || continue	# one without any
	eq "$(complete_words "$verb" --)" "$options" "the options of $verb"
done
eq "$(complete_words run --res)" --restart "an option that was begun"
eq "$(complete_words run --restart on)" on-failure "what it takes"
eq "$(complete_words run --memory "")" "" "what takes a number"

run --keep -- true
# shellcheck disable=SC2317 # called by the completion
command() { if [ "$1" = nacre ]; then shift; "$NACRE_BUILD/nacre" --root "$STATE" "$@"; else builtin command "$@"; fi; }
eq "$(complete_words logs "")" "$TEST_ID" "the containers"
n rm "$TEST_ID"
leaves_nothing "at the end"

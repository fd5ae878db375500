#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container's changes become an image, while it runs and afterwards; the image
# that a kept container stands on is not removed.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/image.sh"
need_cmd jq
export NACRE_DATA_DIR=$T/data

make_root "$T/root"
# The images of tests begin with this.
printf '#!/bin/sh\nexec "$@"\n' >"$T/root/entry"
chmod 755 "$T/root/entry"
tar -C "$T/root" -cf "$T/1.tar" .
layout "$T/layout" v1 gzip "$T/1.tar"
import "$T/layout" base
mkdir "$T/shared"
mkfifo "$T/shared/said"
defer nacre --root "$STATE" rm --force "$TEST_ID"

run --detach --user 0 --image base -b "$T/shared:/shared" -- sh -c 'echo mine >/made; echo up >/shared/said; exec sleep 1000' >/dev/null
eq "$(cat "$T/shared/said")" up "it runs"
eq "$(n ps --json | jq -r '.[0].image')" base:latest "ps names the image"
eq "$(status_of n commit --quiet "$TEST_ID" running)" 0 "commit while it runs: $(cat "$T/err")"
eq "$(n inspect "$TEST_ID" | jq -r '.[0].status')" running "it goes on"
eq "$(status_of n rmi base)" 125 "rmi of what it stands on"
has "$(cat "$T/err")" "nacre rm $TEST_ID" "the next step"
n stop --time 0 "$TEST_ID"
eq "$(status_of n rmi base)" 125 "rmi while it is kept"
eq "$(status_of n commit --quiet "$TEST_ID" ended)" 0 "commit when it has ended"
n rm "$TEST_ID"
eq "$("${RUN[@]}" --user 0 --image running -- cat /made)" mine "the first image"
eq "$("${RUN[@]}" --user 0 --image ended -- cat /made)" mine "the second"
eq "$(status_of n rmi base)" 0 "rmi when nobody stands on it"
eq "$("${RUN[@]}" --user 0 --image ended -- cat /made)" mine "the images have what they need"

eq "$(status_of n commit no-such-container x)" 125 "commit of what is not there"
has "$(cat "$T/err")" "does not exist" "message about that"
run --keep -- true
eq "$(status_of n commit "$TEST_ID" x)" 125 "commit of one without an image"
has "$(cat "$T/err")" "--upper" "the next step"
n rm "$TEST_ID"
leaves_nothing "at the end"

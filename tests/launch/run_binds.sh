#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --bind shows directories and files of the host, writable or not, also at places
# that the root does not have, and at names with colons and spaces.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

mkdir -p "$T/dir/below"
echo content >"$T/dir/file"
echo below >"$T/dir/below/file"

eq "$(run -b "$T/dir:/a/b/c" -- cat /a/b/c/file /a/b/c/below/file)" "content
below" "a directory at a new place"
eq "$(run -b "$T/dir/file:/etc/one" -- cat /etc/one)" content "a file"
run -b "$T/dir:/data" -- sh -c 'echo written >/data/new'
eq "$(cat "$T/dir/new")" written "a write reaches the host"
refused -b "$T/dir:/data:ro" -- sh -c 'echo x >/data/file'
eq "$(cat "$T/dir/file")" content "the file after it"
mount -t tmpfs tmpfs "$T/dir/below"
refused -b "$T/dir:/data:ro" -- sh -c 'echo x >/data/below/new'
eq "$(run -b "$T/dir:/data" -- sh -c 'echo x >/data/below/new; cat /data/below/new')" x "a mount below"
umount "$T/dir/below"

mkdir "$T/with:colon and space"
echo odd >"$T/with:colon and space/file"
eq "$(run -b "$T/with\\:colon and space:/odd" -- cat /odd/file)" odd "an escaped colon"
(cd "$T" && eq "$(run -b dir:/data -- cat /data/file)" content "a relative source")
eq "$(status_of run -b "$T/dir:/etc/passwd" -- true)" 125 "a directory over a file"
has "$(cat "$T/err")" "one is a directory" "message about that"
leaves_nothing "after binds"

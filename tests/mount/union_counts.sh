#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How many requests an operation costs, as the kernel's tracepoint counts them. What
# nobody waits for (FORGET, RELEASE) does not count. The bounds are per operation,
# with the name looked up before where the row says so.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

tracing=$T/tracing
mkdir "$tracing"
mount -t tracefs tracefs "$tracing" 2>/dev/null || skip "no tracefs"
[ -d "$tracing/events/fuse/fuse_request_send" ] || skip "no tracepoint fuse:fuse_request_send"
trace=$tracing/instances/$TEST_ID
mkdir "$trace" || skip "no trace instance of our own"
defer rmdir "$trace"

mkdir "$T/lower" "$T/m" "$T/lower/dir" "$T/lower/cold"
for n in 1 2 3 4 5 6 7 8 9; do
	echo "content $n" >"$T/lower/file$n"
done
for n in $(seq 300); do
	: >"$T/lower/cold/name$n"
done
ln -s file1 "$T/lower/symlink"
m=$T/m

# begin DATA - a fresh mount, whose requests alone are traced
begin() {
	rm -rf "$T/upper" "$T/work"
	mkdir "$T/upper" "$T/work"
	mount_nacre "$m" "$T/lower" "$T/upper" "$T/work" "data=$1"
	echo "connection==$(stat -c %d "$m")" >"$trace/events/fuse/fuse_request_send/filter"
	echo 1 >"$trace/events/fuse/fuse_request_send/enable"
}

# costs AT_MOST WHAT COMMAND - in a shell of its own, which has done all else before
failed=0
costs() {
	local at_most=$1 what=$2 requests
	sync -f "$m"		# what earlier commands left to be written back
	: >"$trace/trace"
	timeout 30 sh -c "$3" >/dev/null 2>&1 || true
	requests=$(grep -o 'FUSE_[A-Z0-9_]*' "$trace/trace" | grep -cv -e FORGET -e RELEASE || true)
	[ "$requests" -le "$at_most" ] && return
	note "$what: $requests requests, at most $at_most:" \
		"$(grep -o 'FUSE_[A-Z0-9_]*' "$trace/trace" | sort | uniq -c | tr '\n' ' ')"
	failed=$((failed + 1))
}
again() { timeout 30 sh -c "$3" >/dev/null 2>&1 || true; costs "$@"; }

begin cached
# The count itself must count: a cold lookup is one request.
: >"$trace/trace"
stat "$m/dir" >/dev/null
[ "$(grep -c FUSE_LOOKUP "$trace/trace")" = 1 ] || fail "the tracepoint does not show the LOOKUP"

again 0 "stat, again" "stat $m/file1"
again 0 "a missing name, again" "stat $m/missing"
again 0 "readlink, again" "readlink $m/symlink"
costs 21 "a cold directory of 300, listed with attributes" "find $m/cold -printf '%s\n'"
again 0 "a directory, again" "stat $m/cold/*"
again 0 "open, read, close, again" "read line <$m/file2; read line <$m/file2"
again 1 "cat, again (its fstat asks for the atime that a read left)" "cat $m/file2"
costs 5 "create, write, close" "echo x >$m/new"
costs 2 "ten small writes to an upper file" "dd if=/dev/zero of=$m/new bs=100 count=10 conv=notrunc"

for n in 3 4 5 6 7; do
	stat "$m/file$n" >/dev/null
done
stat "$m/renamed" "$m/newdir" >/dev/null 2>&1 || true
costs 2 "unlink" "unlink $m/file3"
# The kernel asks for a target that is not there in any case, and writes the ctime back.
costs 3 "rename" "mv -T $m/file4 $m/renamed"
costs 2 "mkdir" "mkdir $m/newdir"
costs 2 "chmod" "chmod 600 $m/file5"
costs 2 "rmdir" "rmdir $m/newdir"

unmount "$m"

begin passthrough
costs 4 "passthrough: create, write, close" "echo x >$m/new"
again 1 "passthrough: ten small writes" "dd if=/dev/zero of=$m/new bs=100 count=10 conv=notrunc"
again 1 "passthrough: open, read, close, again" "read line <$m/new"
exec 3<>"$m/new"
costs 0 "passthrough: reading and writing an open file" "dd if=/dev/zero bs=100 count=10 >&3; dd bs=100 count=10 <&3"
exec 3>&-
again 1 "passthrough: a lower file, again" "read line <$m/file2"
unmount "$m"

[ "$failed" = 0 ] || fail "$failed operations cost more than they may"

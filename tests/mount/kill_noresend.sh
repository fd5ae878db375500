#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On kernels that cannot be asked to send requests again (before 6.9), whoever waits
# for a killed worker gets EIO, wherever the request was, and never waits for ever;
# everything after that works.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower"
echo lower >"$T/lower/file"
head -c 200000000 /dev/zero >"$T/lower/big"
mount_killable -o data=cached,no_resend

# killed KILLAT-OPTION... -- COMMAND... - while the worker is killed; its status
killed() {
	local options=() tracer status=0
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	mkfifo "$T/attached"
	"$LIB/killat" "${options[@]::${#options[@]}-1}" "$(worker_of "$holder")" "${options[-1]}" \
		>"$T/attached" &
	tracer=$!
	read -r _ <"$T/attached" || fail "the worker cannot be traced"
	rm "$T/attached"
	timeout 30 "$@" >"$T/out" 2>"$T/err" || status=$?
	[ "$status" != 124 ] || fail "no answer after the worker's death: $*"
	wait "$tracer" || fail "the worker was not killed by: $*"
	return "$status"
}

# Right after a request was read, before anything else was done.
for n in 1 2 3 4 5 6 7 8; do
	! killed --read 1 -- stat "$M/missing-$n" || fail "a missing name was found"
	has "$(cat "$T/err")" "Input/output error" "read and not begun"
	eq "$(timeout 30 cat "$M/file")" lower "a file afterwards"
done

# In the middle of copying up, which other threads do.
! killed 10 -- truncate -s 200000001 "$M/big" || fail "the copy was not interrupted"
has "$(cat "$T/err")" "Input/output error" "copying up"
eq "$(timeout 30 cat "$M/file")" lower "a file afterwards"
eq "$(stat -c %s "$M/big")" 200000000 "the size is the old one"
timeout 60 truncate -s 200000001 "$M/big" || fail "copying up, once more"
timeout 60 cmp -n 200000000 "$M/big" "$T/lower/big" || fail "the copy"
echo new >"$M/new"
eq "$(cat "$T/upper/new")" new "a new file"
unmount_killable
eq "$(cd "$T/work" && find . -mindepth 2 | grep -v '^./index')" "" "left in the work directory"

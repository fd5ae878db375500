#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On kernels that cannot be asked to send requests again (before 6.9), a request that a
# worker had only just read when it was killed fails with EIO: it does not wait for ever.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

foreground_hellofs --no-resend
for n in 1 2 3 4 5 6; do
	worker=$(status_line pid)
	mkfifo "$T/attached"
	"$LIB/killat" --read "$worker" 1 >"$T/attached" &
	tracer=$!
	read -r _ <"$T/attached" || fail "the worker cannot be traced"
	rm "$T/attached"
	eq "$(status_of timeout 30 stat "$M/missing-$n")" 1 "its end"
	has "$(cat "$T/err")" "Input/output error" "read and not begun"
	wait "$tracer" || fail "the worker was not killed"
	eq "$(timeout 60 cat "$M/hello")" "hello, world" "afterwards"
done
umount "$M"
wait "$holder"

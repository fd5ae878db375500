#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker that takes and answers nothing is replaced, with a word on where it
# was; so is one that is stopped. An idle one is left alone.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

foreground_hellofs --watchdog 1 --threads 1
timeout 60 cat "$M/stuck" >"$T/stuck" &
first=$!
until grep -q replaced "$T/log"; do
	eq "$(timeout 60 cat "$M/hello")" "hello, world" "others wait, and are answered"
done
wait "$first" || fail "the reader that made it hang failed"
eq "$(cat "$T/stuck")" "hello, world" "asked again, it answers"
has "$(cat "$T/log")" "answers nobody; it is replaced" "message"
eq "$(status_line generation)" 1 "workers so far"

# A single caller: all others sleep, and nothing waits to be taken.
umount "$M"
wait "$holder"
foreground_hellofs --watchdog 1 --threads 2
eq "$(timeout 60 cat "$M/stuck")" "hello, world" "a request that nobody else waits behind"
has "$(cat "$T/log")" "answers nobody; it is replaced" "message"
eq "$(status_line generation)" 1 "workers so far"

# One thread hangs, or turns in circles, and another goes on answering.
for how in stuck spinning; do
	umount "$M"
	wait "$holder"
	foreground_hellofs --watchdog 1 --threads 3
	timeout 60 cat "$M/$how" >"$T/stuck" &
	first=$!
	until grep -q replaced "$T/log"; do
		eq "$(timeout 60 cat "$M/hello")" "hello, world" "$how: others are answered"
	done
	wait "$first" || fail "$how: the reader failed"
	eq "$(cat "$T/stuck")" "hello, world" "$how: asked again, it answers"
	eq "$(status_line generation)" 1 "$how: workers so far"
done

worker=$(status_line pid)
kill -STOP "$worker"
eq "$(timeout 60 cat "$M/hello")" "hello, world" "although the worker was stopped"
eq "$(status_line generation)" 2 "workers so far"

# Three times the patience, with nothing to do.
worker=$(status_line pid)
status=0
timeout 3 tail --pid="$worker" -f /dev/null || status=$?
eq "$status" 124 "an idle worker is left alone"
eq "$(status_line pid)" "$worker" "an idle worker is left alone"

# A crash says where.
if ! nm "$LIB/hellofs" | grep -q '__asan_init\|__tsan_init'; then
	cat "$M/crash-once" >/dev/null
	has "$(cat "$T/log")" "  at " "a backtrace"
	has "$(cat "$T/log")" hellofs "in it our own code"
fi

# A request that always crashes is given up, and it is said why.
eq "$(status_of timeout 60 cat "$M/crash")" 1 "a request that crashes every worker"
has "$(cat "$T/err")" "Input/output error" "what its caller sees"
has "$(cat "$T/log")" "crashed 3 workers" "what the log says"
umount "$M"
wait "$holder"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A start that fails at any stage, or is interrupted, or whose nacre is killed,
# leaves nothing; a nacre that was killed takes its container along, and the next
# one clears up behind it.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

for stage in state view-daemon mount-namespace scratch root-daemon cgroups limits view root prepare process; do
	eq "$(NACRE_FAIL_AFTER=$stage status_of run --memory 64M -- true)" 125 "status when '$stage' fails"
	has "$(cat "$T/err")" "$stage" "message when '$stage' fails"
	leaves_nothing "when '$stage' fails"
done

# Interrupted at whatever point the signal finds it.
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	start --memory 64M -- sleep 1000
	timeout "0.0$((i % 6 * 2))5" tail -f /dev/null || true
	case $((i % 3)) in
	0) signal=INT ;;
	1) signal=TERM ;;
	2) signal=HUP ;;
	esac
	kill -$signal "$nacre"
	status=0
	wait "$nacre" || status=$?
	[ "$status" -gt 128 ] || fail "status $status after SIG$signal: $(cat "$T/log")"
	leaves_nothing "after SIG$signal"
done

# Killed: the container's processes go at once, the rest at the next start.
mkdir "$T/shared"
start -b "$T/shared:/shared" -- sh -c 'touch /shared/up; exec sleep 1000'
await path "$T/shared/up"
pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$STATE/$TEST_ID/state.json")
kill -KILL "$nacre"
wait "$nacre" 2>/dev/null || true
await exit "$pid"
eq "$(status_of "${RUN[@]}" -- true)" 0 "the next container"
leaves_nothing "after the next container"

# A name in use is refused, and what uses it goes on.
rm "$T/shared/up"
start -b "$T/shared:/shared" -- sh -c 'touch /shared/up; exec sleep 1000'
await path "$T/shared/up"
eq "$(status_of run -- true)" 125 "a second container of the same name"
has "$(cat "$T/err")" "'$TEST_ID' exists already" "message about the name"
[ -n "$(container_cgroups)" ] || fail "the first container lost its cgroup"
kill -TERM "$nacre"
wait "$nacre" || true
leaves_nothing "at the end"

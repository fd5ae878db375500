#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container in the background: its name is printed, its output kept, bounded and
# followed, its end waited for; it stays until it is removed, and starts again with
# what it had changed.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd jq

mkdir "$T/shared"
mkfifo "$T/shared/go" "$T/shared/said"
bind=(-b "$T/shared:/shared")
defer nacre --root "$STATE" rm --force "$TEST_ID"

eq "$(run --detach "${bind[@]}" -- sh -c 'echo one; echo two >&2; echo kept >/file; echo up >/shared/said; read x </shared/go; echo $x; exit 3')" \
	"$TEST_ID" "the name is printed"
eq "$(cat "$T/shared/said")" up "it runs"
eq "$(n ps --json | jq -r '.[0].status')" running "ps"
eq "$(n ps -q)" "$TEST_ID" "ps -q"
has "$(n ps)" "sh -c" "ps for people"
# The monitor writes down what it reads when its turn comes.
for ((i = 0; i < 600; i++)); do
	n logs "$TEST_ID" >"$T/out" 2>"$T/err"
	[ ! -s "$T/out" ] || [ ! -s "$T/err" ] || break
	read -rt 0.05 <> <(:) || true
done
eq "$(n logs "$TEST_ID" 2>/dev/null)" one "its output"
eq "$(n logs "$TEST_ID" 2>&1 >/dev/null)" two "its errors"
monitor=$(n inspect "$TEST_ID" | jq '.[0].monitor')
pid=$(n inspect "$TEST_ID" | jq '.[0].pid')
if ! grep -q -e lsan -e asan -e tsan "/proc/$monitor/maps"; then
	rss=$(cat "/proc/$monitor/status" "/proc/$pid/status" | awk '/^VmRSS/ { sum += $2 } END { print sum }')
	[ "$rss" -le 1536 ] || fail "monitor and pid 1 keep $rss KiB"
fi
eq "$(tr -d '\0' <"/proc/$pid/cmdline" | cut -c1-10)" nacre-init "pid 1 is a program of its own"
eq "$(awk '/^CapPrm/ { print $2 }' "/proc/$pid/status")" 0000000000000020 "pid 1 can signal, and nothing else"
eq "$(ls "/proc/$pid/fd")" "" "pid 1 holds nothing open"
[ "$(status_of n exec "$TEST_ID" sh -c 'echo x >/proc/1/exe')" != 0 ] || fail "the program of pid 1 can be written"
eq "$(status_of n rm "$TEST_ID")" 1 "rm while it runs"
has "$(cat "$T/err")" "--force" "the next step"
eq "$(status_of run --detach -- true)" 125 "the same name again"

# Followed and waited for, until it ends.
n logs --follow "$TEST_ID" >"$T/followed" 2>/dev/null &
follower=$!
n wait "$TEST_ID" >"$T/waited" &
waiter=$!
echo three >"$T/shared/go"
wait "$follower"
wait "$waiter"
eq "$(cat "$T/followed")" "one
three" "followed"
eq "$(cat "$T/waited")" 3 "waited for"
eq "$(n wait --json "$TEST_ID")" '{"id":"'"$TEST_ID"'","exitStatus":3}' "wait when it has ended"
eq "$(n ps -q)" "" "ps when it has ended"
eq "$(n ps -a --json | jq -c '.[0] | [.status, .exitStatus, .pid]')" '["stopped",3,0]' "ps -a"
has "$(n ps -a)" "exited (3)" "ps -a for people"
eq "$(container_cgroups)" "" "no cgroups are left of one that has ended"
eq "$(n logs --tail 1 "$TEST_ID" 2>/dev/null)" three "the last line"
eq "$(n logs --since 2000-01-01 "$TEST_ID" 2>/dev/null)" "one
three" "since long ago"
eq "$(n logs --since 2100-01-01 "$TEST_ID" 2>&1)" "" "since the future"
eq "$(n logs --json "$TEST_ID" | jq -r 'select(.text == "two").stream')" stderr "as JSON"
[[ $(n logs -t --tail 1 "$TEST_ID") =~ ^20[0-9-]{8}T[0-9:.]{18}Z\ three$ ]] || fail "a time before the line"
eq "$(status_of n exec "$TEST_ID" true)" 255 "exec when it has ended"
eq "$(status_of n stats --no-stream "$TEST_ID")" 1 "stats when it has ended"
has "$(cat "$T/err")" "nacre inspect" "the next step"

# Again, with what it had changed.
eq "$(status_of n start "$TEST_ID")" 0 "start"
eq "$(cat "$T/shared/said")" up "it runs again"
eq "$(status_of n start "$TEST_ID")" 125 "start twice"
eq "$(n exec "$TEST_ID" cat /file)" kept "its changes"
eq "$(status_of n stop "$TEST_ID")" 0 "stop"
eq "$(n wait "$TEST_ID")" 143 "the status of a stopped one"
eq "$(status_of n stop "$TEST_ID")" 0 "stop when it has ended"
n rm "$TEST_ID"
leaves_nothing "after rm"

# A command that ignores TERM.
run --detach "${bind[@]}" -- sh -c 'trap "" TERM; echo up >/shared/said; while :; do sleep 1000; done' >/dev/null
eq "$(cat "$T/shared/said")" up "it runs"
n stop --time 0 "$TEST_ID"
eq "$(n wait "$TEST_ID")" 137 "killed"
n rm "$TEST_ID"

# --rm takes it away, and who waits is told the status.
run --detach --rm "${bind[@]}" -- sh -c 'read x </shared/go; exit 9' >/dev/null
n wait "$TEST_ID" >"$T/waited" &
waiter=$!
echo >"$T/shared/go"
wait "$waiter" || true
case $(cat "$T/waited") in
9 | '') ;;	# it may have been gone before the wait began
*) fail "waited for one with --rm: $(cat "$T/waited")" ;;
esac
for ((i = 0; i < 600; i++)); do
	[ -n "$(n ps -aq)" ] || break
	read -rt 0.05 <> <(:) || true
done
leaves_nothing "after --rm"

# The log is bounded, whatever the container prints.
run --detach --log-size 64K -- sh -c 'i=0; while [ $i -lt 3000 ]; do echo "line $i of what is much too much to keep for anybody"; i=$((i + 1)); done' >/dev/null
eq "$(n wait "$TEST_ID")" 0 "much output"
bytes=$(cat "$T/data/scratch/$TEST_ID"/log* | wc -c)
[ "$bytes" -le $((80 << 10)) ] || fail "the log has $bytes bytes"
eq "$(n logs --tail 1 "$TEST_ID")" "line 2999 of what is much too much to keep for anybody" "the newest is kept"
n rm "$TEST_ID"

# What cannot start is told to who asked, and leaves nothing.
eq "$(status_of run --detach -- no-such-command)" 127 "a missing command"
has "$(cat "$T/err")" "not found" "message"
eq "$(cat "$T/out")" "" "no name is printed"
leaves_nothing "after a failed start"

# In the foreground one can be kept, too; its output went elsewhere.
eq "$(status_of run --keep -- sh -c 'echo seen; exit 4')" 4 "a kept one in the foreground"
eq "$(n ps -a --json | jq '.[0].exitStatus')" 4 "its status"
eq "$(status_of n logs "$TEST_ID")" 1 "it has no log"
has "$(cat "$T/err")" "--detach" "the next step"
n rm "$TEST_ID"

# With a terminal.
run --detach --tty -- sh -c 'test -t 0 && test -t 1 && echo terminal' >/dev/null
n wait "$TEST_ID" >/dev/null
has "$(n logs "$TEST_ID")" terminal "a terminal in the background"
n rm "$TEST_ID"
leaves_nothing "at the end"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who is started again when it ends, how often, and who is not; and what is left
# when the monitor is killed.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd jq

mkdir "$T/shared"
mkfifo "$T/shared/said"
bind=(-b "$T/shared:/shared")
defer nacre --root "$STATE" rm --force "$TEST_ID"

run --detach --restart on-failure:2 -- sh -c 'echo run; exit 5' >/dev/null
eq "$(n wait "$TEST_ID")" 5 "its status in the end"
eq "$(n inspect "$TEST_ID" | jq -c '.[0] | [.restarts, .restart]')" '[2,"on-failure:2"]' "how often"
eq "$(n logs "$TEST_ID" | grep -c run)" 3 "one log of all"
n rm "$TEST_ID"

run --detach --restart on-failure -- true >/dev/null
eq "$(n wait "$TEST_ID")" 0 "success is no failure"
eq "$(n inspect "$TEST_ID" | jq '.[0].restarts')" 0 "not started again"
n rm "$TEST_ID"

up='echo $$ >/shared/said; exec sleep 1000'
run --detach --restart always "${bind[@]}" -- sh -c "$up" >/dev/null
read -r _ <"$T/shared/said"
n kill "$TEST_ID" KILL
read -r _ <"$T/shared/said"	# it was started again
eq "$(n inspect "$TEST_ID" | jq '.[0].restarts')" 1 "after a kill"
n stop --time 0 "$TEST_ID"
eq "$(n ps -q)" "" "stop ends it for good"
n rm "$TEST_ID"

run --detach --restart unless-stopped "${bind[@]}" -- sh -c "$up" >/dev/null
read -r _ <"$T/shared/said"
n kill "$TEST_ID" KILL
eq "$(n wait "$TEST_ID")" 137 "a kill ends one with unless-stopped"
n rm "$TEST_ID"

# Removed between two starts, and while it runs.
run --detach --restart always -- false >/dev/null
n rm --force "$TEST_ID"
leaves_nothing "after rm --force of one that ends again and again"
run --detach --restart always "${bind[@]}" -- sh -c "$up" >/dev/null
read -r _ <"$T/shared/said"
n rm --force "$TEST_ID"
leaves_nothing "after rm --force"

# The monitor is killed: the container goes at once; the rest can be removed.
run --detach --restart always "${bind[@]}" -- sh -c "$up" >/dev/null
read -r _ <"$T/shared/said"
pid=$(n inspect "$TEST_ID" | jq '.[0].pid')
monitor=$(n inspect "$TEST_ID" | jq '.[0].monitor')
kill -KILL "$monitor"
await exit "$pid" "$monitor"
eq "$(n ps -q)" "" "no more"
eq "$(n wait "$TEST_ID")" 137 "the status"
n rm --force "$TEST_ID"
leaves_nothing "after a killed monitor"

# Or it is started again.
run --detach "${bind[@]}" -- sh -c "echo mine >/file; $up" >/dev/null
read -r _ <"$T/shared/said"
pid=$(n inspect "$TEST_ID" | jq '.[0].pid')
monitor=$(n inspect "$TEST_ID" | jq '.[0].monitor')
kill -KILL "$monitor"
await exit "$pid" "$monitor"
n start "$TEST_ID"
read -r _ <"$T/shared/said"
eq "$(n exec "$TEST_ID" cat /file)" mine "its changes"
n rm --force "$TEST_ID"
leaves_nothing "after that"

# nacre or the monitor, killed at whatever point the signal finds it.
for i in 1 2 3 4 5 6 7 8; do
	"${RUN[@]}" --name "$TEST_ID" --memory 64M --detach -- sleep 1000 >"$T/log" 2>&1 &
	timeout "0.0$((i % 4 * 2))5" tail -f /dev/null || true
	monitor=$(jq .monitor "$STATE/$TEST_ID/state.json" 2>/dev/null || true)
	[ -z "$monitor" ] || kill -KILL "$monitor" 2>/dev/null || true
	wait "$!" || true
	n rm --force "$TEST_ID"
	leaves_nothing "after a kill"
done

eq "$(status_of run --restart always -- true)" 125 "in the foreground"
has "$(cat "$T/err")" "--detach" "message about that"
eq "$(status_of run --detach --restart often -- true)" 125 "a policy that there is not"
has "$(cat "$T/err")" "'often'" "message about that"
leaves_nothing "at the end"

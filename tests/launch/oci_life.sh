#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container's life as engines drive it: create, start, state, kill, delete, with
# the statuses and the words that they look for.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

bundle sh -c 'echo ran; exec sleep 1000'
create --pid-file "$T/pid" || fail "create: $(cat "$T/log")"
defer oci delete --force "$ID"
pid=$(cat "$T/pid")
eq "$(wc -c <"$T/pid")" "${#pid}" "the pid file has no newline"
eq "$(cat "$T/log")" "" "create prints nothing"
eq "$(status_in_state)" created "after create"
eq "$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')" "$pid" "pid in the state"
eq "$(oci state "$ID" | sed -n 's/.*"bundle": *"\([^"]*\)".*/\1/p')" "$B" "bundle in the state"
eq "$(status_of oci create --bundle "$B" "$ID")" 1 "the same id again"
has "$(cat "$T/err")" "exist" "message about the id"

oci start "$ID"
eq "$(status_in_state)" running "after start"
eq "$(status_of oci start "$ID")" 1 "a second start"
eq "$(status_of oci kill "$ID" 0)" 0 "signal 0 asks whether it runs"
eq "$(status_of oci delete "$ID")" 1 "delete while it runs"
eq "$(status_in_state)" running "after that"
eq "$(oci ps --format json "$ID")" "[$pid]" "its processes"
has "$(oci list)" "$ID" "the list"

for ((i = 0; i < 200; i++)); do	# started is not yet printed
	grep -q ran "$T/log" && break
	read -rt 0.05 <> <(:) || true
done
oci kill "$ID" KILL
await exit "$pid"
eq "$(status_in_state)" stopped "after kill"
eq "$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')" 0 "no pid in the state"
eq "$(cat "$T/log")" ran "output"
eq "$(status_of oci kill "$ID" 0)" 1 "signal 0 when it is stopped"
eq "$(status_of oci kill "$ID" 15)" 1 "kill when it is stopped"
has "$(cat "$T/err")" "container not running" "the words that engines look for"
eq "$(status_of oci exec "$ID" true)" 255 "exec when it is stopped"
eq "$(status_of oci start "$ID")" 1 "start when it is stopped"
oci delete "$ID"
eq "$(status_of oci state "$ID")" 1 "state of what is gone"
has "$(cat "$T/err")" "does not exist" "the words that engines look for"
eq "$(status_of oci delete "$ID")" 1 "delete of what is gone"
eq "$(status_of oci delete --force "$ID")" 0 "delete --force of what is gone"
eq "$(cat "$T/err")" "" "it says nothing"
oci_leaves_nothing "after a life"

# Deleted before it was started, and by force while it runs.
create
oci delete "$ID"
create
oci start "$ID"
pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
oci delete --force "$ID"
[ ! -e "/proc/$pid/exe" ] || fail "delete --force left process $pid"
oci_leaves_nothing "after delete --force"

# With --log the error is one JSON object there, too.
set_args no-such-command
eq "$(status_of oci --log "$T/log.json" --log-format json create --bundle "$B" "$ID")" 1 \
	"a command that is not there fails at create"
eq "$(wc -l <"$T/log.json")" 1 "one line of log"
has "$(cat "$T/log.json")" '"level":"error"' "level"
has "$(cat "$T/log.json")" "executable file not found" "the words that engines look for"
oci_leaves_nothing "after a failed create"

for id in ../x .x a/b '' 'a b'; do
	eq "$(status_of oci create --bundle "$B" "$id")" 1 "id '$id'"
	has "$(cat "$T/err")" "invalid container ID format" "message for id '$id'"
done

# run does all of it, with the command's status.
set_args sh -c 'exit 9'
eq "$(status_of oci run --bundle "$B" "$ID")" 9 "status of run"
oci_leaves_nothing "after run"

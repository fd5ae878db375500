#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "create" that fails after any stage leaves nothing. One that is killed, after any
# stage or at any moment, leaves what "delete --force" removes: no mount, cgroup,
# process or state stays, and the name may be used again.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

STAGES="state address view-daemon mount-namespace scratch root-daemon cgroups limits view root prepare process network"

# The container's first process shows our words until it is started.
processes_left() { pgrep -f -- "--root $T/oci" || true; }
left_nothing() {
	oci_leaves_nothing "$1"
	eq "$(processes_left)" "" "$1: processes left"
}

bundle sleep 1000
mkdir "$T/shared"
add_mount '{ "destination": "/mnt", "type": "bind", "source": "'"$T/shared"'", "options": [ "bind" ] }'
config 's|"resources": {|"resources": { "memory": { "limit": 67108864 },|'

for stage in $STAGES; do
	export NACRE_FAIL_AFTER=$stage
	create && fail "created although '$stage' fails"
	has "$(cat "$T/log")" "'$stage'" "message when '$stage' fails"
	unset NACRE_FAIL_AFTER
	left_nothing "when '$stage' fails"

	eq "$(NACRE_KILL_AFTER=$stage status_of create)" 137 "status when killed after '$stage'"
	oci delete --force "$ID" || fail "delete --force after '$stage'"
	left_nothing "killed after '$stage'"
done

# At any moment: the time that a create takes, in steps.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	# Not by oci(): of what runs below timeout(1) in a function, no signal is for nacre itself.
	"$RUNTIME" --root "$T/oci" create --bundle "$B" "$ID" </dev/null >"$T/log" 2>&1 &
	pid=$!
	timeout "0.0$((i / 4))$((i % 4 * 2 + 1))" tail -f /dev/null || true
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	oci delete --force "$ID" || fail "delete --force after $i"
	left_nothing "killed at moment $i"
done

# The pid in the state belongs to another process by now: it is left alone.
create
pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
kill -KILL "$pid"
await exit "$pid"
tail -f /dev/null &
other=$!
sed -i "s/\"pid\": *$pid,/\"pid\": $other,/" "$T/oci/$ID/state.json"
grep -q "\"pid\": $other," "$T/oci/$ID/state.json" || fail "the state does not have the pid"
eq "$(status_in_state)" stopped "a pid that was given to another"
eq "$(status_of oci kill "$ID" KILL)" 1 "kill then"
oci delete --force "$ID"
kill -0 "$other" || fail "another process was killed"
kill "$other"
left_nothing "with a pid that was given to another"

# The name and the cgroup are free again.
set_args echo fine
eq "$(run_bundle)" fine "afterwards"

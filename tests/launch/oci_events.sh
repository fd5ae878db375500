#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "events": what a container uses has the fields that runc prints for it, with the
# figures of its cgroups; one that runs out of memory is news at once, and its end ends
# the stream.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"
need_cmd python3
defer oci delete --force "$ID"

# fields - each field of the line on stdin; names of devices, raw figures aside
cat >"$T/fields" <<'END'
import json, sys
def walk(value, path):
    if isinstance(value, dict):
        for key in value:
            walk(value[key], path + "." + key)
    elif isinstance(value, list):
        print(path + "[]")
    elif value is not None:
        print(path)
event = json.loads(sys.stdin.read())
walk(event, "")
END

bundle sleep 1000
config 's|"resources": {|"resources": { "memory": { "limit": 67108864 }, "pids": { "limit": 7 }, "cpu": { "quota": 50000, "period": 100000, "cpus": "0" },|'
create || fail "create: $(cat "$T/log")"
oci start "$ID"
oci events --stats "$ID" >"$T/stats"
eq "$(wc -l <"$T/stats")" 1 "one line"
python3 "$T/fields" <"$T/stats" | sort >"$T/nacre.fields"
get() { python3 -c 'import json, sys; v = json.load(sys.stdin)
for key in sys.argv[1].split("."): v = v[key]
print(v)' "$1" <"$T/stats"; }
eq "$(get type) $(get id)" "stats $ID" "type and id"
eq "$(get data.pids.limit) $(get data.pids.current)" "7 1" "processes"
eq "$(get data.memory.usage.limit)" 67108864 "the limit of memory"
eq "$(get data.cpuset.cpus)" "[0]" "CPUs"
[ "$(get data.memory.usage.usage)" -gt 0 ] || fail "no memory in use"
[ "$(get data.cpu.usage.total)" -gt 0 ] || fail "no CPU time"
eq "$(status_of oci events --interval 5 "$ID")" 1 "a time without a unit"
eq "$(status_of oci events --interval 0s "$ID")" 1 "no time"

# Those that runc has and we do not: switches of cpusets, and times of single CPUs by kind.
if command -v runc >/dev/null; then
	oci delete --force "$ID"
	RUNTIME=runc
	create || fail "runc create: $(cat "$T/log")"
	oci start "$ID"
	oci events --stats "$ID" | python3 "$T/fields" | sort |
		grep -v -e '^\.data\.cpu\.usage\.percpu_' -e '^\.data\.cpuset\.mem_' -e '^\.data\.cpuset\.memory_' \
			-e '^\.data\.cpuset\.sched_' -e '^\.data\.cpuset\.cpu_' >"$T/runc.fields"
	oci delete --force "$ID"
	RUNTIME=nacre
	eq "$(comm -13 "$T/nacre.fields" "$T/runc.fields" | tr '\n' ' ')" "" "fields that only runc has"
fi

# The first child is killed, not the container: the stream says so and goes on.
mkfifo "$T/go"
bundle sh -c 'cat /go >/dev/null; tail /dev/zero; sleep 1000'
cp -a "$T/go" "$B/rootfs/go"
config 's|"resources": {|"resources": { "memory": { "limit": 33554432, "swap": 33554432 },|'
create || fail "create: $(cat "$T/log")"
oci start "$ID"
mkfifo "$T/events"
nacre --root "$T/oci" events --interval 100ms "$ID" >"$T/events" &
events=$!
exec 5<"$T/events"
read -r -t 30 line <&5 || fail "no event"
has "$line" '"type":"stats"' "the first event"
echo >"$B/rootfs/go"
while read -r -t 30 line <&5; do
	case $line in *'"type":"oom"'*) break ;; esac
done
eq "$line" "{\"type\":\"oom\",\"id\":\"$ID\"}" "out of memory"
oci kill "$ID" KILL
timeout 30 cat <&5 >/dev/null || fail "the stream does not end"
wait "$events" || fail "events: status $?"
exec 5<&-
eq "$(status_of oci events "$ID")" 1 "of a container that has ended"
has "$(cat "$T/err")" "container not running" "message about it"
oci delete "$ID"
oci_leaves_nothing "at the end"

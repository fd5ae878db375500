#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The verbs for people, on containers of "run" and on those that an engine creates:
# their figures are the kernel's.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"
need_cmd jq

# of CONTROLLER FILE... - the first of these files of the container
of() {
	local file
	for file in "${@:2}"; do
		cat "/sys/fs/cgroup/$1/nacre/$TEST_ID/$file" 2>/dev/null && return
		cat "/sys/fs/cgroup/nacre/$TEST_ID/$file" 2>/dev/null && return
	done
	echo none
}

# check_verbs RUNTIME... - of a container that sleeps and has 3 processes at most
check_verbs() {
	eq "$("$@" stats --no-stream --json "$ID" | jq '.[0].memoryLimit')" \
		"$(of memory memory.limit_in_bytes memory.max)" "$*: the limit of memory"
	"$@" pause "$ID"	# so that nothing changes meanwhile
	eq "$("$@" stats --no-stream --json "$ID" | jq '.[0].pids')" "$(of pids pids.current)" "$*: processes"
	eq "$("$@" ps --json "$ID" | jq length)" "$(of pids pids.current)" "$*: its processes"
	before=$(of cpuacct cpuacct.usage)
	[ "$before" != none ] || before=$(awk '/^usage_usec/ { print $2 * 1000 }' "/sys/fs/cgroup/nacre/$TEST_ID/cpu.stat")
	eq "$("$@" stats --no-stream --json "$ID" | jq '.[0].cpuUsec')" "$((before / 1000))" "$*: CPU time"
	# The kernel takes back what it had in store for a cgroup when it likes.
	for _ in {1..50}; do
		before=$(of memory memory.usage_in_bytes memory.current)
		told=$("$@" stats --no-stream --json "$ID" | jq '.[0].memory')
		after=$(of memory memory.usage_in_bytes memory.current)
		[ "$before" != "$after" ] || break
	done
	eq "$told" "$after" "$*: memory"
	eq "$("$@" ps --json | jq -r '.[0].status')" paused "$*: the status of a paused one"
	"$@" resume "$ID"
	has "$("$@" stats --no-stream)" "$ID" "$*: stats for people"
	"$@" update --memory 48M --pids-limit 11 "$ID"
	eq "$(of memory memory.limit_in_bytes memory.max)" $((48 << 20)) "$*: update of memory"
	eq "$("$@" inspect "$ID" | jq '.[0].memoryLimit')" $((48 << 20)) "$*: inspect after the update"
	eq "$("$@" inspect "$ID" | jq -r '.[0].status')" running "$*: inspect"
	eq "$("$@" exec "$ID" echo hello)" hello "$*: exec"
	for verb in inspect stats wait logs diff stop kill pause; do
		eq "$(status_of "$@" "$verb" no-such-container)" 1 "$*: $verb of what is not there"
		has "$(cat "$T/err")" "'no-such-container' does not exist" "$*: message of $verb"
	done
}

defer nacre --root "$STATE" rm --force "$TEST_ID"
run --detach --memory 64M --pids 5 -- sh -c 'sleep 1000 & sleep 1000 & wait' >/dev/null
check_verbs n
n update --memory 80M "$TEST_ID"
eq "$(of memory memory.limit_in_bytes memory.max)" $((80 << 20)) "more memory than before"
n exec "$TEST_ID" sh -c 'echo new >/srv-file; rm /etc/hosts; echo changed >/etc/passwd; mkdir /d; echo x >/d/f'
eq "$(n diff "$TEST_ID")" "A /d
A /d/f
C /etc
D /etc/hosts
C /etc/passwd
A /srv-file" "diff"
eq "$(n diff --json "$TEST_ID" | jq -c '.[0]')" '{"kind":"A","path":"d"}' "diff as JSON"
n pause "$TEST_ID"
n rm --force "$TEST_ID"
leaves_nothing "after rm --force of a paused one"

# What an engine created.
bundle sh -c 'sleep 1000 & sleep 1000 & wait'
create || fail "create: $(cat "$T/log")"
defer oci delete --force "$ID"
oci start "$ID"
oci update --memory 64M --pids-limit 6 "$ID"
check_verbs oci
eq "$(status_of oci diff "$ID")" 1 "diff of an engine's container"
has "$(cat "$T/err")" "engine" "message about that"
eq "$(status_of oci logs "$ID")" 1 "logs of an engine's container"
has "$(cat "$T/err")" "who started it" "message about that"
oci stop --time 0 "$ID"
eq "$(status_in_state)" stopped "stop"
oci rm "$ID"
oci_leaves_nothing "at the end"

# What a layer below and an opaque directory hide.
make_root "$T/base"
mkdir -p "$T/base/dir/sub" "$T/top/dir"
touch "$T/base/dir/old" "$T/base/dir/sub/deep" "$T/base/gone"
mknod "$T/top/gone" c 0 0
eq "$(status_of run --keep -l "$T/top" -l "$T/base" -- sh -c 'rm -r /dir && mkdir /dir && touch /dir/fresh /gone')" 0 "it changes"
eq "$(n diff "$TEST_ID")" "C /dir
A /dir/fresh
D /dir/old
D /dir/sub
A /gone" "diff of layers"
n rm "$TEST_ID"
leaves_nothing "at the end"

# exec runs as the container's own command does, but for what is asked.
export FROM_HERE=here
run --detach -e A=given -e FROM_HERE -w /var/tmp --user 5:6 --cap-drop ALL -- sleep 1000 >/dev/null
unset FROM_HERE
eq "$(n exec "$TEST_ID" sh -c 'echo $A $FROM_HERE $(pwd) $(id -u):$(id -g) $container')" \
	"given here /var/tmp 5:6 nacre" "exec as the command"
eq "$(n exec -e A=other -w /etc -u 0 "$TEST_ID" sh -c 'echo $A $(pwd) $(id -u); grep CapEff /proc/self/status | tr -d "\t"')" \
	"other /etc 0
CapEff:0000000000000000" "exec as asked"
eq "$(echo typed | n exec -i "$TEST_ID" cat)" typed "exec -i"
if command -v script >/dev/null; then
	has "$(script -qec "timeout 60 nacre --root $STATE exec -it $TEST_ID tty" /dev/null </dev/null)" \
		/dev/pts/ "exec -it"
fi
n rm --force "$TEST_ID"
leaves_nothing "after exec"

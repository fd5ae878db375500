#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# An engine brings a listener and is gone. The worker is killed before each thing that it
# does with it, from the connection to the first answer: the container's calls are
# answered all the same, no listener is left over, and each has a keeper for the time
# when the whole daemon is killed.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy memory)" ] || skip "no memory controller"
[ "$(status_of "$LIB/calls" notify "$T/none" x sysinfo true)" = 1 ] || skip "no calls helper"
! grep -q '^filter' "$T/err" || skip "no seccomp listeners here"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
set_limit "$TEST_ID/c" memory $((256 << 20))
defer end_cgroup "$TEST_ID/c"
mkfifo "$T/attached" "$T/go"
listeners() { find "/proc/$holder/fd" -lname 'anon_inode:seccomp notify' 2>/dev/null | wc -l; }
await_listeners() { # COUNT
	timeout 30 bash -c "$(declare -f listeners); holder=$holder
		until [ \"\$(listeners)\" = $1 ]; do :; done" ||
		fail "step $step: $(listeners) listeners are kept, not $1"
}
total() { awk '$1 == "total" { print $2 }' "$1"; }

# try STEP - false if the worker does fewer things
try() {
	local tracer container status=0
	step=$1
	"$LIB/killat" "$(worker_of "$holder")" "$step" >"$T/attached" &
	tracer=$!
	read -r _ <"$T/attached" || fail "the worker cannot be traced"
	: >"$T/first"
	in_cgroup "$TEST_ID/c" timeout 60 "$LIB/calls" notify "$T/seccomp.sock" box sysinfo \
		sh -c "'$LIB/calls' sysinfo >'$T/first'; read line <'$T/go'
			'$LIB/calls' sysinfo >'$T/second'" &
	container=$!
	timeout 30 bash -c "until grep -q unit '$T/first'; do :; done" ||
		fail "step $step: the call is not answered"
	eq "$(total "$T/first")" $((256 << 20)) "step $step: what it says"
	kill -TERM "$tracer" 2>/dev/null || true
	wait "$tracer" || status=$?
	await_listeners 1
	if [ "$2" = daemon ]; then
		kill -9 "$holder" "$(worker_of "$holder")"
		await exit "$holder"
		await unmounted "$M"
	fi
	echo >"$T/go"
	wait "$container" || fail "step $step: a later call failed"
	if [ "$2" = daemon ]; then
		[ "$(total "$T/second")" -gt $((256 << 20)) ] ||
			fail "step $step: that is not the kernel's answer"
	else
		eq "$(total "$T/second")" $((256 << 20)) "step $step: what it says later"
		await_listeners 0
	fi
	case $status in
	0 | 3) return "$status" ;;
	*) fail "killat: status $status" ;;
	esac
}

# --- the daemon goes on ----------------------------------------------------------

start_procfs
procfs register box --cgroup "/$TEST_ID/c" >/dev/null
holder=$(holder_of_procfs)
n=1
while try $n worker; do
	n=$((n + 1))
done
[ $n -gt 5 ] || fail "only $((n - 1)) steps"
note "killed at $((n - 1)) steps"
umount "$M"
await exit "$holder"

# --- and is killed then ------------------------------------------------------------

for ((i = 1; i < n; i++)); do
	start_procfs
	procfs register box --cgroup "/$TEST_ID/c" >/dev/null
	holder=$(holder_of_procfs)
	try $i daemon || break
done

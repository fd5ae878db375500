#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the holder is in trouble: what cannot be started is tried again, a full stack
# says where it was; and where it is killed, its users get an error, no answer is waited
# for, and the mount is taken away.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

# --- it is killed: alone, together with its worker, and while it is used -----------

for how in holder both; do
	start_hellofs
	exec 5<"$M/big"
	eq "$(head -c 26 <&5)" abcdefghijklmnopqrstuvwxyz "before"
	timeout 60 cat "$M/stuck" >"$T/out" 2>"$T/err" &
	waiting=$!
	until [ "$(awk '$1 == "stuck" { print $2 }' "$M/status")" = 1 ]; do :; done
	case $how in
	holder) kill -KILL "$holder" ;;
	both) kill -KILL "$holder" "$worker" ;;
	esac
	await exit "$holder" "$worker"
	status=0
	wait "$waiting" || status=$?
	eq "$status" 1 "$how: who waits for an answer"
	has "$(cat "$T/err")" "cat: " "$how: gets an error"
	if cat <&5 2>/dev/null; then fail "$how: a read from a mount that is gone"; fi
	exec 5<&-
	await unmounted "$M"
	eq "$(ls -A "$M")" "" "$how: the directory below"
done

# --- a full stack ----------------------------------------------------------------

foreground_hellofs
if ! nm "$LIB/hellofs" | grep -q '__asan_init\|__tsan_init'; then
	eq "$(cat "$M/overflow-once")" "hello, world" "the next worker answers"
	has "$(cat "$T/log")" "signal 11" "how it died"
	has "$(cat "$T/log")" "  at " "a backtrace, although its stack was full"
fi

# --- no worker can be started ------------------------------------------------------

cgroup=
for dir in /sys/fs/cgroup/pids /sys/fs/cgroup; do
	[ ! -e "$dir/cgroup.procs" ] || mkdir "$dir/$TEST_ID" 2>/dev/null || continue
	if [ -e "$dir/$TEST_ID/pids.max" ]; then
		cgroup=$dir/$TEST_ID
		break
	fi
	rmdir "$dir/$TEST_ID" 2>/dev/null || true
done
if [ -n "$cgroup" ]; then
	defer rmdir "$cgroup"
	worker=$(status_line pid)
	echo 1 >"$cgroup/pids.max"
	echo "$holder" >"$cgroup/cgroup.procs"
	kill -KILL "$worker"
	timeout 60 cat "$M/hello" >"$T/late" &
	waiting=$!
	until grep -q "cannot start a worker for" "$T/log"; do :; done
	has "$(cat "$T/log")" "Trying again" "what happens next"
	echo max >"$cgroup/pids.max"
	wait "$waiting" || fail "a request that came meanwhile failed"
	eq "$(cat "$T/late")" "hello, world" "a request that came meanwhile"
	has "$(cat "$T/log")" "could be started" "it is said that all is well again"
else
	note "no pids controller: not tried what happens without processes"
fi
umount "$M"
wait "$holder"

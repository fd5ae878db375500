# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/kill.sh - for the scripts that kill the union's worker; source it after
# test.sh. The lower layer is $T/lower, the rest is made here.

M=$T/mnt

# mount_killable OPTION... - a union with a new upper on $M; sets holder
mount_killable() {
	rm -rf "$T/upper" "$T/work"
	mkdir -p "$T/upper" "$T/work" "$M"
	nacre-unionfs -f "$@" -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" "$M" \
		2>>"$T/log" &
	holder=$!
	defer end_ours "$holder"
	await mounted "$M"
}

# end_ours PID - a child of this shell that may have ended
end_ours() { kill "$1" 2>/dev/null || true; }

# worker_of PID - the holder's only child
worker_of() {
	local children
	children=$(cat "/proc/$1/task/$1/children")
	echo "${children%% *}"
}

# kill_worker - as soon as there is one, and wait until it is no more
killed=0
kill_worker() {
	local worker
	while worker=$(worker_of "$holder") && [ "${worker:-$killed}" = "$killed" ]; do
		kill -0 "$holder" 2>/dev/null || fail "there will be no worker: $(tail -5 "$T/log")"
	done
	kill -KILL "$worker"
	await exit "$worker"
	killed=$worker
}

unmount_killable() {
	umount "$M" || fail "umount"
	wait "$holder" || fail "the holder ended with status $?: $(tail -5 "$T/log")"
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/session.sh - for the scripts that try the FUSE session with hellofs;
# source it after test.sh.

need_fuse

M=$T/mnt
mkdir "$M"

# hellofs OPTION... - on $M
hellofs() { timeout 60 "$LIB/hellofs" "$@" "$M"; }

# The file system's own account of itself: `pid` is the worker's.
status_line() { timeout 20 awk -v key="$1" '$1 == key { print $2 }' "$M/status"; }

# holder_of PID - the worker's parent
holder_of() { awk '{ print $4 }' "/proc/$1/stat"; }

# end_holder PID - if it is still ours: the number may be someone else's by now
end_holder() {
	[ "$(cat "/proc/$1/comm" 2>/dev/null)" != hellofs ] || kill -KILL "$1"
}

# start_hellofs OPTION... - sets worker and holder
start_hellofs() {
	hellofs "$@"
	worker=$(status_line pid)
	holder=$(holder_of "$worker")
	defer end_holder "$holder"
}

# foreground_hellofs OPTION... - the same, with its messages in $T/log
foreground_hellofs() {
	"$LIB/hellofs" -f "$@" "$M" 2>"$T/log" &
	holder=$!
	defer end_holder "$holder"
	await mounted "$M"
	worker=$(status_line pid)
}

is_mounted() { [ -n "$(mounts_below "$M")" ]; }

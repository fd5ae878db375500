# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/proc/lib.sh - a nacre-procfs of the script's own, and cgroups to look at
#
#	. "$(dirname "$0")/lib.sh"

. "$(dirname "${BASH_SOURCE[0]}")/../lib/test.sh"

need_root
need_fuse
need_cmd unshare nsenter awk

M=$T/mnt		# where it is mounted
S=$T/control		# its socket

# start_procfs [OPTION]...
start_procfs() {
	timeout 60 "$NACRE_BUILD/nacre-procfs" --socket "$S" "$@" "$M" ||
		fail "nacre-procfs does not start"
	defer stop_procfs
}

stop_procfs() { umount "$M" 2>/dev/null || umount -l "$M" 2>/dev/null || true; }

procfs() { timeout 60 "$NACRE_BUILD/nacre-procfs" --socket "$S" "$@"; }

# holder_of_procfs - its process id: the one whose parent is not one of them
holder_of_procfs() {
	local candidates pid parent
	candidates=$(pgrep -f -- "--socket $S")
	for pid in $candidates; do
		parent=$(awk '{ print $4 }' "/proc/$pid/stat" 2>/dev/null) || continue
		grep -qx "$parent" <<<"$candidates" || echo "$pid"
	done
}

# worker_of PID - the holder's only child
worker_of() {
	local children
	children=$(cat "/proc/$1/task/$1/children")
	echo "${children%% *}"
}

# --- cgroups ---------------------------------------------------------------------

# hierarchies - the root directory of each cgroup mount that shows a whole hierarchy
hierarchies() {
	awk '$4 == "/" { for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/) print $5 }' \
		/proc/self/mountinfo
}

# hierarchy CONTROLLER - the root that serves it: v1 by its options, else the v2 tree
hierarchy() {
	awk -v c="$1" '{ for (i = 7; $i != "-"; i++)
			; n = split($(i + 3), o, ","); for (k = 1; k <= n; k++)
			if ($(i + 1) == "cgroup" && o[k] == c) { print $5; found = 1; exit } }' \
		/proc/self/mountinfo | grep . && return
	local v2
	v2=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2") { print $5; exit } }' \
		/proc/self/mountinfo)
	[ -n "$v2" ] && grep -qw "$1" "$v2/cgroup.controllers" && echo "$v2"
}

# make_cgroup NAME [inner] - in every hierarchy; removed when the script ends.
# An inner one leaves its parent able to hold processes in the v2 tree, and so
# has no controllers of its own there.
make_cgroup() {
	local h
	for h in $(hierarchies); do
		[ ! -e "$h/cgroup.subtree_control" ] || [ "${2:-}" = inner ] ||
			enable_v2 "$h/$(dirname "$1")"
		mkdir "$h/$1"
		defer rmdir "$h/$1"
		[ ! -e "$h/$1/cpuset.cpus" ] || [ -e "$h/cgroup.subtree_control" ] || {
			cat "$h/$(dirname "$1")/cpuset.cpus" >"$h/$1/cpuset.cpus"
			cat "$h/$(dirname "$1")/cpuset.mems" >"$h/$1/cpuset.mems"
		}
	done
}

# enable_v2 DIR - all controllers for the children of a v2 cgroup, as far as it goes
enable_v2() {
	local c
	for c in $(cat "$1/cgroup.controllers"); do
		echo "+$c" 2>/dev/null >"$1/cgroup.subtree_control" || true
	done
}

# in_cgroup NAME COMMAND... - run it there, in all hierarchies
in_cgroup() {
	local name=$1
	shift
	(
		for h in $(hierarchies); do
			echo "$BASHPID" >"$h/$name/cgroup.procs" || exit 125
		done
		exec "$@"
	)
}

# end_cgroup NAME - kill what is in it, and wait until it is empty
end_cgroup() {
	local h pid
	for h in $(hierarchies); do
		while read -r pid; do
			kill -9 "$pid" 2>/dev/null || true
			await exit "$pid"
		done <"$h/$1/cgroup.procs"
	done
}

# set_limit NAME memory|quota|cpus|pids VALUE - in either version's file
set_limit() {
	local h
	case $2 in
	memory) write_first "$(hierarchy memory)/$1" "$3" memory.max memory.limit_in_bytes ;;
	pids) write_first "$(hierarchy pids)/$1" "$3" pids.max ;;
	cpus) write_first "$(hierarchy cpuset)/$1" "$3" cpuset.cpus ;;
	quota)
		h=$(hierarchy cpu)/$1
		if [ -e "$h/cpu.max" ]; then
			echo "${3/-1/max} 100000" >"$h/cpu.max"
		else
			echo "$3" >"$h/cpu.cfs_quota_us"
		fi
		;;
	esac
}

# write_first DIR VALUE FILE... - to the first of these files that exists
write_first() {
	local dir=$1 value=$2 file
	shift 2
	for file; do
		[ ! -e "$dir/$file" ] || { echo "$value" >"$dir/$file"; return; }
	done
	fail "none of $* in $dir"
}

# --- figures -----------------------------------------------------------------------

# kb FILE NAME - a line of meminfo, in kB
kb() { awk -v name="$2:" '$1 == name { print $2 }' "$1"; }

# in_view ID COMMAND... - run it in new pid and mount namespaces with ID's files
# over /proc and /sys
in_view() {
	local id=$1
	shift
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child bash -c '
		view=$1; shift
		mount -t proc proc /proc
		for f in "$view"/proc/*; do
			[ ! -f "$f" ] || [ ! -e "/proc/${f##*/}" ] || mount --bind "$f" "/proc/${f##*/}"
		done
		mount --bind "$view/sys/devices/system/cpu" /sys/devices/system/cpu
		exec "$@"' in_view "$M/containers/$id" "$@"
}

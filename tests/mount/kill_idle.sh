#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The union's worker is killed while nobody asks it for anything: whatever is open,
# unlinked, mapped, locked or half listed goes on, with every way of handling data.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse

fill_lower() {
	mkdir -p "$T/lower/many" "$T/lower/dir/below"
	echo "lower data" >"$T/lower/lower"
	echo "hidden data" >"$T/lower/hidden"
	echo "deep" >"$T/lower/dir/below/file"
	cp /bin/cat "$T/lower/program"
	mkfifo "$T/in" "$T/out"
	(cd "$T/lower/many" && seq -f 'f%g' 0 499 | xargs touch)
}

try() {
	local data=$1 i running answer
	note "data=$data"
	mount_killable -o "data=$data"

	coproc survivor { exec "$LIB/survivor" "$M" 2>&1; }
	survivor_pid=$survivor_PID
	read -r answer <&"${survivor[0]}"
	eq "$answer" ready "data=$data: what the survivor says"
	(cd "$M/dir/below" && exec sleep 300) &
	running=$!
	defer end_ours "$running"
	"$M/program" <"$T/in" >"$T/out" &
	program=$!
	exec 7>"$T/in" 8<"$T/out"
	echo starts >&7
	read -r answer <&8
	for ((i = 0; i < 8; i++)); do
		kill_worker
		echo >&"${survivor[1]}"
		read -r answer <&"${survivor[0]}" || answer="it is gone"
		eq "$answer" ok "data=$data: after kill $((i + 1))"
		eq "$(cat "/proc/$running/cwd/file")" deep "data=$data: a working directory"
		echo "round $i" >&7
		read -r answer <&8
		eq "$answer" "round $i" "data=$data: a running program"
	done
	kill_worker
	eval "exec ${survivor[1]}>&-"
	read -r answer <&"${survivor[0]}" || answer="it is gone"
	eq "$answer" done "data=$data: at the end"
	wait "$survivor_pid" || fail "data=$data: the survivor failed"
	exec 7>&- 8<&-
	wait "$program" || fail "data=$data: the running program failed"
	kill "$running"
	wait "$running" || true

	# What was changed before is known by name afterwards, and can be changed.
	mv "$M/dir" "$M/moved"
	kill_worker
	eq "$(cat "$M/moved/below/file")" deep "data=$data: below a moved directory"
	echo more >>"$M/moved/below/file"
	kill_worker
	eq "$(cat "$M/moved/below/file")" $'deep\nmore' "data=$data: a file copied up there"
	eq "$(ls "$M")" "$(printf '%s\n' flocked locked lower many mapped moved over program upper)" \
		"data=$data: names"
	unmount_killable
	eq "$(cd "$T/work" && find . -mindepth 2)" "" "data=$data: left in the work directory"
}

fill_lower
sum=$(cd "$T/lower" && find . -type f -exec cksum {} + | sort)
for data in cached passthrough all; do
	try "$data"
done
eq "$(cd "$T/lower" && find . -type f -exec cksum {} + | sort)" "$sum" "the lower layer"

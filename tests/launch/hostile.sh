#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images and configurations that try to reach the host. nacre must withstand all
# of them; runc and crun are shown beside it where they are installed.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

OUT=$T/outside

# Each case prepares $B, runs it, and prints what went wrong, or nothing.
attempt() { run_bundle >"$T/attempt" 2>&1 || true; oci delete --force "$ID" >/dev/null 2>&1 || true; }
said() { grep -q "$1" "$T/attempt" && echo "$2"; true; }
outside_untouched() { [ -z "$(ls -A "$OUT")" ] || echo "made $(ls -A "$OUT" | tr '\n' ' ')outside"; }
no_dev_mount() { config '/"destination": "\/dev/d; /"options": \[ "nosuid", "strictatime"/d; /"newinstance"/d; /"mode=1777"/d; /"destination": "\/dev/,+1d'; }

case_dev_is_a_symlink() {
	bundle true
	no_dev_mount
	ln -s "$OUT" "$B/rootfs/dev"
	attempt
	outside_untouched
}
case_target_through_a_symlink() {
	bundle true
	ln -s "$OUT" "$B/rootfs/link"
	add_mount '{ "destination": "/link/made", "type": "tmpfs", "source": "tmpfs" }'
	attempt
	outside_untouched
}
case_target_through_dotdot() {
	bundle true
	ln -s ../../../../../../../../../.. "$B/rootfs/up"
	add_mount '{ "destination": "/up'"$OUT"'/made", "type": "tmpfs", "source": "tmpfs" }'
	attempt
	outside_untouched
}
case_file_target_is_dangling() {
	bundle true
	echo x >"$T/file"
	ln -s "$OUT/made" "$B/rootfs/dangling"
	add_mount '{ "destination": "/dangling", "type": "bind", "source": "'"$T/file"'", "options": [ "bind" ] }'
	attempt
	outside_untouched
}
case_workdir_is_a_symlink() {
	bundle true
	config 's|"readonly": true|"readonly": false|; s|"cwd": "/"|"cwd": "/link/made"|'
	ln -s "$OUT" "$B/rootfs/link"
	attempt
	outside_untouched
}
case_null_is_a_symlink() {
	bundle sh -c 'cat /proc/keys'
	no_dev_mount
	mkdir "$B/rootfs/dev"
	ln -s /proc/sys/kernel/osrelease "$B/rootfs/dev/null"
	attempt
	said "^$(uname -r)" "a mask shows another file"
}
case_proc_is_a_symlink() {
	bundle sh -c 'echo started'
	mkdir "$B/rootfs/elsewhere"
	ln -s /elsewhere "$B/rootfs/proc"
	attempt
	said started "started with its own /proc"
}
case_directory_over_proc_self() {
	bundle sh -c 'echo started'
	mkdir -p "$T/evil/attr"
	add_mount '{ "destination": "/proc/self", "type": "bind", "source": "'"$T/evil"'", "options": [ "bind" ] }'
	# After the mount of /proc.
	awk '/"destination": "\/proc\/self"/ { held = $0; sub(/.*\[ \{/, "    {", held); sub(/,$/, ",", held)
		print "  \"mounts\": ["; next } { print } /"destination": "\/proc",/ { print held }' \
		"$B/config.json" >"$B/new" && mv "$B/new" "$B/config.json"
	attempt
	said started "a directory of ours passes for /proc/self"
}
case_workdir_by_descriptor() {
	local n
	touch "$T/marker"
	for n in $(seq 3 30); do
		bundle sh -c 'for d in . .. ../.. ../../.. ../../../.. ../../../../..; do [ -e $d'"$T/marker"' ] && echo escaped; done'
		config 's|"cwd": "/"|"cwd": "/proc/self/fd/'"$n"'"|'
		attempt
		said escaped "working directory outside by descriptor $n"
	done
}
case_descriptors_leak() {
	bundle sh -c 'ls -l /proc/self/fd | grep -v -e total -e /proc/ -e "[012] ->"'
	exec 9<"$T"
	attempt
	exec 9<&-
	said -e '->' "descriptors of the host: $(tr '\n' ' ' <"$T/attempt")"
}
case_release_agent() {
	bundle sh -c 'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/cgroup.procs; do echo 1 2>/dev/null >$f && echo wrote; done'
	attempt
	said wrote "a cgroup file could be written"
}
case_raw_disk() {
	local device numbers
	device=$(find /dev -maxdepth 1 -type b | head -n 1)
	[ -n "$device" ] || return 0
	numbers=$(stat -c '%Hr %Lr' "$device")
	bundle sh -c "mknod /tmp/disk b $numbers; head -c 1 /tmp/disk | wc -c | grep 1 && echo opened"
	mkdir "$B/rootfs/tmp"
	config 's|"readonly": true|"readonly": false|; s|"CAP_KILL"|"CAP_KILL", "CAP_MKNOD"|g'
	attempt
	said opened "the disk $device could be read"
}
case_sysrq() {
	bundle sh -c 'echo h 2>/dev/null >/proc/sysrq-trigger && echo wrote; echo 1 2>/dev/null >/proc/sys/kernel/panic && echo wrote'
	attempt
	said wrote "a file of the kernel could be written"
}
case_deep_json() {
	bundle true
	{ printf '{ "x": '; printf '[%.0s' $(seq 100000); } >"$B/config.json"
	attempt
	grep -qi -e segmentation -e 'core dumped' "$T/attempt" && echo "crashed"
	true
}
# The first process still runs the runtime's own file. Writing to it is refused
# as busy while it runs; what counts is that it is refused for good.
case_own_executable() {
	local pid
	bundle true
	create || return 0
	pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	(: >"/proc/$pid/exe") 2>"$T/attempt" && echo "its executable was cut"
	grep -q -e 'Read-only' -e 'Operation not permitted' "$T/attempt" || echo "its executable may be written later"
	oci delete --force "$ID"
}

# A file that takes what is meant for the kernel.
case_directory_at_proc() {
	bundle sh -c 'echo started'
	mkdir -p "$T/fake/self"
	echo untouched >"$T/fake/self/oom_score_adj"
	config 's|{ "destination": "/proc", "type": "proc", "source": "proc" }|{ "destination": "/proc", "type": "bind", "source": "'"$T/fake"'", "options": [ "bind" ] }|; s|"noNewPrivileges"|"oomScoreAdj": 100, "noNewPrivileges"|; /maskedPaths/,/trigger/d; s|"mount" }, { "type": "cgroup" } \],|"mount" }, { "type": "cgroup" } ]|'
	attempt
	[ "$(cat "$T/fake/self/oom_score_adj")" = untouched ] || echo "wrote to a file that passes for the kernel's"
}
# A directory of the image that is a symlink to the outside whenever it counts.
case_target_is_swapped() {
	local swapper i
	bundle true
	mkdir "$B/rootfs/race"
	ln -s "$OUT" "$B/rootfs/link"
	add_mount '{ "destination": "/race/made", "type": "tmpfs", "source": "tmpfs" }'
	perl -e 'chdir $ARGV[0]; my ($a, $b) = ("race", "link");
		while (getppid == $ARGV[1]) { syscall(316, -100, $a, -100, $b, 2) }' "$B/rootfs" $BASHPID &
	swapper=$!
	for i in $(seq 25); do attempt; done
	kill "$swapper"
	wait "$swapper" 2>/dev/null
	outside_untouched
}
# A key of whoever starts it.
case_session_keyring() {
	local dir
	bundle /call --find-key host-secret
	cp "$LIB/call" "$B/rootfs/call"
	for dir in /lib /lib64 /usr; do
		[ -d $dir ] || continue
		mkdir "$B/rootfs$dir"
		add_mount '{ "destination": "'$dir'", "type": "bind", "source": "'$dir'", "options": [ "rbind", "ro" ] }'
	done
	(
		oci() { timeout 30 "$LIB/call" --key host-secret "$RUNTIME" --root "$T/oci" "$@"; }
		attempt
	)
	[ "$(cat "$T/attempt")" = ENOKEY ] || echo "looking for a key of the host: $(tail -n 1 "$T/attempt")"
}
# A file system in the container that never answers: nobody outside may wait for it.
case_hung_filesystem() {
	local pid command
	[ -c /dev/fuse ] || return 0
	bundle sh -c 'exec 5<>/dev/fuse; mount -t fuse hung /mnt -o fd=5,rootmode=40000,user_id=0,group_id=0 && echo hung; ls /mnt/x & exec sleep 1000'
	mkdir "$B/rootfs/mnt"
	config 's|"CAP_KILL"|"CAP_KILL", "CAP_SYS_ADMIN"|g; s|"linux": {|"linux": { "devices": [ { "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229 } ],|; s|"devices": \[ { "allow": false, "access": "rwm" } \]|"devices": [ { "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm" } ]|'
	create && oci start "$ID" || { cat "$T/log" >&2; return 1; }
	for ((i = 0; i < 200; i++)); do
		grep -q hung "$T/log" && break
		read -rt 0.05 <> <(:) || true
	done
	grep -qx hung "$T/log" || { cat "$T/log" >&2; return 1; }
	pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	for command in "state $ID" "ps --format json $ID" "exec $ID true" "kill $ID KILL"; do
		oci $command >/dev/null 2>&1 || echo "'${command% $ID*}' waits for it"
	done
	await exit "$pid"
	oci delete --force "$ID" || echo "'delete' waits for it"
}

cases=$(declare -F | sed -n 's/^declare -f case_//p')
failed=
show() {	# RUNTIME - all cases, one line each
	local name result
	RUNTIME=$1
	for name in $cases; do
		rm -rf "$OUT" && mkdir "$OUT"
		result=$(case_"$name" 2>/dev/null | tr '\n' ';') || result="${result}could not be tried"
		printf '%-6s %-28s %s\n' "$1" "$name" "${result:-withstood}"
		[ -z "$result" ] || [ "$1" != nacre ] || failed+=" $name"
	done
}
show nacre
for peer in runc crun; do
	if [ -n "${NACRE_TEST_PEERS:-}" ] && command -v "$peer" >/dev/null; then show "$peer"; fi
done
[ -z "$failed" ] || fail "nacre did not withstand:$failed"
RUNTIME=nacre
oci_leaves_nothing "after all that"

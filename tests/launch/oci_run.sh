#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "run" of a bundle: waited for, in the background, or kept until "delete"; another
# configuration than the bundle's; a pidfd for whoever asked for one; a filter that
# forbids what the runtime itself would ask.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"
defer oci delete --force "$ID"

bundle sh -c 'echo ran; exit 3'
eq "$(status_of oci run --bundle "$B" "$ID")" 3 "its status"
eq "$(cat "$T/out")" ran "its output"
oci_leaves_nothing "after run"

eq "$(status_of oci run --bundle "$B" --keep "$ID")" 3 "its status with --keep"
eq "$(cat "$T/out")" ran "its output with --keep"
eq "$(status_in_state)" stopped "with --keep, after its end"
oci delete "$ID"
oci_leaves_nothing "after run --keep and delete"

set_args sleep 1000
oci run --detach --pid-file "$T/pid" --bundle "$B" "$ID" </dev/null >"$T/log" 2>&1
eq "$(cat "$T/log")" "" "--detach prints nothing"
eq "$(status_in_state)" running "with --detach"
eq "$(readlink "/proc/$(cat "$T/pid")/ns/pid")" "$(oci exec "$ID" readlink /proc/self/ns/pid)" "the pid file"
eq "$(status_of oci run -d --bundle "$B" "$ID")" 125 "the same id again"
eq "$(status_in_state)" running "the first one after that"
oci kill "$ID" KILL
await exit "$(cat "$T/pid")"
oci delete "$ID"
oci_leaves_nothing "after run --detach"

# What fails at the start, after the creation, leaves nothing either.
config 's|"hostname"|"hooks": { "poststart": [ { "path": "/bin/false" } ] }, "hostname"|'
eq "$(status_of oci run --detach --bundle "$B" "$ID")" 125 "a poststart hook that fails"
oci_leaves_nothing "after a run that failed"

bundle sh -c 'echo bundle'
sed 's|echo bundle|echo other|' "$B/config.json" >"$B/other.json"
eq "$(oci run --bundle "$B" --config other.json "$ID")" other "--config"
eq "$(status_of oci run --bundle "$B" --config none.json "$ID")" 125 "--config of nothing"
has "$(cat "$T/err")" "'none.json'" "message about it"

# A filter that forbids to ask for the working directory, loaded before it is entered
# or after; whether it lies outside is found out all the same.
filter='"seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [ { "names": [ "getcwd" ], "action": "SCMP_ACT_ERRNO" } ] }'
for no_new_privs in true false; do
	bundle sh -c 'echo in'
	config "s|\"linux\": {|\"linux\": { $filter,|; s|\"cwd\": \"/\"|\"cwd\": \"/bin\"|"
	config "s|\"noNewPrivileges\": [a-z]*|\"noNewPrivileges\": $no_new_privs|"
	eq "$(oci run --bundle "$B" "$ID")" in "no getcwd, noNewPrivileges $no_new_privs"
	config 's|"cwd": "/bin"|"cwd": "/proc/self/fd/9"|'
	eq "$(status_of oci run --bundle "$B" --preserve-fds 10 "$ID" 9<"$T")" 125 \
		"outside of the root, noNewPrivileges $no_new_privs"
	has "$(cat "$T/err")" "/proc/self/fd/9" "message about it"
done

# The last of two variables counts, and an empty HOME is none.
bundle env
config 's|"env": \[[^]]*\]|"env": [ "A=1", "PATH=/bin", "HOME=", "A=2", "AB=3" ]|'
mkdir -p "$B/rootfs/etc"
echo root:x:0:0::/root:/bin/sh >"$B/rootfs/etc/passwd"
eq "$(oci run --bundle "$B" "$ID" | sort | tr '\n' ' ')" "A=2 AB=3 HOME=/root PATH=/bin " "variables"

# A user begins in a directory that he could not enter, as with other runtimes; one that
# is not there stays an error. The host's ptmx does not replace the container's.
bundle sh -c 'pwd; readlink /dev/ptmx'
mkdir -m 700 "$B/rootfs/closed"
config 's|"cwd": "/"|"cwd": "/closed"|; s|"uid": 0, "gid": 0|"uid": 7, "gid": 7|'
config 's|"linux": {|"linux": { "devices": [ { "path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2 } ],|'
eq "$(oci run --bundle "$B" "$ID" | tr '\n' ' ')" "/closed pts/ptmx " "in a closed directory"

# A mount goes where a symlink in the image leads, made if it is not there, and never
# out of the root.
echo mounted >"$T/source"
for to in ../run/deep/file /run/deep/file ../../../../../run/deep/file "../run/link"; do
	bundle cat /etc/file
	mkdir -p "$B/rootfs/etc" "$B/rootfs/run"
	ln -s "$to" "$B/rootfs/etc/file"
	ln -s "$T/outside/file" "$B/rootfs/run/link"
	add_mount '{ "destination": "/etc/file", "type": "bind", "source": "'"$T"'/source", "options": [ "bind", "ro" ] }'
	eq "$(oci run --bundle "$B" "$ID")" mounted "through a symlink to $to"
	[ ! -e "$T/outside" ] || fail "made outside of the root, through $to"
done
ln -sfn file "$B/rootfs/etc/file"
eq "$(status_of oci run --bundle "$B" "$ID")" 125 "through a symlink to itself"

# Where the host's pids are used, KILL reaches all of the container's processes, also
# when the first one has ended.
bundle sleep 1000
config 's|{ "type": "pid" }, ||'
for first in alive gone; do
	oci run --detach --bundle "$B" --pid-file "$T/pid" "$ID" </dev/null >/dev/null 2>&1
	oci exec --detach --pid-file "$T/pid2" "$ID" sleep 1000 </dev/null >/dev/null 2>&1
	if [ $first = gone ]; then
		kill -KILL "$(cat "$T/pid")"
		await exit "$(cat "$T/pid")"
	fi
	oci kill "$ID" KILL
	await exit "$(cat "$T/pid2")"
	await exit "$(cat "$T/pid")"
	eq "$(status_of oci kill "$ID" KILL)" 1 "KILL when nothing is left, first process $first"
	has "$(cat "$T/err")" "container not running" "message about it"
	oci delete "$ID"
done

# A path that is masked twice, or under two names, has one mount.
bundle sh -c 'grep -c .proc.keys. /proc/self/mountinfo; grep -c .proc.fs. /proc/self/mountinfo'
config 's|"maskedPaths": \[|"maskedPaths": [ "/proc/fs", "/proc/fs/", "/proc/keys", "/dev/../proc/keys", "/proc/keys",|'
config '/"readonlyPaths"/s|"/proc/fs",||'
eq "$(oci run --bundle "$B" "$ID" | tr '\n' ' ')" "1 1 " "mounts of masked paths"

# A capability for one exec is ambient, too, where the bundle lets it be inherited.
bundle sleep 1000
config 's|"capabilities": {|"capabilities": { "inheritable": [ "CAP_KILL" ],|'
oci run --detach --bundle "$B" "$ID" </dev/null >"$T/log" 2>&1 || fail "run: $(cat "$T/log")"
ambient() { oci exec "$@" "$ID" sed -n 's/^CapAmb:\t//p' /proc/self/status; }
eq "$(ambient)" 0000000000000000 "ambient without --cap"
eq "$(ambient --cap CAP_KILL --cap CAP_SYS_PTRACE)" 0000000000000020 "ambient with --cap"
oci delete --force "$ID"

# A cgroup that is there already, and frozen, would hold the container for ever.
freezer=/sys/fs/cgroup/freezer
if [ -d $freezer ]; then
	bundle true
	mkdir -p "$freezer/nacre/$ID"
	echo FROZEN >"$freezer/nacre/$ID/freezer.state"
	eq "$(status_of oci run --bundle "$B" "$ID")" 125 "in a frozen cgroup"
	has "$(cat "$T/err")" "is frozen" "message about it"
fi

# The pidfd is that of the container's first process, and ends it.
cat >"$T/kill_by_pidfd" <<'END'
import array, signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("listening", flush=True)
c = s.accept()[0]
data, fds, _, _ = socket.recv_fds(c, 100, 1)
open(sys.argv[2]).read()	# it is sent before the command begins
signal.pidfd_send_signal(fds[0], signal.SIGKILL)
END
bundle sh -c 'echo >/up; exec sleep 1000'
mkfifo "$T/ready" "$B/rootfs/up"
python3 "$T/kill_by_pidfd" "$T/socket" "$B/rootfs/up" >"$T/ready" &
read -r _ <"$T/ready"
eq "$(status_of oci run --bundle "$B" --pidfd-socket "$T/socket" "$ID")" 137 "ended through its pidfd"
wait "$!"
eq "$(status_of oci create --bundle "$B" --pidfd-socket "$T/none" "$ID")" 1 "a pidfd socket that is not there"
has "$(cat "$T/err")" "pidfd socket" "message about it"
oci_leaves_nothing "at the end"

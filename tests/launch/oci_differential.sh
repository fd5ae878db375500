#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same bundle through nacre and runc: what a process finds inside is equal, but
# for what is named in free_to_differ.
# timeout: 200
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"
need_cmd runc

# A dump of what a command finds, one fact a line.
cat >"$T/dump" <<'END'
#!/bin/sh
echo "id $(id)"
echo "cwd $(pwd)"
env | sort | sed 's/^/env /'
grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Umask)' /proc/self/status | sed 's/[[:space:]]\{1,\}/ /g; s/^/status /; s/ $//'
tr -s ' ' </proc/self/limits | sed 's/^/limit /'
hostname | sed 's/^/hostname /'
ls /proc/self/fd | tr '\n' ' ' | sed 's/^/fds /'; echo
find /dev -maxdepth 2 | sort | while read -r f; do echo "dev $(stat -c '%n %F %a %u:%g %t:%T' "$f") $(readlink "$f")"; done
awk '{ n = split($0, f, " - "); split(f[1], a, " "); split(f[2], b, " "); print "mount", a[5], a[6], b[1] }' /proc/self/mountinfo | sort
for f in /proc/keys /proc/timer_list /proc/kcore /proc/sysrq-trigger /proc/bus /proc/acpi /sys/firmware; do
	echo "path $f $(stat -c '%F %a' $f 2>&1 | head -n 1) $(ls $f 2>&1 | wc -l)"
done
set -- /proc/[0-9]*
echo "processes $#"
cut -d: -f2,3 /proc/self/cgroup | sort | sed 's/^/cgroup /'
ip link 2>/dev/null | grep -c '^[0-9]' | sed 's/^/interfaces /'
cat /proc/sys/kernel/domainname | sed 's/^/domainname /'
END
chmod +x "$T/dump"

# Where the two may differ, and why:
free_to_differ() {
	sed -e '/^dev \/dev\/console /d' `# runc makes a placeholder, we do not without a terminal` \
		-e '/^cgroup /d' -e '/^mount \/sys\/fs\/cgroup/d' `# runc names v1 mounts as it finds them on the host` \
		-e '/^mount \/proc\/\(keys\|timer_list\|kcore\|acpi\|scsi\) /s/ [^ ]*$//' -e 's/^\(mount \/proc\/[a-z_]*\) .*/\1/' `# how a mask is mounted` \
		-e '/^path /s/ 1777 0$/ 755 0/' `# an empty directory is empty either way` \
		-e '/^dev \/dev\/mqueue /s/ 0:65534 / 0:0 /' `# with mapped ids runc leaves the group of the host's root` \
		-e 's/^\(mount \/sys\/firmware\) .*/\1/' -e 's/,relatime//; s/ relatime//' \
		-e '/^limit Max open files/d' -e '/^status Umask/d' -e '/^dev \/dev directory/d' -e '/^dev \/dev\/core /d'
}

# compare NAME - the bundle as it is, run by both
compare() {
	local runtime
	for runtime in nacre runc; do
		RUNTIME=$runtime
		run_bundle >"$T/$runtime.raw" 2>&1 || fail "$1: $runtime: $(cat "$T/$runtime.raw")"
		free_to_differ <"$T/$runtime.raw" >"$T/$runtime.dump"
	done
	grep -q '^id uid' "$T/nacre.raw" || fail "$1: no dump: $(cat "$T/nacre.raw")"
	same_text "$T/runc.dump" "$T/nacre.dump" "$1 (-runc +nacre)"
}

new_bundle() {
	bundle /dump
	cp "$T/dump" "$B/rootfs/dump"
}

new_bundle
compare "a plain bundle"

new_bundle
config 's|"uid": 0, "gid": 0|"uid": 1000, "gid": 100, "additionalGids": [ 5, 6 ], "umask": 63|; s|"cwd": "/"|"cwd": "/bin"|'
compare "an ordinary user"

new_bundle
mkdir "$T/shared"
add_mount '{ "destination": "/shared", "type": "bind", "source": "'"$T/shared"'", "options": [ "rbind", "ro", "nosuid", "nodev", "noexec" ] }'
compare "a read-only bind"

new_bundle
config 's|"CAP_KILL"|"CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_RAW"|g; s|"noNewPrivileges": true|"noNewPrivileges": false|'
compare "more capabilities"

new_bundle
config 's|"rlimits": \[.*|"rlimits": [ { "type": "RLIMIT_NOFILE", "hard": 1000, "soft": 900 }, { "type": "RLIMIT_CORE", "hard": 5, "soft": 4 } ],|; s|"noNewPrivileges": true|"oomScoreAdj": 200, "noNewPrivileges": true|; s|"linux": {|"linux": { "sysctl": { "net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1" },|'
compare "limits and kernel values"

new_bundle
config 's|"readonly": true|"readonly": false|; s|"linux": {|"linux": { "rootfsPropagation": "slave",|'
add_mount '{ "destination": "/new/place", "type": "tmpfs", "source": "tmpfs", "options": [ "nosuid", "noexec", "mode=700", "size=16k" ] }'
compare "a writable root, and a mount point that is made"

new_bundle
config 's|{ "type": "network" }, ||; s|{ "type": "ipc" },||; s|{ "type": "uts" },||; /"hostname"/d'
compare "the host's network, ipc and uts namespaces"

new_bundle
config 's|"uid": 0, "gid": 0|"uid": 1000, "gid": 100|; s|"effective":|"ambient": [ "CAP_KILL" ], "inheritable": [ "CAP_KILL" ], "effective":|'
compare "ambient capabilities of an ordinary user"

new_bundle
config 's|"linux": {|"linux": { "devices": [ { "path": "/dev/mine", "type": "c", "major": 10, "minor": 229, "fileMode": 432, "uid": 5, "gid": 6 }, { "path": "/dev/deep/pipe", "type": "p", "fileMode": 384 } ],|'
compare "devices"

# Unless it is told another mode, a tmpfs has that of the directory it covers; what is
# to be read-only is filled first; a source may be what an earlier mount brings.
new_bundle
mkdir -m 2750 "$B/rootfs/covered"
echo 'stat -c "mode %n %a" /covered /covered/new /covered/told; ls /part; touch /dev/x 2>&1' >>"$B/rootfs/dump"
config '/"destination": "\/dev",/{n;s|\[|[ "ro",|}'
add_mount '{ "destination": "/part", "type": "bind", "source": "'"$B"'/rootfs/covered/in", "options": [ "bind" ] }'
add_mount '{ "destination": "/covered/in/deep", "type": "tmpfs", "source": "tmpfs" }'
add_mount '{ "destination": "/covered/new", "type": "tmpfs", "source": "tmpfs" }'
add_mount '{ "destination": "/covered/told", "type": "tmpfs", "source": "tmpfs", "options": [ "mode=711" ] }'
add_mount '{ "destination": "/covered", "type": "tmpfs", "source": "tmpfs", "options": [ "noexec" ] }'
compare "tmpfs: its mode, read-only /dev, a source inside"
has "$(cat "$T/nacre.raw")" "mode /covered 2750" "the mode"
has "$(cat "$T/nacre.raw")" "Read-only file system" "the read-only /dev"

# Mapped ids: the root belongs to the container's root.
new_bundle
chown -R 100000:100000 "$B/rootfs"
chmod 711 "$T" "$B"
config 's|{ "type": "pid" },|{ "type": "pid" }, { "type": "user" },|; s|"linux": {|"linux": { "uidMappings": [ { "containerID": 0, "hostID": 100000, "size": 65536 } ], "gidMappings": [ { "containerID": 0, "hostID": 100000, "size": 65536 } ],|'
compare "a user namespace"

new_bundle
config 's|"linux": {|"linux": { "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [ { "names": [ "mkdir", "mkdirat" ], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 } ] },|'
compare "a system call filter"
set_args sh -c 'mkdir /tmp/x 2>&1'
eq "$(RUNTIME=nacre run_bundle | sed 's/.*: //')" "Function not implemented" "the filter works"

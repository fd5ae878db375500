#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A bundle that cannot be is refused with the field's name, and leaves nothing.
# A field that nacre does not know is ignored, as the specification wants.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

# wrong SED PART - after this edit, create fails and says PART
wrong() {
	bundle true
	config "$1"
	if create; then
		oci delete --force "$ID"
		fail "accepted: $1"
	fi
	has "$(cat "$T/log")" "$2" "message after $1"
	oci_leaves_nothing "after $1"
}

wrong 's|"1.2.0"|"9.0.0"|' ociVersion
wrong 's|"args": \[.*\]|"args": []|' process.args
wrong 's|"args": \[.*\]|"args": "true"|' process.args
wrong 's|"args": \[.*\]|"args": [ 1 ]|' process.args
wrong 's|"cwd": "/"|"cwd": "tmp"|' process.cwd
wrong 's|"uid": 0|"uid": -1|' process.user.uid
wrong 's|"uid": 0|"uid": 4294967296|' process.user.uid
wrong 's|"uid": 0|"uid": "root"|' process.user.uid
wrong 's|"path": "rootfs"|"path": ""|' root.path
wrong 's|"path": "rootfs"|"path": "nowhere"|' nowhere
wrong 's|"hard": 1024|"hard": 1|' 'process.rlimits[0].soft'
wrong 's|RLIMIT_NOFILE|RLIMIT_FUN|' RLIMIT_FUN
wrong 's|{ "type": "uts" },|{ "type": "uts" }, { "type": "uts" },|' twice
wrong 's|{ "type": "uts" },|{ "type": "utz" },|' utz
wrong 's|{ "type": "mount" },||' 'mount namespace'
wrong 's|{ "type": "uts" },||' hostname
wrong 's|{ "type": "network" }|{ "type": "network", "path": "/dev/null" }|' '/dev/null'
wrong 's|{ "type": "network" }|{ "type": "network", "path": "/proc/self/ns/uts" }|' 'no net namespace'
wrong 's|"source": "proc"|"source": "proc", "options": [ "sizzling=1" ]|' /proc
wrong 's|"resources": {|"resources": { "memory": { "limit": "1G" },|' linux.resources.memory.limit
wrong 's|"resources": {|"resources": { "unified": { "../x": "1" },|' ../x
wrong 's|"resources": {|"resources": { "network": { "classID": 5 },|' linux.resources.network
wrong 's|"resources": {|"resources": { "network": { "priorities": [ { "name": "lo", "priority": 1 } ] },|' linux.resources.network
wrong 's|"resources": {|"resources": { "rdma": { "mlx5_1": { "hcaHandles": 3 } },|' linux.resources.rdma
wrong 's|"cgroupsPath": "[^"]*"|"cgroupsPath": "/a/../../b"|' cgroupsPath
wrong 's|"linux": {|"linux": { "seccomp": { "defaultAction": "SCMP_ACT_HOPE" },|' SCMP_ACT_HOPE
wrong 's|"linux": {|"linux": { "intelRdt": {},|' intelRdt
wrong 's|"linux": {|"linux": { "uidMappings": [ { "containerID": 0, "hostID": 1, "size": 1 } ],|' uidMappings
wrong 's|"linux": {|"linux": { "sysctl": { "net.nothing": "1" },|' net.nothing
wrong 's|"linux": {|"linux": { "sysctl": { "kernel.domainname=x": "1" },|' "'kernel.domainname=x' is no name"
# What would be the host's, not the container's.
for key in kernel.panic vm.swappiness kernel.hostname net.//.kernel.panic kernel.semaphore fs.file-max; do
	wrong 's|"linux": {|"linux": { "sysctl": { "'$key'": "1" },|' "'$key'"
done
wrong 's|{ "type": "network" },||;s|"linux": {|"linux": { "sysctl": { "net.ipv4.ip_forward": "1" },|' net.ipv4.ip_forward
wrong 's|{ "type": "network" }|{ "type": "network", "path": "/proc/self/ns/net" }|;s|"linux": {|"linux": { "sysctl": { "net.ipv4.ip_forward": "1" },|' net.ipv4.ip_forward
wrong 's|{ "type": "ipc" },||;s|"linux": {|"linux": { "sysctl": { "kernel.shm_rmid_forced": "1" },|' kernel.shm_rmid_forced
wrong 's|"hostname"|"domainname": "a", "hostname"|;s|"linux": {|"linux": { "sysctl": { "kernel.domainname": "b" },|' domainname
wrong 's|"hostname"|"hooks": { "prestart": [ { "path": "x" } ] }, "hostname"|' 'hooks.prestart[0].path'
wrong '$d' JSON
wrong '1s|.*|[|;2,$d' JSON

bundle echo fine
config 's|"hostname"|"newThing": { "a": 1 }, "hostname"|'
eq "$(run_bundle)" fine "an unknown field"

# Text without "no such file": engines would take it for a missing command.
bundle true
add_mount '{ "destination": "/x", "type": "bind", "source": "/no/such/place", "options": [ "bind" ] }'
create && fail "a bind of nothing"
case $(tr '[:upper:]' '[:lower:]' <"$T/log") in
*"no such file or directory"*) fail "a missing source reads as a missing command: $(cat "$T/log")" ;;
esac
has "$(cat "$T/log")" /no/such/place "the source is named"
oci_leaves_nothing "at the end"

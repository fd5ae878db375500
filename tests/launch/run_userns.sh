#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# With --userns root inside is an ordinary user outside, and files in the layers
# belong to whom they belonged without it. A bundle's id-mapped mounts do the same.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

if [ "$DRIVER" = unionfs ]; then
	need_fuse
	make_root "$T/base"
	touch "$T/base/owned"
	chown 5:6 "$T/base/owned"
	eq "$(run -l "$T/base" -u "$T/upper" --userns -- sh -c 'id -u; stat -c %u:%g /owned /bin; touch /made && chown 7:8 /owned
		tr -s " " </proc/self/uid_map')" "0
5:6
0:0
 0 100000 65536" "ids inside"
	eq "$(stat -c %u:%g "$T/upper/made" "$T/upper/owned" | tr '\n' ' ')" "0:0 7:8 " "owners in the upper"
	refused --userns -- sh -c 'echo 1 >/proc/sys/kernel/sysrq'
fi
eq "$(status_of "${RUN[@]}" --rootfs-driver overlay --userns -- true)" 125 "on the kernel's overlay"
has "$(cat "$T/err")" "--rootfs-driver unionfs" "the next step"

mkdir "$T/shared"
touch "$T/shared/mine"
bundle sh -c 'stat -c %u:%g /shared/mine'
add_mount '{ "destination": "/shared", "type": "bind", "source": "'"$T/shared"'", "options": [ "bind" ], "uidMappings": [ { "containerID": 0, "hostID": 40, "size": 10 } ], "gidMappings": [ { "containerID": 0, "hostID": 50, "size": 10 } ] }'
eq "$(run_bundle)" 40:50 "an id-mapped mount"
leaves_nothing "at the end"

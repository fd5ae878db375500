#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hooks of all stages run in order, with the container's state on stdin; one that
# fails before the start ends the container and leaves nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

cat >"$T/hook" <<'END'
#!/bin/sh
status=$(sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p')
echo "$1 $status" >>"$2"
exit "${3:-0}"
END
chmod +x "$T/hook"

# hooks FAILING - the config's hooks; the one named exits with 3
hooks() {
	local stage list=
	for stage in prestart createRuntime createContainer poststart poststop; do
		list+="\"$stage\": [ { \"path\": \"$T/hook\", \"args\": [ \"hook\", \"$stage\", \"$T/calls\""
		[ "$stage" != "${1:-}" ] || list+=', "3"'
		list+=' ], "env": [ "PATH=/usr/bin:/bin" ] } ],'
	done
	list+="\"startContainer\": [ { \"path\": \"/bin/sh\", \"args\": [ \"sh\", \"-c\", \"cat >/dev/null; echo startContainer >>/calls-inside\" ] } ]"
	config 's|"hostname"|"hooks": { '"$list"' }, "hostname"|; s|"readonly": true|"readonly": false|'
}

bundle true
hooks
run_bundle >/dev/null
eq "$(cat "$T/calls")" "prestart creating
createRuntime creating
createContainer created
poststart running
poststop stopped" "stages and states"
eq "$(cat "$B/rootfs/calls-inside")" startContainer "startContainer runs in the container"

for stage in prestart createRuntime createContainer; do
	rm -f "$T/calls"
	bundle true
	hooks $stage
	create && fail "created although $stage failed"
	has "$(cat "$T/log")" "$stage hook" "message about $stage"
	has "$(cat "$T/log")" "status 3" "its status"
	oci_leaves_nothing "after $stage failed"
done

bundle true
hooks
config 's|"args": \[ "hook", "createRuntime"[^]]*\]|"args": [ "hook" ], "timeout": 1|; s|"path": "[^"]*hook", "args": \[ "hook" \]|"path": "/bin/sleep", "args": [ "sleep", "1000" ]|'
create && fail "created although a hook hangs"
has "$(cat "$T/log")" "did not end within 1 second" "message about a hook that hangs"
oci_leaves_nothing "after hooks"

# Hooks find the container's mounts below the root's path: from its namespace, and by
# entering that, as those do that mount a device's libraries.
mkdir "$T/library"
echo found >"$T/library/file"
cat >"$T/enter" <<'END'
#!/bin/sh
pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
exec nsenter -t "$pid" -m mount --bind "$1" "$2"
END
chmod +x "$T/enter"
bundle cat /mnt/file
mkdir -p "$B/rootfs/mnt"
config 's|"hostname"|"hooks": { "prestart": [ { "path": "'"$T/enter"'", "args": [ "enter", "'"$T/library"'", "'"$B"'/rootfs/mnt" ], "env": [ "PATH=/usr/bin:/bin" ] } ], "createContainer": [ { "path": "/bin/sh", "args": [ "sh", "-c", "[ -e '"$B"'/rootfs/proc/self/stat ] \&\& [ -e '"$B"'/rootfs/mnt/file ] \&\& echo seen >'"$T"'/seen" ] } ] }, "hostname"|'
eq "$(run_bundle)" found "what a prestart hook mounted"
eq "$(cat "$T/seen")" seen "mounts below the root's path, in a createContainer hook"
oci_leaves_nothing "after hooks that mount"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd, of our own and without systemd, runs containers with nacre as its
# runtime: run, exec, pause, resume, kill, delete, limits, statuses.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/image.sh"
need_cmd containerd ctr containerd-shim-runc-v2
need_private_mounts

# The shims' sockets are always there; nobody else shall see ours.
mkdir -p /run/containerd
mount -t tmpfs tmpfs /run/containerd

cat >"$T/config.toml" <<END
version = 2
root = "$T/cd-root"
state = "$T/cd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.overlayfs"]
[grpc]
  address = "$T/cd.sock"
[ttrpc]
  address = "$T/cd-ttrpc.sock"
END
containerd --config "$T/config.toml" >"$T/cd.log" 2>&1 &
containerd=$!
end_containerd() { kill "$containerd" && await exit "$containerd"; umount -l /run/containerd; }
defer end_containerd
await path "$T/cd.sock"

ctr() { timeout 60 "$(type -P ctr)" --address "$T/cd.sock" --namespace nacre "$@"; }
# run OPTION... -- ARG... - from the image; options before its name
run() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr run --snapshotter native --runc-binary "$NACRE_BUILD/nacre" --runc-root "$T/runc" \
		"${options[@]}" docker.io/library/small:latest "$TEST_ID" "$@"
}
remove_all() {
	ctr task kill --signal SIGKILL "$TEST_ID"
	ctr task rm --force "$TEST_ID"
	ctr container rm "$TEST_ID"
	rmdir /sys/fs/cgroup/*/nacre
} >/dev/null 2>&1
defer remove_all

make_root "$T/root"
mkdir -p "$T/root/etc" "$T/root/tmp" "$T/root/proc"
chmod 1777 "$T/root/tmp"
tar -C "$T/root" -cf "$T/layer.tar" .
layout "$T/layout" docker.io/library/small:latest plain "$T/layer.tar"
tar -C "$T/layout" -cf "$T/image.tar" .
ctr images import --snapshotter native --all-platforms "$T/image.tar" >"$T/out" 2>&1 ||
	skip "containerd does not work here: $(tail -n 1 "$T/out")"

eq "$(run --rm -- echo out)" out "run"
eq "$(status_of run --rm -- sh -c 'exit 7')" 7 "status"
[ "$(status_of run --rm -- no-such-command)" != 0 ] || fail "ran a missing command"
has "$(cat "$T/err")" "executable file not found" "message about a missing command"
eq "$(run --rm --env A=b --cwd /tmp -- sh -c 'echo $PWD $A')" "/tmp b" "directory, variables"
eq "$(run --rm --mount "type=bind,src=$T/root,dst=/mnt,options=rbind:ro" -- sh -c '
	[ -d /mnt/bin ] && ! touch /mnt/tmp/x 2>/dev/null && echo ro')" ro "a read-only bind"
eq "$(status_of run --rm --memory-limit 16777216 -- tail /dev/zero)" 137 "beyond its memory"

run --detach -- sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.02; done' >/dev/null
state() { ctr task ls | awk -v id="$TEST_ID" '$1 == id { print $3 }'; }
eq "$(state)" RUNNING "after run --detach"
pid=$(ctr task ls | awk -v id="$TEST_ID" '$1 == id { print $2 }')
# Into a file: this ctr may drop the output of what ends at once.
ctr task exec --exec-id one "$TEST_ID" sh -c 'echo inside >/tmp/said'
eq "$(cat "/proc/$pid/root/tmp/said")" inside "exec"
eq "$(status_of ctr task exec --exec-id two "$TEST_ID" sh -c 'exit 4')" 4 "status of exec"
[ "$(status_of ctr task exec --exec-id three "$TEST_ID" no-such-command)" != 0 ] || fail "ran a missing command"
has "$(cat "$T/err")" "executable file not found" "message about it"
eq "$(ctr task ps "$TEST_ID" | awk -v pid="$pid" '$1 == pid' | wc -l)" 1 "its processes"
ctr task pause "$TEST_ID"
eq "$(state)" PAUSED "pause"
ctr task resume "$TEST_ID"
eq "$(state)" RUNNING "resume"
has "$(ctr task metrics "$TEST_ID")" memory "its figures"
ctr task kill --signal SIGTERM "$TEST_ID"
await exit "$pid"
eq "$(state)" STOPPED "kill"
ctr task rm "$TEST_ID" >/dev/null
ctr container rm "$TEST_ID"
eq "$(ctr container ls -q)" "" "containers left"
eq "$(ls "$T/runc/nacre" 2>/dev/null)" "" "states left"
eq "$(container_cgroups)" "" "cgroups left"

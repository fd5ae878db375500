#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Engines as they are, with their own runtime: containers that containerd and podman
# start see their limits in files, by the hook, and in sysinfo(2), by a profile with a
# listener. As docs/engines.md says it is set up.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd runc python3
need_private_mounts
[ -n "$(hierarchy memory)" ] || skip "no memory controller"
make_root "$T/root"
ldd "$T/root/bin/busybox" >/dev/null 2>&1 && skip "needs a static busybox"

start_procfs
program=$NACRE_BUILD/nacre-procfs
procfs profile - >"$T/profile.json"
answered() { procfs stats | awk '$1 == "calls" { print $2 }'; }
# "free" makes its columns of sysinfo(2), and its cached ones of meminfo.
look='awk "/^MemTotal/ { print \$2 }" /proc/meminfo; free -k | awk "/^Mem:/ { print \$2 }"
	cat /proc/sys/kernel/pid_max; ls /sys/devices/system/cpu | grep -c "^cpu[0-9]"'
wanted="49152 49152 77 1"

# seen ENGINE - what a container of it saw is right, and its calls came to us
seen() {
	eq "$(xargs <"$T/seen")" "$wanted" "$1: what a container sees"
	[ "$(answered)" -gt "$before" ] || fail "$1: sysinfo(2) was not asked of us"
	before=$(answered)
}
before=$(answered)
tried=0
# The engines take away the containers' own, not what is above.
remove_parent() { find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup/*/$TEST_ID*" -exec rmdir {} + 2>/dev/null; }
defer remove_parent

# --- containerd ------------------------------------------------------------------

start_containerd() {
	mkdir -p /run/containerd
	mount -t tmpfs tmpfs /run/containerd	# the shims' sockets are always there
	defer umount -l /run/containerd
	cat >"$T/config.toml" <<-END
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
	defer end_containerd
	await path "$T/cd.sock"
}
end_containerd() { kill "$containerd" && await exit "$containerd"; }
ctr() { timeout 60 "$(type -P ctr)" --address "$T/cd.sock" --namespace nacre "$@"; }
remove_ctr() {
	ctr task kill --signal SIGKILL "$TEST_ID"
	ctr task rm --force "$TEST_ID"
	ctr container rm "$TEST_ID"
} >/dev/null 2>&1

if type -P containerd >/dev/null && type -P ctr >/dev/null && type -P containerd-shim-runc-v2 >/dev/null; then
	start_containerd
	defer remove_ctr
	# What Kubernetes has as base_runtime_spec, and all that "ctr" would add to it.
	ctr oci spec >"$T/base.json"
	python3 - "$T" "$program" "$S" "/$TEST_ID/ctr" "$look" <<-'SPEC'
		import json, sys
		t, program, socket, cgroup, look = sys.argv[1:]
		c = json.load(open(t + "/base.json"))
		c["hooks"] = {"createContainer": [
		    {"path": program, "args": ["nacre-procfs", "--socket", socket, "hook"]}]}
		c["linux"]["seccomp"] = json.load(open(t + "/profile.json"))
		c["linux"]["cgroupsPath"] = cgroup
		c["linux"]["resources"] = {"memory": {"limit": 48 << 20}, "pids": {"limit": 77},
		                           "cpu": {"quota": 100000, "period": 100000}}
		c["root"] = {"path": t + "/root"}
		c["process"].update(terminal=False, args=["/bin/sh", "-c", look], user={"uid": 0, "gid": 0})
		c["process"]["rlimits"] = []
		json.dump(c, open(t + "/spec.json", "w"))
	SPEC
	# Into a file of the container: this ctr may drop the output of what ends at once.
	sed -i 's/"-c", "/&exec >\/tmp\/seen; /' "$T/spec.json"
	mkdir -p "$T/root/tmp" "$T/root/proc" "$T/root/sys" "$T/root/dev"
	if ctr run --rm --config "$T/spec.json" --runc-root "$T/runc" "$TEST_ID" >"$T/out" 2>&1 </dev/null; then
		cp "$T/root/tmp/seen" "$T/seen"
		seen containerd
		tried=1
	elif grep -q nacre "$T/out"; then
		fail "containerd: $(cat "$T/out")"
	else
		note "containerd runs nothing here: $(tail -n 1 "$T/out")"
	fi
fi

# --- podman ----------------------------------------------------------------------

if type -P podman >/dev/null && type -P conmon >/dev/null; then
	. "$(dirname "$0")/../lib/podman.sh"
	sed -i '/^runtime_supports_json/d' "$T/containers.conf"
	podman() {
		timeout 60 "$(type -P podman)" --root "$T/podman" --runroot "$T/podman-run" \
			--storage-driver vfs --runtime "$(type -P runc)" --log-level error \
			--hooks-dir "$T/hooks.d" "$@"
	}
	mkdir "$T/hooks.d"
	cat >"$T/hooks.d/nacre-procfs.json" <<-END
		{ "version": "1.0.0", "when": { "always": true }, "stages": ["createContainer"],
		  "hook": { "path": "$program", "args": ["nacre-procfs", "--socket", "$S", "hook"] } }
	END
	small_image
	if podman run --rm --memory 48m --pids-limit 77 --cpus 1 --cgroups enabled --cgroup-parent "/$TEST_ID" \
		--security-opt "seccomp=$T/profile.json" localhost/small sh -c "$look" \
		>"$T/seen" 2>"$T/said" </dev/null; then
		seen podman
		tried=1
	elif grep -q nacre "$T/said"; then
		fail "podman: $(cat "$T/said")"
	else
		note "podman runs nothing here: $(tail -n 1 "$T/said")"
	fi
fi
[ $tried = 1 ] || skip "no engine runs a container here"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# As an OCI hook: a container of another runtime sees its limits, also in files
# that the runtime would not mount from its configuration.
. "$(dirname "$0")/lib.sh"
need_cmd busybox python3
runtime=$(command -v runc || command -v crun) || skip "needs runc or crun"
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

start_procfs
mkdir -p "$T/bundle/rootfs/bin" "$T/run"
cp "$(command -v busybox)" "$T/bundle/rootfs/bin/busybox"
ldd "$T/bundle/rootfs/bin/busybox" >/dev/null 2>&1 && skip "needs a static busybox"
ln -s busybox "$T/bundle/rootfs/bin/sh"
(cd "$T/bundle" && "$runtime" spec)

python3 - "$T/bundle/config.json" "$NACRE_BUILD/nacre-procfs" "$S" "/$TEST_ID" <<'CONFIG'
import json, sys
path, program, socket, cgroup = sys.argv[1:]
with open(path) as f:
    c = json.load(f)
c["process"]["terminal"] = False
c["process"]["args"] = ["/bin/sh", "-c", """
    busybox awk '/MemTotal/ { print }' /proc/meminfo
    busybox grep -c ^processor /proc/cpuinfo
    busybox cat /proc/sys/kernel/pid_max
    busybox ls /sys/devices/system/cpu | busybox grep -c '^cpu[0-9]'
    busybox awk '{ print ($1 < 60) }' /proc/uptime
    busybox awk '/^nr_free_pages / { print ($2 <= 16384) }' /proc/vmstat"""]
c["linux"]["cgroupsPath"] = cgroup
c["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 77},
                           "cpu": {"quota": 100000, "period": 100000}}
c["hooks"] = {"createContainer": [{"path": program,
                                   "args": ["nacre-procfs", "--socket", socket, "hook"]}]}
with open(path, "w") as f:
    json.dump(c, f)
CONFIG

defer "$runtime" --root "$T/run" delete --force "$TEST_ID" 2>/dev/null
timeout 60 "$runtime" --root "$T/run" run --bundle "$T/bundle" "$TEST_ID" >"$T/seen" 2>"$T/said" </dev/null || {
	cat "$T/said" >&2
	grep -q 'nacre-procfs' "$T/said" && fail "the hook fails"
	skip "$runtime cannot run a container here"
}
same_text "$T/seen" - "what the container sees" <<'WANTED'
MemTotal:          65536 kB
1
77
1
1
1
WANTED

eq "$(status_of procfs hook </dev/null)" 1 "a hook without a state"
has "$(cat "$T/err")" "no container's state on standard input" "says so"

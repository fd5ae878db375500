#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# A thousand containers at once: each has its own figures, the worker stays within
# 10 MiB and its limit of open files, and nothing is left of them.
. "$(dirname "$0")/lib.sh"
need_cmd python3
h=$(hierarchy pids) m=$(hierarchy memory)
[ -n "$h" ] && [ -n "$m" ] || skip "no pids or memory controller"
n=${NACRE_CONTAINERS:-1000}

make_cgroup "$TEST_ID"
[ ! -e "$h/cgroup.subtree_control" ] || enable_v2 "$h/$TEST_ID"
remove_all() {
	local dir
	for dir in "$h" "$m"; do
		find "$dir/$TEST_ID" -mindepth 1 -depth -type d -exec rmdir {} +
	done
}
defer remove_all
seq -f "$h/$TEST_ID/%.0f" "$n" | xargs mkdir -p
seq -f "$m/$TEST_ID/%.0f" "$n" | xargs mkdir -p

start_procfs
worker=$(worker_of "$(holder_of_procfs)")
private() { awk '/^Private_/ { kib += $2 } END { print kib }' "/proc/$worker/smaps_rollup"; }
open_files() { find "/proc/$worker/fd" -mindepth 1 | wc -l; }
before=$(open_files)

# Registered over the socket, as the program does, but by one process for all.
timeout 120 python3 - "$S" "$M" "$TEST_ID" "$n" "$h/$TEST_ID" "$m/$TEST_ID" <<'CROWD' || fail "a crowd"
import os, socket, sys
control, mount, name, n, pids, memory = sys.argv[1:]
n = int(n)
limit = "memory.max" if os.path.exists(memory + "/1/memory.max") else "memory.limit_in_bytes"

def put(path, value):
    with open(path, "w") as f:
        f.write(str(value))

def get(i, file):
    with open("%s/containers/c%d/%s" % (mount, i, file)) as f:
        return f.read()

for i in range(1, n + 1):
    put("%s/%d/pids.max" % (pids, i), 400 + i)
    put("%s/%d/%s" % (memory, i, limit), (16 << 20) + i * 4096)
    s = socket.socket(socket.AF_UNIX)
    s.connect(control)
    s.sendall(b"register\nid c%d\ncgroup.pids /%s/%d\ncgroup.memory /%s/%d\n"
              % (i, name.encode(), i, name.encode(), i))
    s.shutdown(socket.SHUT_WR)
    answer = s.makefile().read()
    assert answer.rstrip().endswith("containers/c%d" % i), answer
for _ in range(2):
    for i in range(1, n + 1):
        assert int(get(i, "proc/sys/kernel/pid_max")) == 400 + i
        assert int(get(i, "proc/meminfo").split()[1]) == (16 << 10) + i * 4
        assert get(i, "proc/stat").startswith("cpu ") and get(i, "proc/uptime")
        assert get(i, "proc/loadavg").startswith("0.00 0.00 0.00 0/0 ")
CROWD
eq "$(procfs list | wc -l)" "$n" "all are there"
[ "$(open_files)" -lt "$(ulimit -Hn)" ] || fail "$(open_files) open files"
nm "$NACRE_BUILD/nacre-procfs" | grep -q '__asan_init\|__tsan_init' ||
	[ "$(private)" -le 10240 ] || fail "the worker has $(private) KiB"

remove_all
deadline=$((SECONDS + 30))	# the sampler finds that out
while [ -n "$(procfs list)" ]; do
	[ $SECONDS -lt $deadline ] || fail "still listed: $(procfs list | wc -l)"
	read -rt 0.2 _ <> <(:) || true
done
[ "$(open_files)" -le $((before + 8)) ] || fail "$(open_files) descriptors after, $before before"

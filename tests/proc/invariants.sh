#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# What must hold whatever the container does and whoever changes its limits:
# figures stay in order, files agree with each other and with the cgroup, and no
# counter goes back.
. "$(dirname "$0")/lib.sh"
need_cmd python3
for c in memory cpu cpuset; do
	[ -n "$(hierarchy $c)" ] || skip "no $c controller"
done
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs to hide one"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
defer end_cgroup "$TEST_ID/c"
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID/c")

# Two that compute, one that reads and writes memory and files.
in_cgroup "$TEST_ID/c" sh -c 'while :; do :; done' &
in_cgroup "$TEST_ID/c" python3 -c '
while True:
    b = bytearray(24 << 20)
    with open("/proc/self/maps") as f: f.read()
    with open("'"$T"'/scratch", "wb") as f: f.write(b[:8 << 20])' &

python3 - "$view" "$(hierarchy memory)/$TEST_ID" "$(hierarchy cpu)/$TEST_ID" \
	"$(hierarchy cpuset)/$TEST_ID" "${NACRE_ROUNDS:-120}" <<'CHECK'
import os, random, sys

view, memory, cpu, cpuset = sys.argv[1:5]
rounds = int(sys.argv[5])
random.seed(1)
MIB = 1 << 20
v2 = os.path.exists(cpu + "/cpu.max")

def write(path, value):
    try:
        with open(path, "w") as f:
            f.write(str(value))
    except OSError:
        pass    # EBUSY: cannot shrink that far just now; whatever it is, must show

def read(name):
    with open(view + "/" + name) as f:
        return f.read()

def kib(text):
    return {l.split(":")[0]: int(l.split()[1]) for l in text.splitlines()}

with open("/proc/meminfo") as f:
    host = kib(f.read())

def change():
    what = random.randrange(4)
    where = random.choice(["", "/c"])
    if what == 0:
        limit = random.choice([48, 64, 96, 128, 512, 0]) * MIB
        if v2:
            write(memory + where + "/memory.max", limit or "max")
        else:
            write(memory + where + "/memory.limit_in_bytes", limit or -1)
    elif what == 1:
        quota = random.choice([50000, 100000, 150000, 200000, -1])
        if v2:
            write(cpu + where + "/cpu.max", "%s 100000" % (quota if quota > 0 else "max"))
        else:
            write(cpu + where + "/cpu.cfs_quota_us", quota)
    elif what == 2:
        write(cpuset + "/c/cpuset.cpus", random.choice(["0", "1", "0-1"]))

def check_memory():
    m = kib(read("proc/meminfo"))
    assert 0 <= m["MemFree"] <= m["MemAvailable"] <= m["MemTotal"] <= host["MemTotal"], m
    assert m["SwapFree"] <= m["SwapTotal"] <= host["SwapTotal"], m
    assert m["Active"] == m["Active(anon)"] + m["Active(file)"], m
    assert m["Shmem"] <= m["Cached"] + 1024, m
    assert all(v < 1 << 53 for v in m.values()), m
    assert m.keys() == host.keys()

def rows():
    return {l.split()[0]: list(map(int, l.split()[1:]))
            for l in read("proc/stat").splitlines() if l.startswith("cpu")}

def cpulist(text):
    cpus = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus |= set(range(int(first), int(last or first) + 1))
    return cpus

def check_cpus(last):
    now = rows()
    total = now.pop("cpu")
    assert total == [sum(c) for c in zip(*now.values())], (total, now)
    seen = {int(name[3:]) for name in now}
    assert seen == cpulist(read("sys/devices/system/cpu/online"))
    assert seen == {int(l.split()[-1]) for l in read("proc/cpuinfo").splitlines()
                    if l.startswith("processor")}
    assert seen == {int(d[3:]) for d in os.listdir(view + "/sys/devices/system/cpu")
                    if d.startswith("cpu") and d[3:].isdigit()}
    now["cpu"] = total
    for name, row in now.items():
        if name in last:
            assert all(a >= b for a, b in zip(row, last[name])), (name, row, last[name])
    return now

last, uptime = {}, (0.0, 0.0)
for _ in range(rounds):
    change()
    for _ in range(5):
        check_memory()
        last = check_cpus(last)
        up = tuple(map(float, read("proc/uptime").split()))
        assert up[0] >= uptime[0] and up[1] >= uptime[1], (up, uptime)
        uptime = up

# What top computes from: the rows grow as the cgroup's own counter does.
write(cpuset + "/c/cpuset.cpus", "0-1")
usage = (cpu + "/c/cpu.stat") if v2 else None
if not v2:
    with open("/proc/self/mountinfo") as f:
        mounts = [l.split() for l in f if ",cpuacct" in l or " cgroup rw,cpuacct" in l]
    usage = mounts[0][4] + cpu[cpu.rindex("/"):] + "/c/cpuacct.usage" if mounts else None

def used():
    with open(usage) as f:
        text = f.read()
    if v2:
        return int(text.split("usage_usec")[1].split()[0]) / 1e6
    return int(text) / 1e9

if usage:
    user = lambda: sum(rows()["cpu"][:3]) / 100
    begin, shown = used(), user()
    while used() - begin < 3:
        pass
    grown, shown = used() - begin, user() - shown
    assert abs(grown - shown) <= 0.02 * grown + 0.04, (grown, shown)
CHECK

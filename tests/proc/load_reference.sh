#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# While the load changes, the load average stays within 0.1 of what a second sampler
# makes of the same tasks.
. "$(dirname "$0")/lib.sh"
need_cmd python3
[ -n "$(hierarchy pids)$(hierarchy memory)" ] || skip "no controller to make a container of"

make_cgroup "$TEST_ID"
defer end_cgroup "$TEST_ID"
start_procfs
for i in 1 2 3; do
	in_cgroup "$TEST_ID" sh -c 'while :; do :; done' &
done
h=$(hierarchy pids)
h=${h:-$(hierarchy memory)}/$TEST_ID
while [ "$(wc -l <"$h/cgroup.procs")" -lt 3 ]; do :; done
view=$(procfs register box --cgroup "/$TEST_ID")

python3 - "$view/proc/loadavg" "$view/proc/uptime" "$h/cgroup.procs" <<'REFERENCE'
import math, os, signal, sys, time
loadavg, uptime, procs = sys.argv[1:]

def tasks():
    with open(procs) as f:
        return [int(p) for p in f.read().split()]

def active():
    n = 0
    for pid in tasks():
        with open("/proc/%d/stat" % pid) as f:
            n += f.read().rsplit(")", 1)[1].split()[0] in "RD"
    return n

def read():
    with open(loadavg) as f:
        return float(f.read().split()[0])

# As if it had been like that since it began: that is what the first read says.
with open(uptime) as f:
    age = float(f.read().split()[0])
n, last = active(), time.monotonic()
mine = n * (1 - math.exp(-age / 60))
first = read()
assert abs(first - mine) < 0.1, (first, mine)

pids = tasks()
began, worst, gap = last, 0.0, 0.0
while last - began < 14:
    at = int(last - began)
    for i, pid in enumerate(pids):    # all; then none; then one
        run = at < 5 or at >= 10 and i == 0
        os.kill(pid, signal.SIGCONT if run else signal.SIGSTOP)
    time.sleep(0.25)                  # the period of this sampler
    n, now = active(), time.monotonic()
    e = math.exp(-(now - last) / 60)
    gap = max(gap, now - last)
    mine = mine * e + n * (1 - e)
    last = now
    worst = max(worst, abs(read() - mine))
# A machine that stood still let both miss something: twice what three tasks make in
# that time, for each of the changes.
allowed = 0.1 + 2 * 3 * max(0.0, gap - 0.5) / 60
assert worst < allowed, (worst, allowed)
print("off by %.3f at most" % worst)
REFERENCE

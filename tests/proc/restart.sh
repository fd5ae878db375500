#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# The worker is killed every 200 ms under 50 readers of 10 containers: no read
# fails, no counter goes back, registrations stay.
. "$(dirname "$0")/lib.sh"
need_cmd python3
[ -n "$(hierarchy memory)" ] || skip "no memory controller"
IFS=.- read -r major minor _ <<<"$(uname -r)"
[ "$major" -gt 6 ] || [ "$major" = 6 ] && [ "$minor" -ge 9 ] ||
	skip "before Linux 6.9 what a dead worker had in hand fails"

make_cgroup "$TEST_ID"
start_procfs
for i in 0 1 2 3 4 5 6 7 8 9; do
	make_cgroup "$TEST_ID/$i"
	set_limit "$TEST_ID/$i" memory $(((64 + i) << 20))
	procfs register "r$i" --cgroup "/$TEST_ID/$i" >/dev/null
done
before=$(procfs list)

holder=$(holder_of_procfs)
[ -n "$holder" ] || fail "the holder is not found"

timeout 100 python3 - "$M" "$holder" "${NACRE_KILLS:-40}" <<'READERS'
import os, signal, sys, threading, time

mount, holder, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
stop = threading.Event()
problems, reads = [], [0] * 50

def rows(text):
    return {l.split()[0]: list(map(int, l.split()[1:])) for l in text.splitlines() if l.startswith("cpu")}

def reader(number):
    view = "%s/containers/r%d" % (mount, number % 10)
    kept = os.open(view + "/proc/meminfo", os.O_RDONLY)
    last = {}
    uptime = 0.0
    try:
        while not stop.is_set():
            os.lseek(kept, 0, 0)
            text = os.read(kept, 8191).decode()
            total = int(text.split()[1])
            if total != (64 + number % 10) * 1024:
                problems.append("reader %d: MemTotal %d" % (number, total))
            with open(view + "/proc/stat") as f:
                now = rows(f.read())
            for row, values in last.items():
                if any(a < b for a, b in zip(now[row], values)):
                    problems.append("%s went back: %s after %s" % (row, now[row], values))
            last = now
            with open(view + "/proc/uptime") as f:
                up = float(f.read().split()[0])
            if up < uptime:
                problems.append("uptime went back")
            uptime = up
            reads[number] += 3
    except Exception as e:
        problems.append("reader %d: %r" % (number, e))

def worker():
    with open("/proc/%d/task/%d/children" % (holder, holder)) as f:
        return int(f.read().split()[0])

threads = [threading.Thread(target=reader, args=(i,), daemon=True) for i in range(50)]
for t in threads:
    t.start()
killed = 0
while killed < kills and not problems:
    time.sleep(0.2)    # the interval is what is tested
    try:
        os.kill(worker(), signal.SIGKILL)
        killed += 1
    except (IndexError, ProcessLookupError):
        pass           # between two workers
stop.set()
for t in threads:
    t.join(20)
    if t.is_alive():
        problems.append("a reader hangs")
        break
print("%d kills, %d reads, %d problems" % (killed, sum(reads), len(problems)))
for p in problems[:5]:
    print(p)
sys.exit(1 if problems or min(reads) == 0 else 0)
READERS

eq "$(procfs list)" "$before" "registrations are there"
restarts=$(procfs stats | awk '$1 == "worker_restarts" { print $2 }')
[ "$restarts" -ge 10 ] || fail "only $restarts restarts were seen"

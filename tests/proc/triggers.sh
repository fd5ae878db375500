#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Pressure triggers, as poll(2) has them on the kernel's own files: of the container's
# pressure, over the death of a worker, and only when they are asked for.
. "$(dirname "$0")/lib.sh"
need_cmd python3 taskset
v2=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2" && $4 == "/") { print $5; exit } }' \
	/proc/self/mountinfo)
[ -n "$v2" ] || skip "no cgroup v2 here"
make_cgroup "$TEST_ID"
cat "$v2/$TEST_ID/cpu.pressure" >/dev/null 2>&1 || skip "no pressure is counted here"
defer end_cgroup "$TEST_ID"

# Without the option nothing can be written.
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID")
[ "$(status_of sh -c "echo some 500000 2000000 >'$view/proc/pressure/cpu'")" != 0 ] ||
	fail "written without the option"
stop_procfs
await gone "$S"

start_procfs --pressure-triggers
view=$(procfs register box --cgroup "/$TEST_ID")
grep -q '^some ' "$view/proc/pressure/cpu" || fail "the file can still be read"
[ "$(status_of sh -c "echo 1 >'$view/proc/meminfo'")" != 0 ] || fail "meminfo can be written"
[ "$(status_of touch "$view/proc/new")" != 0 ] || fail "a file can be made"
eq "$(status_of sh -c "echo some 500000 2000000 >'$view/proc/pressure/cpu'")" 0 "a shell sets one"

# As it is where the cgroup was delegated to a user.
chown 65534 "$v2/$TEST_ID" "$v2/$TEST_ID/cpu.pressure"
eq "$(status_of sh -c "echo some 500000 2000000 >'$view/proc/pressure/cpu'")" 0 "one in a user's cgroup"

# Two on one CPU: each waits half of the time.
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
in_cgroup "$TEST_ID" taskset -c "$cpu" sh -c 'while :; do :; done' &
in_cgroup "$TEST_ID" taskset -c "$cpu" sh -c 'while :; do :; done' &

holder=$(holder_of_procfs)
kept() { find "/proc/$holder/fd" -lname "*/$TEST_ID/cpu.pressure" 2>/dev/null | wc -l; }
python3 - "$view/proc/pressure/cpu" "$holder" <<'TRIGGERS'
import errno, os, select, signal, sys
path, holder = sys.argv[1], int(sys.argv[2])

def refused(fd, text, wanted):
    try:
        os.write(fd, text)
    except OSError as e:
        assert e.errno == wanted, e
        return
    raise AssertionError("%r is taken" % text)

fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
refused(fd, b"nonsense", errno.EINVAL)
refused(fd, b"some 150000 20000000", errno.EINVAL)    # a window of 20 s
refused(fd, b"some 150000 1000000", errno.EINVAL)     # as without privileges
assert os.write(fd, b"some 100000 2000000\0") > 0
refused(fd, b"some 100000 2000000\0", errno.EBUSY)
assert os.pread(fd, 8191, 0).startswith(b"some ")

poll = select.poll()
poll.register(fd, select.POLLPRI)
def wait(what):
    events = poll.poll(60000)
    assert events and events[0][1] & select.POLLPRI, (what, events)
    assert not events[0][1] & select.POLLERR, (what, events)

def worker():
    with open("/proc/%d/task/%d/children" % (holder, holder)) as f:
        return int(f.read().split()[0])

wait("the first")
wait("the next")
# Killed while somebody waits: a child of ours does, before this one kills.
child = os.fork()
if child == 0:
    try:
        poll.poll(0)
        for i in range(3):
            wait("after %d" % i)
    except BaseException as e:
        print(e, file=sys.stderr)
        os._exit(1)
    os._exit(0)
for _ in range(3):
    old = worker()
    os.kill(old, signal.SIGKILL)
    while True:
        try:
            if worker() != old:
                break
        except IndexError:
            pass
    with open(path) as f:       # it serves
        f.read()
assert os.waitpid(child, 0)[1] == 0, "the child heard nothing"
wait("after all")

# What nobody waits for tells nothing; a file without a trigger is ready as any.
other = os.open(path, os.O_RDONLY)
poll2 = select.poll()
poll2.register(other, select.POLLIN | select.POLLPRI)
assert poll2.poll(0) == [(other, select.POLLIN)], poll2.poll(0)
TRIGGERS

timeout 60 bash -c "$(declare -f kept); holder=$holder TEST_ID=$TEST_ID
	while [ \"\$(kept)\" != 0 ]; do :; done" || fail "$(kept) triggers are kept"

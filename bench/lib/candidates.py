# SPDX-License-Identifier: Apache-2.0
"""What is compared: how each union is mounted, and its processes found."""
import os
import shlex
import signal
import time

from .tools import Failed, find_program, run

NATIVE = "native"
OVERLAY = "overlay"

# How long an unmounted daemon may take to end.
DAEMON_END_S = 20


class Candidate:
    """A way to mount a union: a command with {lower} {upper} {work} {mnt}.

    {branches} is {upper} and {lower} in the syntax of unionfs-fuse.
    """

    def __init__(self, name, command):
        self.name = name
        self.words = shlex.split(command)

    def command(self, setup):
        values = dict(setup, lower=":".join(setup["lowers"]),
                      branches=":".join([f"{setup['upper']}=RW"] +
                                        [f"{l}=RO" for l in setup["lowers"]]))
        return [word.format(**values) for word in self.words]


def standard_candidates(build, no_spin=False):
    """Name and command of everything that could be compared here.

    Returns (candidates, {name: why it is left out}).
    """
    options = "lowerdir={lower},upperdir={upper},workdir={work}"
    found = [Candidate(NATIVE, "true"),
             Candidate(OVERLAY, f"mount -t overlay overlay -o {options} {{mnt}}")]
    absent = {}

    nacre = find_program("nacre-unionfs", build)
    if nacre:
        for mode in ("cached", "passthrough"):
            found.append(Candidate(
                f"nacre:{mode}", f"{shlex.quote(nacre)} "
                f"-o {options},data={mode} {{mnt}}"))
        if no_spin:
            found.append(Candidate(
                "nacre:no-spin", f"{shlex.quote(nacre)} "
                f"-o {options},data=cached,spin=0 {{mnt}}"))
    else:
        absent["nacre"] = ("nacre-unionfs not found: build it and pass "
                           "--build DIR")

    fuse_overlayfs = find_program("fuse-overlayfs", None)
    if fuse_overlayfs:
        found.append(Candidate("fuse-overlayfs",
                               f"{fuse_overlayfs} -o {options} {{mnt}}"))
    else:
        absent["fuse-overlayfs"] = "not installed"

    unionfs = find_program("unionfs", None)
    if unionfs:
        found.append(Candidate(
            "unionfs-fuse", f"{unionfs} -o cow,allow_other,dev,suid,use_ino "
            "{branches} {mnt}"))
    else:
        absent["unionfs-fuse"] = "not installed"
    return found, absent


class Mount:
    """A mounted candidate, and the daemons that mounting it left behind."""

    def __init__(self, candidate, setup, field, time_it=None):
        """`time_it`: a function that runs the command and returns seconds."""
        self.path = os.path.join(field, setup["mnt"])
        self.pids = []
        before = _daemons()
        command = candidate.command(setup)
        if time_it:
            self.seconds = time_it(command)
        else:
            self.seconds = run(command, cwd=field, timeout=60)[0]
        self.pids = sorted(_daemons() - before)
        if not os.path.ismount(self.path):
            self.unmount()
            raise Failed(f"{candidate.name}: nothing is mounted after "
                         f"{shlex.join(command)[:200]}")

    def connection(self):
        """The number of the FUSE connection; meaningless for other kinds."""
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            for line in mounts:
                words = line.split()
                if words[4] == self.path:
                    return int(words[2].split(":")[1])
        raise Failed(f"'{self.path}' is not mounted")

    def abort(self):
        """End every request that hangs in this mount."""
        control = f"/sys/fs/fuse/connections/{self.connection()}/abort"
        if not os.path.exists(control):
            run(["mount", "-t", "fusectl", "none", "/sys/fs/fuse/connections"])
        with open(control, "w", encoding="ascii") as file:
            file.write("1")

    def unmount(self):
        for last in (False, False, False, True):
            if not os.path.ismount(self.path):
                break
            try:
                run(["umount", *(["-l"] if last else []), self.path], timeout=60)
            except Failed:
                time.sleep(0.1)     # somebody still closes files
        self._end_daemons()

    def _end_daemons(self):
        """Wait for the daemons; those that do not end by themselves are killed."""
        deadline = time.monotonic() + DAEMON_END_S
        while _alive(self.pids) and time.monotonic() < deadline:
            time.sleep(0.005)
        for pid in _alive(self.pids):
            os.kill(pid, signal.SIGKILL)

    def cpu_seconds(self):
        """CPU time of all daemons so far."""
        return sum(time.clock_gettime(_cpu_clock(pid))
                   for pid in _alive(self.pids))

    def memory_kib(self):
        """Proportional set size of all daemons of this mount."""
        return sum(pss_kib(pid) for pid in _alive(self.pids))


def _alive(pids):
    alive = []
    for pid in pids:
        try:
            # We are the pid namespace's init: daemons become our children.
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                continue
        except ChildProcessError:
            pass
        if os.path.exists(f"/proc/{pid}/exe"):
            alive.append(pid)
    return alive


def _daemons():
    return {int(p) for p in os.listdir("/proc") if p.isdigit() and p != "1"}


def _cpu_clock(pid):
    """The CPU-time clock of a process, as clock_getcpuclockid(3) makes it.

    It counts threads that have ended, which /proc/PID/task forgets.
    """
    return ~pid << 3 | 2


def pss_kib(pid):
    """Proportional set size of a process; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0

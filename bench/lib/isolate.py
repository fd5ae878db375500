# SPDX-License-Identifier: Apache-2.0
"""Run a program where whatever it leaves behind goes away with it.

The program continues in a child that is process 1 of its own pid namespace
and has its own mount namespace. Its parent, the guardian, does nothing but
pass signals on and wait. When the child ends, however it ends, the kernel
kills every daemon it started and drops every mount it made; the guardian then
removes what namespaces do not hold: cgroups, trace instances, directories.
"""
import ctypes
import os
import shutil
import signal
import sys
import tempfile

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC_PRIVATE = 0x4000 | 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Place:
    """Where a run lives, and the names it may use for what is global."""

    def __init__(self, directory, name, outer_proc):
        self.directory = directory
        self.name = name
        self.outer_proc = outer_proc

    def outer_pid(self, pid):
        """The pid that the tracing files know for our process `pid`."""
        ours = os.readlink(f"/proc/{pid}/ns/pid")
        for entry in os.listdir(self.outer_proc):
            if not entry.isdigit():
                continue
            try:
                if (_namespace_pids(self.outer_proc, entry)[-1] == pid
                        and os.readlink(f"{entry}/ns/pid",
                                        dir_fd=self.outer_proc) == ours):
                    return int(entry)
            except OSError:
                continue        # it ended while we looked
        raise LookupError(f"no process {pid} in the outer /proc")


def _namespace_pids(proc_fd, pid):
    fd = os.open(f"{pid}/status", os.O_RDONLY, dir_fd=proc_fd)
    with open(fd, encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    return [int(pid)]


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _become_init(place):
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _check(libc.unshare(CLONE_NEWNS), "unshare mounts")
    _check(libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None),
           "make mounts private")
    _check(libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc")
    # Sockets, states and mounts of other runs, and of the host's daemons, stay
    # apart. And nothing waits for the disk.
    _drop_mounts_below("/run/")
    for path in ("/run", place.directory):
        _check(libc.mount(b"none", path.encode(), b"tmpfs", 0, b"mode=755"),
               f"mount {path}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)


def _drop_mounts_below(top):
    """In our namespace only: covered mounts still appear in the mount table."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        paths = [line.split()[4] for line in mounts]
    for path in reversed(paths):
        if path.startswith(top):
            libc.umount2(path.replace("\\040", " ").encode(),
                         MNT_DETACH)


def _interrupted(number, frame):
    raise KeyboardInterrupt


def _guard(child, place):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, frame: os.kill(child, n))
    while True:
        pid, status = os.waitpid(child, 0)
        if pid == child:
            break
    _remove_leftovers(place)
    if os.WIFSIGNALED(status):
        print(f"{os.path.basename(sys.argv[0])}: killed by signal "
              f"{os.WTERMSIG(status)}", file=sys.stderr)
    return os.waitstatus_to_exitcode(status) & 0xff


def _remove_leftovers(place):
    trace = f"/sys/kernel/tracing/instances/{place.name}"
    if os.path.isdir(trace):
        os.rmdir(trace)
    _remove_cgroups("/sys/fs/cgroup", place.name)
    shutil.rmtree(place.directory, ignore_errors=True)


def _remove_cgroups(top, name):
    for root in [top] + [e.path for e in os.scandir(top) if e.is_dir()]:
        for path, _, _ in os.walk(os.path.join(root, name), topdown=False):
            try:
                os.rmdir(path)
            except OSError as error:
                print(f"cannot remove cgroup '{path}': {error.strerror}",
                      file=sys.stderr)


def isolate():
    """Go on in a child with its own mounts and pids; returns its Place."""
    if os.geteuid() != 0:
        sys.exit(f"{os.path.basename(sys.argv[0])}: needs root, "
                 "for mounts and namespaces\nRun it with sudo.")
    outer_proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    place = Place(tempfile.mkdtemp(prefix="nacre-bench-"),
                  f"nacre-bench-{os.getpid()}", outer_proc)
    # Only the child gets the mounts, or they would live as long as we do.
    _check(libc.unshare(CLONE_NEWPID), "unshare pids")
    child = os.fork()
    if child != 0:
        sys.stdout.flush()
        os._exit(_guard(child, place))
    _become_init(place)
    return place

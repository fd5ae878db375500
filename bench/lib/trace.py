# SPDX-License-Identifier: Apache-2.0
"""An instance of the kernel's tracing of our own, so nobody else's is disturbed."""
import ctypes
import os
import re
from collections import Counter

from .tools import Failed, run

TRACING = "/sys/kernel/tracing"
PR_SET_NAME = 15

# Requests that the caller does not wait for.
ASYNC = {"FORGET", "BATCH_FORGET", "RELEASE", "RELEASEDIR", "INTERRUPT",
         "DESTROY"}
OUR_NAME = "nacre-bench-op"

REQUEST = re.compile(r"^\s*(?P<comm>.*)-\d+\s+\[\d+\].*fuse_request_send: "
                     r"connection \d+ req \d+ opcode (?P<number>\d+) "
                     r"\((?:FUSE_)?(?P<name>\w+)\)")
SYSCALL = re.compile(r"sys_enter: NR (\d+) \((\w+), (\w+), (\w+)")

# What moves requests and answers, and waits for them. A daemon reads from the
# FUSE device with a buffer that has room for the largest write.
DEVICE_BUFFER = 1 << 16
READ_REQUEST = "read request"
TRANSPORT = {READ_REQUEST, "readv", "write", "writev", "splice", "poll", "ppoll",
             "futex", "epoll_wait", "epoll_pwait", "sched_yield"}


class Trace:
    """Use as a context; the instance goes when the context ends."""

    def __init__(self, place):
        if not os.path.isdir(f"{TRACING}/instances"):
            run(["mount", "-t", "tracefs", "none", TRACING])
        self.path = f"{TRACING}/instances/{place.name}"
        self.place = place

    def __enter__(self):
        os.mkdir(self.path)
        self._write("buffer_size_kb", "8192")
        return self

    def __exit__(self, *exception):
        self._write("tracing_on", "0")
        os.rmdir(self.path)

    def _write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
            file.write(text)

    def _begin(self):
        self._write("trace", "")
        self._write("tracing_on", "1")

    def _end(self):
        self._write("tracing_on", "0")
        for cpu in os.listdir(f"{self.path}/per_cpu"):
            with open(f"{self.path}/per_cpu/{cpu}/stats", encoding="ascii") as f:
                if "overrun: 0\n" not in f.read():
                    raise Failed("the trace buffer overflowed")
        with open(f"{self.path}/trace", encoding="utf-8",
                  errors="replace") as file:
            return [line for line in file if not line.startswith("#")]

    def requests(self, connection, operation):
        """Requests of one mount while operation() runs.

        Returns two Counters by opcode name: those that the operation waited
        for, and those that nobody did, or that a kernel thread sent.
        """
        event = "events/fuse/fuse_request_send"
        self._write(f"{event}/filter", f"connection == {connection}")
        self._write(f"{event}/enable", "1")
        ctypes.CDLL(None).prctl(PR_SET_NAME, OUR_NAME.encode(), 0, 0, 0)
        try:
            self._begin()
            operation()
            lines = self._end()
        finally:
            self._write(f"{event}/enable", "0")
        waited, unwaited = Counter(), Counter()
        for line in lines:
            match = REQUEST.match(line)
            if not match:
                raise Failed(f"cannot read this trace line: {line.strip()}")
            mine = match["comm"].strip() == OUR_NAME
            where = waited if mine and match["name"] not in ASYNC else unwaited
            where[match["name"]] += 1
        return waited, unwaited

    def syscalls(self, pids, operation):
        """A Counter of the system calls that processes make meanwhile."""
        event = "events/raw_syscalls/sys_enter"
        threads = [t for pid in pids for t in self._outer_threads(pid)]
        self._write("set_event_pid", " ".join(map(str, threads)))
        self._write("options/event-fork", "1")
        self._write(f"{event}/enable", "1")
        try:
            self._begin()
            operation()
            lines = self._end()
        finally:
            self._write(f"{event}/enable", "0")
            self._write("set_event_pid", "")
        names = syscall_names()
        found = Counter()
        for line in lines:
            match = SYSCALL.search(line)
            if match:
                number = int(match[1])
                name = names.get(number, f"number {number}")
                if name == "readv" or (
                        name == "read" and int(match[4], 16) >= DEVICE_BUFFER):
                    name = READ_REQUEST
                found[name] += 1
        return found

    def _outer_threads(self, pid):
        outer = self.place.outer_pid(pid)
        fd = os.open(f"{outer}/task", os.O_RDONLY, dir_fd=self.place.outer_proc)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)


def syscall_names(cache={}):
    """Names by number, from the C library's headers."""
    if not cache:
        source = os.memfd_create("source")
        os.write(source, b"#include <sys/syscall.h>\n")
        text = run(["cc", "-x", "c", "-dM", "-E",
                    f"/proc/{os.getpid()}/fd/{source}"])[1]
        os.close(source)
        for name, number in re.findall(r"#define __NR_(\w+) (\d+)$", text, re.M):
            cache[int(number)] = name
    return cache

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who reads through the page cache sees what an asynchronous direct write has written,
# however many read the same pages while it was under way.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd python3

mkdir "$T/low" "$T/m"

cat >"$T/direct.py" <<'END'
import ctypes, mmap, os, platform, struct, sys, threading

IO_SETUP, IO_SUBMIT, IO_GETEVENTS = {
    "x86_64": (206, 209, 208), "aarch64": (0, 2, 4)}[platform.machine()]
PWRITE = 1
SIZE = 65536
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    r = libc.syscall(number, *arguments)
    if r < 0:
        sys.exit("system call %d: %s" % (number, os.strerror(ctypes.get_errno())))
    return r

def write(context, fd, memory):
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    block = ctypes.create_string_buffer(
        struct.pack("=QIIHhIQQqQII", 0, 0, 0, PWRITE, 0, fd, at, SIZE, 0, 0, 0, 0))
    call(IO_SUBMIT, context, 1, ctypes.byref(ctypes.c_void_p(ctypes.addressof(block))))
    event = ctypes.create_string_buffer(32)
    call(IO_GETEVENTS, context, 1, 1, event, None)
    return struct.unpack_from("=q", event, 16)[0]

def read_on(path, done):
    fd = os.open(path, os.O_RDONLY)
    while not done.is_set():
        os.pread(fd, SIZE, 0)

path, rounds = sys.argv[1], int(sys.argv[2])
context = ctypes.c_ulong(0)
call(IO_SETUP, 8, ctypes.byref(context))
fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
memory = mmap.mmap(-1, SIZE)
os.write(fd, memory)
done = threading.Event()
readers = [threading.Thread(target=read_on, args=(path, done)) for _ in range(2)]
for reader in readers:
    reader.start()
cached = os.open(path, os.O_RDONLY)
stale = 0
for i in range(rounds):
    memory[:] = bytes([i % 255 + 1]) * SIZE
    if write(context, fd, memory) != SIZE:
        sys.exit("a short write")
    stale += os.pread(cached, SIZE, 0) != memory[:]
done.set()
for reader in readers:
    reader.join()
if stale:
    sys.exit("%d of %d reads after a write gave old bytes" % (stale, rounds))
END

# check WHAT - in the union at $T/m
check() {
	timeout 100 python3 "$T/direct.py" "$T/m/new" 500 >"$T/out" 2>&1 ||
		fail "$1: $(tail -n 1 "$T/out")"
	eq "$(stat -c %s "$T/m/new")" 65536 "$1: the size"
	unmount "$T/m"
	rm -rf "$T/up" "$T/work"
	mkdir "$T/up" "$T/work"
}

mkdir "$T/up" "$T/work"
if grep -qw overlay /proc/filesystems; then
	mount_overlay "$T/m" "$T/low" "$T/up" "$T/work"
	check "kernel overlay"
fi
for data in cached passthrough; do
	mount_nacre "$T/m" "$T/low" "$T/up" "$T/work" "data=$data"
	check "data=$data"
done

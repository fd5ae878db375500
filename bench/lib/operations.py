# SPDX-License-Identifier: Apache-2.0
"""Single operations whose requests and system calls are counted.

Each works on COUNT files of its own directory, which the lower layer holds,
so that no operation profits from another. `before` runs uncounted: it brings
about what the operation presumes, for instance that names are known.
"""
import mmap
import os
from typing import Callable, NamedTuple, Optional

COUNT = 30
FIND_DIRS, FIND_FILES = 3, 100
NOBODY = 65534


class Operation(NamedTuple):
    name: str
    run: Callable
    before: Optional[Callable] = None
    # Most requests per file with data=cached and with passthrough.
    limits: tuple = (None, None)
    count: int = COUNT
    # Most system calls of the daemon per file, transport not counted.
    calls: Optional[int] = None


def fill_lower(lower):
    """The lower layer for all operations."""
    for operation in OPERATIONS:
        top = os.path.join(lower, directory_of(operation))
        os.makedirs(top)
        for number in range(COUNT):
            _write_new(file(top, number), b"x" * 100)
            os.symlink("somewhere/else", os.path.join(top, f"l{number:02}"))
    for directory in range(FIND_DIRS):
        top = os.path.join(lower, "find-cold", f"d{directory}")
        os.makedirs(top)
        for number in range(FIND_FILES):
            _write_new(os.path.join(top, f"f{number:03}"), b"x")


def directory_of(operation):
    return operation.name.replace(" ", "-").replace("/", "-")


def file(top, number):
    return os.path.join(top, f"f{number:02}")


def _write_new(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, data)
    os.close(fd)


def each(action):
    """An operation that does `action` to the path of every file."""
    def run(top):
        for number in range(COUNT):
            action(file(top, number))
    return run


def read_file(path):
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 4096)
    os.close(fd)


def read_links(top):
    for number in range(COUNT):
        os.readlink(os.path.join(top, f"l{number:02}"))


def miss_names(top):
    for number in range(COUNT):
        try:
            os.stat(os.path.join(top, f"missing{number}"))
        except FileNotFoundError:
            continue
        raise FileExistsError(top)


def list_long(top):
    for name in os.listdir(top):
        path = os.path.join(top, name)
        os.lstat(path)
        for attribute in ("security.selinux", "system.posix_acl_access"):
            try:
                os.getxattr(path, attribute, follow_symlinks=False)
            except OSError:
                pass        # having none is the usual answer


def create(path):
    _write_new(path + ".new", b"x" * 100)


def rewrite(path):
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b"x" * 100)
    os.close(fd)


def write_ten(path):
    fd = os.open(path, os.O_WRONLY)
    for _ in range(10):
        os.write(fd, b"x" * 100)
    os.close(fd)


def append(path):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"more")
    os.close(fd)


def find(top):
    with os.scandir(top) as entries:
        for entry in entries:
            os.lstat(entry.path)
            if entry.is_dir(follow_symlinks=False):
                find(entry.path)


def make_upper(top):
    each(append)(top)
    each(os.stat)(top)


class OpenFile:
    """One upper file kept open while it is read, written and mapped."""

    def __init__(self):
        self.fd = -1

    def open(self, top):
        self.fd = os.open(os.path.join(top, "data"), os.O_RDWR | os.O_CREAT)
        for _ in range(COUNT):
            os.write(self.fd, b"x" * 4096)

    def use(self, top):
        for number in range(COUNT):
            os.pread(self.fd, 4096, number * 4096)
            os.pwrite(self.fd, b"y" * 4096, number * 4096)
        with mmap.mmap(self.fd, COUNT * 4096, prot=mmap.PROT_READ) as data:
            for at in range(0, COUNT * 4096, 4096):
                data[at]        # the access is what counts

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


OPEN_FILE = OpenFile()


def walk_as_user(top):
    """Absolute paths in a chroot of the union, walked by an ordinary user."""
    root, directory = os.path.split(top)
    pid = os.fork()
    if pid == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            each(os.stat)(f"/{directory}")
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise ChildProcessError("the ordinary user's walk failed")


OPERATIONS = [
    Operation("stat first", each(os.stat), calls=1),
    Operation("stat again", each(os.stat), each(os.stat), (0, 0)),
    Operation("missing first", miss_names, os.listdir, calls=0),
    Operation("missing again", miss_names, miss_names, (0, 0)),
    Operation("readlink again", read_links, read_links, (0, 0)),
    Operation("readdir again", lambda top: [os.listdir(top) for _ in range(COUNT)],
              os.listdir, (0, 0)),
    Operation("open read close first", each(read_file), each(os.stat)),
    Operation("open read close again", each(read_file), each(read_file), (0, 1)),
    Operation("ls -l again", list_long, list_long, (1, 1), count=2 * COUNT),
    Operation("walk as user", walk_as_user, walk_as_user),
    Operation("create write close", each(create), os.listdir, (5, 4), calls=6),
    Operation("open ten writes close", each(write_ten), make_upper, (2, 1)),
    Operation("truncate write close", each(rewrite), make_upper),
    Operation("append to lower", each(append), each(os.stat)),
    Operation("unlink lower", each(os.unlink), each(os.stat), (2, 2)),
    Operation("unlink upper", each(os.unlink), make_upper, (2, 2)),
    # The kernel asks again whether a new name is free, whatever it knows: that
    # LOOKUP is the third request of rename and mkdir.
    Operation("rename upper", each(lambda p: os.rename(p, p + ".to")),
              make_upper, (3, 3)),
    Operation("mkdir", each(lambda p: os.mkdir(p + ".dir")),
              os.listdir, (3, 3)),
    Operation("chmod upper", each(lambda p: os.chmod(p, 0o600)), make_upper,
              (2, 2)),
    Operation("chmod lower", each(lambda p: os.chmod(p, 0o600)), each(os.stat),
              (2, 2)),
    Operation("find cold", find, None, (1 / 15, 1 / 15),
              count=FIND_DIRS * (FIND_FILES + 1) + 2 * COUNT, calls=1),
    Operation("read write mmap open", OPEN_FILE.use, OPEN_FILE.open, (None, 0)),
]


def choose(names):
    if not names:
        return OPERATIONS
    wanted = names.split(",")
    return [o for o in OPERATIONS if any(o.name.startswith(w) for w in wanted)]

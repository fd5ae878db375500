# SPDX-License-Identifier: Apache-2.0
"""The table of workloads: what each does, and on which layers.

A workload sees an Env: `env.root` is the union (or the plain directory of a
native run). `prepare` runs untimed after the mount, `run` returns seconds.
Sizes are in env.sizes; nothing outside env.root is changed.
"""
import os
from typing import Callable, NamedTuple, Optional

from .tools import run


class Env:
    def __init__(self, root, field, datasets, work, native):
        self.root = root
        self.field = field
        self.datasets = datasets
        self.sizes = datasets.sizes
        self.program = work
        self.native = native

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def work(self, name, *args):
        """One workload of the C program; returns its own timing."""
        out = run([self.program, name, *map(str, args)], cwd=self.field)[1]
        return int(out) / 1e9

    def time(self, *command, times=1, **options):
        """Seconds from starting a command to its end."""
        out = run([self.program, "exec", str(times), *command],
                  cwd=self.field, **options)[1]
        return int(out.splitlines()[-1]) / 1e9

    def shell(self, script):
        return self.time("sh", "-euc", script, "sh", self.root)


class Workload(NamedTuple):
    name: str
    dataset: str
    run: Callable
    title: str
    changes: bool = False               # native runs need a copy of their own
    prepare: Optional[Callable] = None
    layers: int = 2
    mounts: bool = False                # the mount itself is what is timed

    @property
    def heavy(self):
        """Whether it moves as much as the biggest file holds."""
        return self.dataset == "big" or self.run in (seq_write, rand_write)


def find(env):
    return env.shell('find "$1" -printf "%s %m %p\\n" >/dev/null')


def tar(env):
    # GNU tar reads nothing when it recognises /dev/null.
    return env.time("tar", "-cf", "/dev/zero", env.root)


def read_tree(processes):
    return lambda env: env.work("read-tree", env.root, processes)


def on_big(name, *args):
    def run_it(env):
        counts = [getattr(env.sizes, a) for a in args]
        return env.work(name, env.path("big"), *counts)
    return run_it


def seq_write(env):
    return env.work("seq-write", env.path("new"), env.sizes.big_mib << 20)


def rand_write(env):
    return env.work("rand-write", env.path("new"), env.sizes.random)


def first_write(env):
    if env.native:      # there is no copy-up to time: time the copy itself
        return env.work("copy", env.path("big"), env.path("copy"))
    return env.work("first-write", env.path("big"))


def on_small(name):
    return lambda env: env.work(name, env.root, env.sizes.small,
                                env.sizes.passes)


def create(env):
    return env.work("create", env.root, env.sizes.created)


def create_threads(threads):
    return lambda env: env.work("create-threads", env.root, env.sizes.created,
                                threads)


def untar(env):
    return env.time("tar", "-C", env.root, "-xf", env.datasets.tarball())


def copy_tree(env):
    return env.time("cp", "-a", env.path("usr"), env.path("copy"))


def list_long(env):
    return env.shell('ls -l "$1/d000" >/dev/null')


def compile_project(env):
    target = ["common/libcommon.a"] if env.sizes.quick else []
    return env.time("make", "-s", "-j2", "-C", env.root, *target)


GIT = """
cd "$1/usr"
export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1
git() { command git -c user.name=bench -c user.email=bench@localhost \
	-c gc.auto=0 -c advice.detachedHead=false "$@"; }
"""


def git(script):
    return lambda env: env.shell(GIT + script)


GIT_ADD = "git init -q -b main .\ngit add -A\n"
GIT_COMMIT = "git commit -q -m all\n"
GIT_CHANGE = """
git ls-files | awk 'NR % 20 == 0 && !/"/' >.git/changed
while read -r file; do
	[ -L "$file" ] || echo more >>"$file"
done <.git/changed
git checkout -q -b other
git commit -q -a -m more
"""


def python_start(env):
    options = dict(os.environ, PYTHONHOME=env.path("usr"),
                   PYTHONDONTWRITEBYTECODE="1")
    return env.time(env.path("usr/bin/python3"), "-c",
                    "import asyncio, email.message, json, sqlite3, unittest",
                    times=env.sizes.python_starts, env=options)


def dpkg_unpack(env):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return env.time("dpkg", f"--root={env.root}", "--log=/dev/null",
                    "--force-all", "--no-triggers", "--unpack",
                    *env.datasets.packages(), env=dict(os.environ, PATH=path))


def sweep(env):
    return env.work("sweep", env.root)


def layered(count):
    return [Workload(f"layers-{count}", "tree", sweep,
                     f"look up, read and miss names, {count} layers",
                     layers=count)]


WORKLOADS = [
    Workload("find-cold", "tree", find, "find in a fresh mount"),
    Workload("find-warm", "tree", find, "find again", prepare=find),
    Workload("tar-cold", "tree", tar, "tar of all files in a fresh mount"),
    Workload("tar-warm", "tree", tar, "tar again", prepare=tar),
    Workload("read-warm", "tree", read_tree(1), "read all files again",
             prepare=read_tree(1)),
    Workload("readers-4", "tree", read_tree(4),
             "4 parallel readers of all files, fresh mount"),
    Workload("seq-read", "big", on_big("seq-read"), "read the big file again",
             prepare=on_big("seq-read")),
    Workload("seq-read-cold", "big", on_big("seq-read"),
             "read the big file in a fresh mount"),
    Workload("seq-write", "empty", seq_write, "write a new big file", True),
    Workload("mmap-read", "big", on_big("mmap-read"), "map and touch the big file",
             prepare=on_big("seq-read")),
    Workload("rand-read", "big", on_big("rand-read", "random"),
             "random 4 KiB reads", prepare=on_big("seq-read")),
    Workload("rand-write", "empty", rand_write, "random 4 KiB writes, upper file",
             True, prepare=seq_write),
    Workload("sync-append", "empty",
             lambda env: env.work("sync-append", env.path("log"),
                                  env.sizes.synced),
             "4 KiB appends, fdatasync after each", True),
    Workload("create", "empty", create, "create small files", True),
    Workload("create-unlink", "empty",
             lambda env: env.work("create-unlink", env.root, env.sizes.created),
             "create, then unlink small files", True),
    Workload("create-2", "empty", create_threads(2), "create in 2 threads", True),
    Workload("create-8", "empty", create_threads(8), "create in 8 threads", True),
    Workload("untar", "empty", untar, "unpack a real tree", True),
    Workload("cp-a", "tree", copy_tree, "cp -a of a lower tree", True),
    Workload("append-lower", "small",
             lambda env: env.work("append-each", env.root, env.sizes.small),
             "append to each lower file", True),
    Workload("first-write", "big", first_write,
             "first write to a big lower file", True),
    Workload("chmod-lower", "tree",
             lambda env: env.time("chmod", "-R", "g+w", env.path("usr")),
             "chmod -R of a lower tree", True),
    Workload("rm-lower", "tree",
             lambda env: env.time("rm", "-rf", env.path("usr")),
             "rm -rf of a lower tree", True),
    Workload("ls-cold", "flat", list_long, "ls -l of a huge directory"),
    Workload("ls-warm", "flat", list_long, "ls -l again", prepare=list_long),
    Workload("open-close", "small", on_small("open-close"), "open and close"),
    Workload("stat", "small", on_small("stat"), "stat"),
    Workload("missing", "small", on_small("missing"), "names that do not exist"),
    Workload("readlink", "small", on_small("readlink"), "readlink"),
    Workload("compile", "project", compile_project, "make of a C project", True),
    Workload("git-add", "tree", git(GIT_ADD), "git init, git add", True),
    Workload("git-commit", "tree", git(GIT_COMMIT), "git commit", True,
             prepare=git(GIT_ADD)),
    Workload("git-status", "tree", git("git status -s >/dev/null"), "git status",
             True, prepare=git(GIT_ADD + GIT_COMMIT)),
    Workload("git-checkout", "tree", git("git checkout -q main"),
             "git checkout of another branch", True,
             prepare=git(GIT_ADD + GIT_COMMIT + GIT_CHANGE)),
    Workload("python", "usr", python_start, "Python start-up with imports",
             prepare=python_start),
    Workload("dpkg", "dpkg", dpkg_unpack, "dpkg unpack of packages", True),
    *layered(1), *layered(20), *layered(250),
    Workload("mount", "tree", None, "mount of 20 layers to the first answer",
             layers=20, mounts=True),
]


def choose(names):
    """The workloads of a comma list; a name may be the start of several."""
    if not names:
        return WORKLOADS
    chosen = []
    for wanted in names.split(","):
        matching = [w for w in WORKLOADS if w.name == wanted] or [
            w for w in WORKLOADS if w.name.startswith(wanted)]
        if not matching:
            raise ValueError(f"no workload '{wanted}'")
        chosen += [w for w in matching if w not in chosen]
    return chosen

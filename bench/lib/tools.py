# SPDX-License-Identifier: Apache-2.0
"""Running commands, and building the C programs of this folder."""
import os
import shlex
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.dirname(BENCH)


class Failed(Exception):
    """A step of the benchmark failed; the text says which and why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, cwd=None, timeout=None, env=None):
    """Run a command to its end; returns (seconds, what it printed).

    Its output goes through files: a daemon that keeps the descriptors open
    after the command returned would hold up a pipe.
    """
    with _scratch() as out, _scratch() as err:
        start = time.monotonic()
        try:
            result = subprocess.run(command, cwd=cwd, timeout=timeout, env=env,
                                    stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=err, check=False)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"no end after {timeout} s: "
                         f"{shlex.join(command)}") from error
        except OSError as error:
            raise Failed(f"{command[0]}: {error.strerror}") from error
        seconds = time.monotonic() - start
        if result.returncode != 0:
            raise Failed(f"status {result.returncode}: "
                         f"{shlex.join(command)[:200]}: {_tail(err)}")
        out.seek(0)
        return seconds, out.read()


def _scratch():
    # Not on the measured filesystem, and never on a disk.
    fd = os.memfd_create("output")
    return os.fdopen(fd, "w+", encoding="utf-8", errors="replace")


def _tail(err):
    err.seek(0)
    return err.read().strip()[-400:]


def compile_program(name, sources, directory, package=None):
    """Build one C program of this folder into `directory`; returns its path."""
    flags, libraries = [], []
    if package:
        flags = run(["pkg-config", "--cflags", package])[1].split()
        libraries = run(["pkg-config", "--libs", package])[1].split()
    out = os.path.join(directory, name)
    run([os.environ.get("CC", "cc"), "-O2", "-Wall", "-pthread", *flags,
         "-o", out, *[os.path.join(BENCH, s) for s in sources], *libraries])
    return out


def compile_work(directory):
    return compile_program("work", ["work.c", "work_files.c", "work_data.c",
                                    "work_tree.c"], directory)


def find_program(name, build):
    """`name` in the build directory if given, else in PATH; None if nowhere."""
    places = ([build] if build else []) + [
        p for p in os.environ.get("PATH", "").split(":") if p] + ["/usr/sbin"]
    for place in places:
        path = os.path.join(place, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return os.path.abspath(path)
    return None

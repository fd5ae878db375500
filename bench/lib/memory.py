# SPDX-License-Identifier: Apache-2.0
"""What unions keep in memory: their daemons, and the page cache."""

import os

from .candidates import NATIVE, OVERLAY, Mount
from .datasets import SHARED_MIB
from .tools import Failed, run

HEADER = ["memory, KiB", "after mount", "{inodes} inodes cached",
          "bytes per inode", "all forgotten", "{mounts} idle mounts",
          "page cache, {shared} MiB in {sharing} mounts"]

SHARING = 10


def measure(candidates, make_setup, datasets):
    """Rows of a table, one for each candidate but the plain directory."""
    sizes = datasets.sizes
    rows = [[h.format(inodes=sizes.inodes, mounts=sizes.mounts,
                      shared=SHARED_MIB, sharing=SHARING) for h in HEADER]]
    for candidate in candidates:
        if candidate.name == NATIVE:
            continue
        try:
            rows.append(_row(candidate, make_setup, datasets))
        except Failed as error:
            rows.append([candidate.name, f"failed: {error}", "", "", "", "", ""])
    return rows


def _row(candidate, make_setup, datasets):
    daemons = ["-"] * 5
    if candidate.name != OVERLAY:
        daemons = [*_cached(candidate, make_setup, datasets),
                   _idle(candidate, make_setup, datasets)]
    return [candidate.name, *daemons,
            _page_cache(candidate, make_setup, datasets)]


def _cached(candidate, make_setup, datasets):
    mount = Mount(candidate, make_setup("many", 2), datasets.field)
    try:
        before = mount.memory_kib()
        run(["find", mount.path, "-printf", "%s"])
        full = mount.memory_kib()
        # A remount drops this mount's unused names, and nobody else's.
        run(["mount", "-i", "-o", "remount", mount.path])
        after = mount.memory_kib()
    finally:
        mount.unmount()
    per_inode = (full - before) * 1024 / datasets.sizes.inodes
    return [str(before), str(full), f"{per_inode:.0f}", str(after)]


def _mounts(candidate, make_setup, field, dataset, count):
    mounts = []
    try:
        for number in range(count):
            mounts.append(Mount(candidate, make_setup(dataset, 2, f"-{number}"),
                                field))
    except Failed:
        _unmount(mounts)
        raise
    return mounts


def _unmount(mounts):
    for mount in mounts:
        mount.unmount()


def _idle(candidate, make_setup, datasets):
    mounts = _mounts(candidate, make_setup, datasets.field, "tree",
                     datasets.sizes.mounts)
    try:
        return str(sum(m.memory_kib() for m in mounts))
    finally:
        _unmount(mounts)


def _page_cache(candidate, make_setup, datasets):
    """How much reading the same lower file in several mounts caches.

    The whole machine's figure: other work at the same time disturbs it.
    """
    mounts = _mounts(candidate, make_setup, datasets.field, "shared", SHARING)
    try:
        before = _cached_kib()
        for mount in mounts:
            run([datasets.work, "seq-read", os.path.join(mount.path, "big")])
        return str(_cached_kib() - before)
    finally:
        _unmount(mounts)


def _cached_kib():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("Cached:"):
                return int(line.split()[1])
    raise Failed("no 'Cached' in /proc/meminfo")

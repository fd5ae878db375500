# SPDX-License-Identifier: Apache-2.0
"""What the daemons of a union keep in memory."""

from .candidates import NATIVE, OVERLAY, Mount
from .tools import Failed, run

HEADER = ["memory, KiB", "after mount", "with {inodes} inodes cached",
          "bytes per inode", "after all were forgotten", "{mounts} idle mounts"]


def measure(candidates, make_setup, datasets):
    """One row of a table for each candidate that has a daemon."""
    sizes = datasets.sizes
    rows = [[h.format(inodes=sizes.inodes, mounts=sizes.mounts) for h in HEADER]]
    for candidate in candidates:
        if candidate.name in (NATIVE, OVERLAY):
            continue
        try:
            rows.append([candidate.name,
                         *_cached(candidate, make_setup, datasets),
                         _idle(candidate, make_setup, datasets)])
        except Failed as error:
            rows.append([candidate.name, f"failed: {error}", "", "", "", ""])
    return rows


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


def _idle(candidate, make_setup, datasets):
    mounts = []
    try:
        for number in range(datasets.sizes.mounts):
            mounts.append(Mount(candidate, make_setup("tree", 2, f"-{number}"),
                                datasets.field))
        return str(sum(m.memory_kib() for m in mounts))
    finally:
        for mount in mounts:
            mount.unmount()

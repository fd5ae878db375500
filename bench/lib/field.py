# SPDX-License-Identifier: Apache-2.0
"""The quiet filesystem that everything is measured on."""
import os
import shutil

from .tools import Failed, run, say

MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F",
             "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-K"],
    "btrfs": ["mkfs.btrfs", "-q", "-f", "-K"],
}


def make_field(place, kind, size_mib):
    """A filesystem on a loop device over tmpfs; returns its directory.

    A disk's discards and journal writes change the times of creating files
    tenfold. The mounts are in our namespace and need no unmounting.
    """
    if not shutil.which(MKFS[kind][0], path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
        raise Failed(f"{MKFS[kind][0]} not found: install it, or choose "
                     "another --fs")
    below = os.path.join(place.directory, "memory")
    field = os.path.join(place.directory, "field")
    os.mkdir(below)
    os.mkdir(field)
    run(["mount", "-t", "tmpfs", "-o", "size=95%", "nacre-bench", below])
    image = os.path.join(below, "image")
    _make_image(image, size_mib << 20)
    run([*MKFS[kind], image])
    run(["mount", "-o", "loop", image, field])
    _read_image_directly(image)
    return field


def _make_image(image, size):
    """With its memory already there, or the first writes would pay for it."""
    with open(image, "wb") as file:
        if size * 2 < _available_bytes():
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            say("little free memory: the filesystem's image is sparse, and "
                "writes are less even")
            file.truncate(size)


def _available_bytes():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0


def _read_image_directly(image):
    """Spare the second copy of every page, where the kernel can."""
    device = run(["losetup", "-n", "-O", "NAME", "-j", image])[1].split()
    try:
        run(["losetup", "--direct-io=on", device[0]])
    except (Failed, IndexError):
        pass        # only costs memory


def fresh_directory(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def settle(field):
    """Write out what is dirty, so that nobody pays for another's writes."""
    run(["sync", "-f", field])

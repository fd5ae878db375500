# SPDX-License-Identifier: Apache-2.0
"""An OCI bundle that asks for a full container, the same for every runtime."""
import json
import os
import shutil

from .tools import Failed

MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list",
          "/proc/sched_debug"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
             "/proc/sysrq-trigger"]
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL",
                "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP",
                "CAP_SETUID"]
MEMORY_BYTES = 256 << 20


def make_root(path):
    """A root with nothing but busybox."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise Failed("busybox is not installed (Debian: busybox-static)")
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        os.makedirs(os.path.join(path, name))
    shutil.copy2(busybox, os.path.join(path, "bin/busybox"))
    for name in ("true", "sh", "sleep"):
        os.symlink("busybox", os.path.join(path, "bin", name))
    return path


def make_bundle(path, root, group, command):
    """`group`: the container's own, below the hierarchy's root."""
    os.makedirs(path)
    with open(os.path.join(path, "config.json"), "w", encoding="ascii") as file:
        json.dump(_config(root, group, command), file, indent=1)
    return path


def _mount(target, kind, *options):
    return {"destination": target, "type": kind, "source": kind,
            "options": list(options)}


def _config(root, group, command):
    sets = ["bounding", "effective", "permitted"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0},
            "args": command, "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {name: CAPABILITIES for name in sets},
            "noNewPrivileges": True,
        },
        "root": {"path": root, "readonly": False},
        "hostname": "bench",
        "mounts": [
            _mount("/proc", "proc"),
            _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755",
                   "size=65536k"),
            _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance",
                   "ptmxmode=0666", "mode=0620"),
            _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev",
                   "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        ],
        "linux": {
            "cgroupsPath": f"/{group}",
            "namespaces": [{"type": t} for t in (
                "pid", "network", "ipc", "uts", "mount", "cgroup")],
            "resources": {
                "memory": {"limit": MEMORY_BYTES},
                "cpu": {"period": 100000, "quota": 100000},
                "pids": {"limit": 100},
            },
            "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
        },
    }

# SPDX-License-Identifier: Apache-2.0
"""Control groups for what is measured: v1, v2 or both, as the host has them."""
import os

TOP = "/sys/fs/cgroup"


def hierarchies():
    """Directories of all mounted hierarchies."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            left, _, right = line.partition(" - ")
            if right.split()[0] in ("cgroup", "cgroup2"):
                found.append(left.split()[4])
    return sorted(set(os.path.realpath(path) for path in found))


class Group:
    """One group in every hierarchy; the guardian removes it in the end."""

    def __init__(self, place, settings):
        """`settings`: pairs (file name, value), set where the file exists."""
        self.paths = []
        for top in hierarchies():
            path = os.path.join(top, place.name)
            os.mkdir(path)
            self.paths.append(path)
            self._inherit_cpuset(top, path)
        for name, value in settings:
            for path in self.paths:
                self._set(path, name, value)

    @staticmethod
    def _inherit_cpuset(top, path):
        # A new v1 cpuset is empty and takes no process.
        for name in ("cpuset.cpus", "cpuset.mems"):
            parent = os.path.join(top, name)
            if os.path.exists(parent):
                with open(parent, encoding="ascii") as file:
                    Group._set(path, name, file.read().strip())

    @staticmethod
    def _set(path, name, value):
        path = os.path.join(path, name)
        if os.path.exists(path):
            with open(path, "w", encoding="ascii") as file:
                file.write(value)

    def join_script(self):
        """Shell text that puts the shell into the group."""
        lines = []
        for path in self.paths:
            procs = os.path.join(path, "cgroup.procs")
            if os.path.exists(procs):
                lines.append(f"echo $$ >'{procs}'")
        return "\n".join(lines)

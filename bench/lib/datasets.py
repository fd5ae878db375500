# SPDX-License-Identifier: Apache-2.0
"""The contents of lower layers: generated, or taken from this machine.

A dataset is spread over any number of layers, file number i in layer i modulo
their number, so that merging is really at work. Each is made once, when first
asked for, in the directory layers/NAME-COUNT of the field, and there is a
merged plain copy of it for the native runs.
"""
import os
import shutil
import subprocess

from .tools import SOURCE, Failed, run

# Enough of these is on every machine that can build nacre; names are sorted,
# so the same machine gives the same tree every time.
TREE_SOURCES = ("/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12",
                "/usr/lib/python3.13", "/usr/share/perl", "/usr/share/doc",
                "/usr/include", "/usr/share")
PYTHON = "/usr/bin/python3"

SHARED_MIB = 64


class Sizes:
    """How much of everything; `quick` is for trying out, not for judging."""

    def __init__(self, quick):
        self.quick = quick
        self.tree = 800 if quick else 8000
        self.flat = 2000 if quick else 20000
        self.small = 500 if quick else 5000
        self.created = 1000 if quick else 10000
        self.big_mib = 64 if quick else 1024
        self.random = 5000 if quick else 50000
        self.synced = 100 if quick else 1000
        self.inodes = 10000 if quick else 100000
        self.mounts = 10 if quick else 100
        self.packages = 5 if quick else 20
        self.python_starts = 5 if quick else 20
        self.passes = 5 if quick else 10
        self.field_mib = 2560 if quick else 7168


class Datasets:
    def __init__(self, field, work, sizes):
        self.field = field
        self.work = work            # path of the workload program
        self.sizes = sizes
        self.missing = {}           # name: why it cannot be made here
        self.made = {}

    def layers(self, name, count):
        """The lower directories of a dataset, relative to the field."""
        key = (name, count)
        if key in self.made:
            return self.made[key]
        if name in self.missing:
            raise Failed(self.missing[name])

        # Short names: 250 of them must fit on mount(2)'s one page.
        top = f"l/{len(self.made)}"
        layers = [f"{top}/{i}" for i in range(count)]
        for layer in layers:
            os.makedirs(os.path.join(self.field, layer))
        try:
            getattr(self, f"_make_{name}")(
                [os.path.join(self.field, layer) for layer in layers])
        except Failed as error:
            self.missing[name] = str(error)
            raise
        self.made[key] = layers
        return layers

    def native(self, name, count):
        """A merged copy that native runs may read but not change."""
        path = os.path.join(self.field, "native", f"{name}-{count}")
        if not os.path.isdir(path):
            self.copy_native(name, count, path)
        return path

    def copy_native(self, name, count, path):
        os.makedirs(path)
        for layer in reversed(self.layers(name, count)):
            run(["cp", "-a", os.path.join(self.field, layer) + "/.", path])

    def tarball(self):
        """The real tree as an archive beside the layers."""
        path = os.path.join(self.field, "tree.tar")
        if not os.path.exists(path):
            run(["tar", "-C", self.native("tree", 2), "-cf", path, "."])
        return path

    def packages(self):
        """Debian packages rebuilt from installed ones, deterministic choice."""
        directory = os.path.join(self.field, "packages")
        if not os.path.isdir(directory):
            os.mkdir(directory)
            _build_packages(directory, self.sizes.packages)
        found = sorted(e.path for e in os.scandir(directory)
                       if e.name.endswith(".deb"))
        if not found:
            raise Failed("no installed package is fit to be rebuilt")
        return found

    # --- one method for each dataset ---------------------------------------

    def _make_empty(self, layers):
        for layer in layers:
            os.makedirs(os.path.join(layer, "etc"))

    def _make_tree(self, layers):
        for number, source in enumerate(_tree_files(self.sizes.tree)):
            _copy_into(layers[number % len(layers)], source)

    def _make_flat(self, layers):
        self._create(layers, self.sizes.flat, self.sizes.flat)

    def _make_small(self, layers):
        self._create(layers, self.sizes.small, 100)
        run([self.work, "create-links", layers[0], str(self.sizes.small)])

    def _make_many(self, layers):
        self._create(layers, self.sizes.inodes, 100)

    def _create(self, layers, files, per_dir):
        for first, layer in enumerate(layers):
            run([self.work, "create", layer, str(files), str(per_dir), "100",
                 str(first), str(len(layers))])

    def _make_big(self, layers):
        run([self.work, "seq-write", os.path.join(layers[-1], "big"),
             str(self.sizes.big_mib << 20)])

    def _make_shared(self, layers):
        run([self.work, "seq-write", os.path.join(layers[-1], "big"),
             str(SHARED_MIB << 20)])

    def _make_usr(self, layers):
        if not os.path.exists(PYTHON):
            raise Failed(f"{PYTHON} is not there")
        binary = os.path.realpath(PYTHON)
        library = os.path.join("/usr/lib", os.path.basename(binary))
        os.makedirs(os.path.join(layers[0], "usr/bin"))
        os.makedirs(os.path.join(layers[-1], "usr/lib"))
        shutil.copy2(binary, os.path.join(layers[0], "usr/bin/python3"))
        run(["cp", "-a", library, os.path.join(layers[-1], "usr/lib")])

    def _make_project(self, layers):
        _configured_sources(layers[-1])

    def _make_dpkg(self, layers):
        if not shutil.which("dpkg-deb"):
            raise Failed("dpkg is not installed")
        admin = os.path.join(layers[-1], "var/lib/dpkg")
        for part in ("info", "updates", "triggers", "parts"):
            os.makedirs(os.path.join(admin, part))
        for part in ("status", "available"):
            with open(os.path.join(admin, part), "w", encoding="ascii"):
                pass


def _tree_files(count):
    found = []
    for top in TREE_SOURCES:
        for path, directories, files in os.walk(top):
            directories.sort()
            for name in sorted(files):
                full = os.path.join(path, name)
                if os.path.islink(full) or os.path.getsize(full) < 4 << 20:
                    found.append(full)
                if len(found) == count:
                    return found
    raise Failed(f"only {len(found)} files below {' '.join(TREE_SOURCES)}")


def _copy_into(layer, source):
    target = layer + source
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.lexists(target):
        shutil.copy2(source, target, follow_symlinks=False)


def _configured_sources(target):
    """nacre's own sources, ready for make; proven by building them once."""
    files = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"],
                           capture_output=True, check=False).stdout.split(b"\0")
    names = [n for n in (os.fsdecode(f) for f in files) if n
             and os.path.isfile(os.path.join(SOURCE, n))]
    if not names:
        raise Failed("the sources of nacre are not a git tree")
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
        shutil.copy2(os.path.join(SOURCE, name), os.path.join(target, name))
    run(["autoreconf", "-fi"], cwd=target)
    run(["./configure", "-q"], cwd=target)
    trial = target.rstrip("/") + "-trial"
    run(["cp", "-a", target, trial])
    try:
        run(["make", "-j2", "-s"], cwd=trial)
    finally:
        shutil.rmtree(trial)


def _build_packages(directory, count):
    listed = run(["dpkg-query", "-W", "-f", "${Package} ${Installed-Size}\n"])[1]
    built = 0
    for line in sorted(listed.splitlines()):
        name, _, size_kib = line.partition(" ")
        if built == count:
            return
        if size_kib.isdigit() and 200 <= int(size_kib) <= 3000:
            built += _build_package(directory, name)


def _build_package(directory, name):
    """Returns whether the package had a fit number of files."""
    paths = [p for p in run(["dpkg-query", "-L", name])[1].splitlines()
             if p.startswith("/usr/") and os.path.lexists(p)
             and (os.path.islink(p) or os.path.isfile(p))]
    if not 20 <= len(paths) <= 400:
        return False
    root = os.path.join(directory, name)
    for path in paths:
        _copy_into(root, path)
    os.makedirs(os.path.join(root, "DEBIAN"))
    with open(os.path.join(root, "DEBIAN/control"), "w", encoding="ascii") as f:
        f.write(f"Package: {name}\nVersion: 1\nArchitecture: all\n"
                "Maintainer: nobody <nobody@localhost>\n"
                "Description: made for a measurement\n")
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", root,
         f"{root}.deb"])
    shutil.rmtree(root)
    return True

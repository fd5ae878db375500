# SPDX-License-Identifier: Apache-2.0
"""What the checks stand on: a runtime, bundles, and a list of the checks.

A check is a function that takes a Lab, does what an engine does, and raises
Failed where the runtime is not as the specification demands. NotHere says that
this machine cannot show it either way.
"""
import copy
import ctypes
import glob
import itertools
import json
import os
import shutil
import signal
import subprocess
import time

TIMEOUT_S = 30
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None, use_errno=True)

checks = []         # (section, sentence, level, function), in the order of the specification


class Failed(Exception):
    """The runtime does not do what the specification demands."""


class NotHere(Exception):
    """This machine cannot show whether it does."""


def must(section, sentence, level="MUST"):
    """Decorator: one demand of the specification, and the function that looks."""
    def add(function):
        checks.append((section, sentence, level, function))
        return function
    return add


def demand(condition, why):
    if not condition:
        raise Failed(why)


def equal(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: {got!r}, not {wanted!r}")


CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

BASE = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["true"],
        "env": ["PATH=/bin"],
        "cwd": "/",
        "capabilities": {"bounding": CAPS, "effective": CAPS, "permitted": CAPS},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": True},
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in
                       ("pid", "network", "ipc", "uts", "mount")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
    },
}

DIRECTORIES = ("proc", "sys", "dev", "tmp", "etc", "mnt", "a", "a/b", "other")


class Done:
    """What a command of the runtime said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.ok = status == 0


class Lab:
    def __init__(self, runtime, work):
        self.runtime = runtime          # its words
        self.work = work
        self.numbers = itertools.count()
        self.containers = {}            # id: pid or None
        self.prefix = f"nacre-validate-{os.getpid()}"
        self.root = os.path.join(work, "root")
        self._make_root()
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def _make_root(self):
        busybox = shutil.which("busybox")
        if not busybox:
            raise NotHere("needs a static busybox")
        os.makedirs(os.path.join(self.root, "bin"))
        shutil.copy(busybox, os.path.join(self.root, "bin/busybox"))
        for name in subprocess.run([busybox, "--list"], capture_output=True, text=True,
                                   check=True).stdout.split():
            if name != "busybox":
                os.symlink("busybox", os.path.join(self.root, "bin", name))
        for name in DIRECTORIES:
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        with open(os.path.join(self.root, "a/file"), "w", encoding="ascii") as file:
            file.write("of the root\n")

    # --- bundles -------------------------------------------------------------

    def config(self, *args):
        """A configuration whose command is a shell script, or words."""
        config = copy.deepcopy(BASE)
        if len(args) == 1:
            config["process"]["args"] = ["sh", "-c", args[0]]
        elif args:
            config["process"]["args"] = list(args)
        return config

    def bundle(self, config, own_root=False):
        """A directory with the configuration; the root is shared, or a copy."""
        path = os.path.join(self.work, f"bundle-{next(self.numbers)}")
        os.makedirs(path)
        if own_root:
            shutil.copytree(self.root, os.path.join(path, "rootfs"), symlinks=True)
        elif isinstance(config, dict) and config.get("root", {}).get("path") == "rootfs":
            config["root"]["path"] = self.root
        with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
            if isinstance(config, str):
                file.write(config)
            else:
                json.dump(config, file)
        return path

    def path(self, name):
        """A path of this check's own."""
        return os.path.join(self.work, f"{next(self.numbers)}-{name}")

    # --- the runtime -----------------------------------------------------------

    def call(self, *words, stdin=None, cwd=None, pass_fds=()):
        command = self.runtime + ["--root", os.path.join(self.work, "state"), *words]
        with subprocess.Popen(command, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
                              pass_fds=pass_fds, text=True, errors="replace") as process:
            try:
                out, err = process.communicate(stdin, TIMEOUT_S)
            except subprocess.TimeoutExpired as late:
                process.kill()
                raise Failed(f"'{words[0]}' did not end within {TIMEOUT_S} s") from late
        return Done(process.returncode, out, err)

    def new_id(self):
        return f"{self.prefix}-{next(self.numbers)}"

    def create(self, config, own_root=False, options=(), name=None):
        """Create a container; Container.ok says whether it is there."""
        bundle = config if isinstance(config, str) and os.path.isdir(config) \
            else self.bundle(config, own_root)
        return Container(self, name or self.new_id(), bundle, options)

    def created(self, config, **how):
        container = self.create(config, **how)
        demand(container.ok, f"create failed: {container.err.strip()}")
        return container

    def refused(self, config, why, **how):
        """Creating must fail, and leave nothing."""
        container = self.create(config, **how)
        if not container.ok:
            demand(not container.state_text().ok, f"{why}: refused, and the container exists")
            return container
        # Where create cannot tell, start may.
        started = container.start()
        demand(not started.ok, f"{why}: accepted")
        return container

    def output(self, config, **how):
        """What the command prints, in a life from create to delete."""
        container = self.created(config, **how)
        container.started()
        status = container.wait()
        text = container.output()
        demand(container.delete().ok, "delete failed")
        demand(status == 0, f"the command ended with {status}: {text}")
        return text

    def clean(self):
        for container in list(self.containers.values()):
            container.remove()

    def close(self):
        """Remove what a runtime left; the checks have told of it."""
        for directory in glob.glob(f"/sys/fs/cgroup/*/{self.prefix}*"):
            try:
                os.rmdir(directory)
            except OSError:
                pass


class Container:
    def __init__(self, lab, name, bundle, options=()):
        self.lab, self.name, self.bundle = lab, name, bundle
        self.log = os.path.join(bundle, "output")
        self.pid = None
        pid_file = os.path.join(bundle, "pid")
        command = lab.runtime + ["--root", os.path.join(lab.work, "state"), "create",
                                 "--bundle", bundle, "--pid-file", pid_file, *options, name]
        lab.containers[name] = self
        errors = os.path.join(bundle, "errors")
        # The command inherits the descriptors, so files: a pipe would never end.
        with open(self.log, "w", encoding="utf-8") as out, \
                open(errors, "w", encoding="utf-8") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                self.ok = process.wait(TIMEOUT_S) == 0
            except subprocess.TimeoutExpired as late:
                process.kill()
                process.wait()
                raise Failed(f"create did not end within {TIMEOUT_S} s") from late
        with open(errors, encoding="utf-8", errors="replace") as file:
            self.err = file.read()
        if self.ok:
            with open(pid_file, encoding="ascii") as file:
                self.pid = int(file.read())

    def state_text(self):
        return self.lab.call("state", self.name)

    def state(self):
        done = self.state_text()
        demand(done.ok, f"state failed: {done.err.strip()}")
        return json.loads(done.out)

    def status(self):
        return self.state()["status"]

    def start(self):
        return self.lab.call("start", self.name)

    def started(self):
        done = self.start()
        demand(done.ok, f"start failed: {done.err.strip()}")

    def kill(self, sig="KILL"):
        return self.lab.call("kill", self.name, str(sig))

    def delete(self, *options):
        done = self.lab.call("delete", *options, self.name)
        if done.ok:
            self.lab.containers.pop(self.name, None)
        return done

    def wait(self):
        """The exit status of the container's process; it is our child by now."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                if not os.path.exists(f"/proc/{self.pid}"):
                    return None
                pid, status = 0, 0
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        raise Failed("the container's process does not end")

    def await_output(self, text):
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.output():
            demand(time.monotonic() < deadline, f"never printed '{text}'")
            time.sleep(0.002)

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def remove(self):
        self.lab.containers.pop(self.name, None)
        self.lab.call("delete", "--force", self.name)
        if self.pid:
            try:
                os.waitpid(self.pid, 0)
            except ChildProcessError:
                pass


# --- the machine ------------------------------------------------------------------

def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def cgroup_directories(path):
    """Where this cgroup path is, in all hierarchies."""
    roots = [p for p in glob.glob("/sys/fs/cgroup/*") if os.path.ismount(p)]
    if os.path.exists("/sys/fs/cgroup/cgroup.procs"):
        roots = ["/sys/fs/cgroup"]
    return [root + path for root in roots if os.path.isdir(root + path)]


def cgroup_file(path, *names):
    """The value of the first of the files that exists below the cgroup path."""
    for directory in cgroup_directories(path):
        for name in names:
            try:
                with open(os.path.join(directory, name), encoding="ascii") as file:
                    return file.read().strip()
            except FileNotFoundError:
                continue
    return None


def write_script(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def send_signal(pid, number=signal.SIGKILL):
    os.kill(pid, number)

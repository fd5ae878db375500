# SPDX-License-Identifier: Apache-2.0
"""config-linux.md: namespaces, devices, propagation, paths, kernel values, personality."""
import os
import subprocess

from validate.harness import Failed, NotHere, demand, equal, must, namespace

NS, DEVICES, DEFAULTS = ("config-linux.md, Namespaces", "config-linux.md, Devices",
                         "config-linux.md, Default Devices")
NAMES = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt",
         "cgroup": "cgroup", "user": "user", "time": "time"}


def namespaces(*kinds):
    return [{"type": kind} if isinstance(kind, str) else kind for kind in kinds]


def with_kinds(lab, script, *kinds):
    config = lab.config(script)
    config["linux"]["namespaces"] = namespaces("pid", "mount", *kinds)
    if "user" in kinds:
        config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
        config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    return config


def new(kind):
    @must(NS, f"without a path a new {kind} namespace is made")
    def made(lab):
        if not os.path.exists(f"/proc/self/ns/{NAMES[kind]}"):
            raise NotHere("this kernel has none")
        kinds = () if kind in ("pid", "mount") else (kind,)
        container = lab.created(with_kinds(lab, "exec sleep 1000", *kinds))
        container.started()
        demand(namespace(container.pid, NAMES[kind]) != namespace("self", NAMES[kind]),
               "it is ours")


def inherited(kind):
    @must(NS, f"a {kind} namespace that is not listed is the runtime's")
    def ours(lab):
        container = lab.created(with_kinds(lab, "exec sleep 1000"))
        container.started()
        equal(namespace(container.pid, NAMES[kind]), namespace("self", NAMES[kind]), "namespace")


for which in NAMES:
    new(which)
for which in ("network", "ipc", "uts", "cgroup", "user", "time"):
    inherited(which)


def holder(*options):
    """A process with namespaces of its own, to be joined."""
    process = subprocess.Popen(["unshare", *options, "sh", "-c", "echo; exec sleep 1000"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.read(1)
    return process


def joined(kind, option):
    @must(NS, f"with a path the {kind} namespace there is joined")
    def joins(lab):
        process = holder(option)
        try:
            wanted = namespace(process.pid, NAMES[kind])
            path = f"/proc/{process.pid}/ns/{NAMES[kind]}"
            container = lab.created(with_kinds(lab, "exec sleep 1000",
                                               {"type": kind, "path": path}))
            equal(namespace(container.pid, NAMES[kind]), wanted, "namespace")
        finally:
            process.kill()
            process.communicate()


for which, flag in (("network", "--net"), ("ipc", "--ipc"), ("uts", "--uts"),
                    ("cgroup", "--cgroup")):
    joined(which, flag)


@must(NS, "with a path the time namespace there is joined")
def join_time(lab):
    # The clocks of a new one are its children's.
    process = subprocess.Popen(["unshare", "--time", "--fork", "--boottime", "1000000",
                                "sh", "-c", "echo $PPID; exec sleep 1000"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    parent = int(process.stdout.readline())
    try:
        config = with_kinds(lab, "cut -d. -f1 /proc/uptime",
                            {"type": "time", "path": f"/proc/{parent}/ns/time_for_children"})
        demand(int(lab.output(config)) >= 1000000, "the clock is another")
    finally:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            for child in file.read().split():
                os.kill(int(child), 9)
        process.communicate()


@must(NS, "a path must be absolute")
def relative_path(lab):
    lab.refused(with_kinds(lab, "true", {"type": "network", "path": "proc/self/ns/net"}),
                "a relative path")


@must(NS, "a path to a namespace of another type is an error")
def wrong_type(lab):
    lab.refused(with_kinds(lab, "true", {"type": "network", "path": "/proc/self/ns/uts"}),
                "a uts namespace for the network")


@must(NS, "a path that is no namespace is an error")
def no_namespace(lab):
    lab.refused(with_kinds(lab, "true", {"type": "network", "path": "/dev/null"}), "/dev/null")


@must(NS, "a type that is listed twice is an error")
def listed_twice(lab):
    lab.refused(with_kinds(lab, "true", "uts", "uts"), "a duplicate")


@must(NS, "an unknown type is an error")
def unknown_type(lab):
    lab.refused(with_kinds(lab, "true", "fun"), "the type 'fun'")


@must("config-linux.md, User namespace mappings", "ids are mapped as given")
def mappings(lab):
    config = with_kinds(lab, "cat /proc/self/uid_map /proc/self/gid_map", "user")
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1000},
                                      {"containerID": 1000, "hostID": 5000, "size": 10}]
    equal([line.split() for line in lab.output(config).splitlines()],
          [["0", "0", "1000"], ["1000", "5000", "10"], ["0", "0", "65536"]], "maps")


@must("config-linux.md, Time offsets", "the clocks are offset as given")
def time_offsets(lab):
    config = with_kinds(lab, "cut -d. -f1 /proc/uptime", "time")
    config["linux"]["timeOffsets"] = {"boottime": {"secs": 5000000, "nanosecs": 0},
                                      "monotonic": {"secs": 3000000, "nanosecs": 0}}
    with open("/proc/uptime", encoding="ascii") as file:
        ours = float(file.read().split()[0])
    demand(ours + 4999990 < int(lab.output(config)) < ours + 5000100, "boot time differs")


# --- devices ----------------------------------------------------------------------------

def device_config(lab, script, *devices):
    config = lab.config(script)
    config["linux"]["devices"] = list(devices)
    for device in devices:
        if "major" in device:
            config["linux"]["resources"]["devices"].append(
                {"allow": True, "type": "c" if device["type"] in "cu" else "b",
                 "major": device["major"], "minor": device["minor"], "access": "rwm"})
    return config


@must(DEVICES, "a listed character device is there, with its numbers, mode and owner")
def character_device(lab):
    config = device_config(lab, "stat -c '%F %t:%T %a %u:%g' /dev/mine",
                           {"path": "/dev/mine", "type": "c", "major": 1, "minor": 5,
                            "fileMode": 0o640, "uid": 3, "gid": 4})
    equal(lab.output(config), "character special file 1:5 640 3:4\n", "device")


@must(DEVICES, "a listed block device is there")
def block_device(lab):
    config = device_config(lab, "stat -c '%F %t:%T' /dev/mine",
                           {"path": "/dev/mine", "type": "b", "major": 7, "minor": 0})
    equal(lab.output(config), "block special file 7:0\n", "device")


@must(DEVICES, "a listed FIFO is there")
def fifo(lab):
    config = device_config(lab, "stat -c '%F' /dev/mine", {"path": "/dev/mine", "type": "p"})
    equal(lab.output(config), "fifo\n", "file")


@must(DEVICES, "type u is a character device")
def unbuffered(lab):
    config = device_config(lab, "stat -c '%F %t:%T' /dev/mine",
                           {"path": "/dev/mine", "type": "u", "major": 1, "minor": 5})
    equal(lab.output(config), "character special file 1:5\n", "device")


@must(DEVICES, "a file at the path that is another is an error")
def device_in_the_way(lab):
    config = device_config(lab, "true", {"path": "/etc/mine", "type": "c", "major": 1,
                                         "minor": 5})
    config["root"]["readonly"] = False
    bundle = lab.bundle(config, own_root=True)
    with open(os.path.join(bundle, "rootfs/etc/mine"), "w", encoding="ascii"):
        pass
    lab.refused(bundle, "a plain file in the way")


@must(DEVICES, "an unknown type is an error")
def device_unknown(lab):
    lab.refused(device_config(lab, "true", {"path": "/dev/mine", "type": "x", "major": 1,
                                            "minor": 5}), "the type 'x'")


for path, number in (("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"),
                     ("urandom", "1:9"), ("tty", "5:0")):
    @must(DEFAULTS, f"/dev/{path} is supplied")
    def supplied(lab, name=path, numbers=number):
        equal(lab.output(lab.config(f"stat -c '%F %t:%T' /dev/{name}")),
              f"character special file {numbers}\n", "device")


@must(DEFAULTS, "/dev/ptmx is the container's own")
def ptmx(lab):
    equal(lab.output(lab.config("stat -L -c '%t:%T' /dev/ptmx; [ /dev/ptmx -ef /dev/pts/ptmx ] && "
                                "echo same")), "5:2\nsame\n", "device")


@must(DEFAULTS, "the default devices may be used, whatever the rules deny")
def defaults_usable(lab):
    equal(lab.output(lab.config("head -c 3 /dev/zero | wc -c; echo x >/dev/null && echo written")),
          "3\nwritten\n", "output")


# --- the rest -----------------------------------------------------------------------------

@must("config-linux.md, Sysctl", "kernel values are set")
def sysctl(lab):
    config = lab.config("cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_forward")
    config["linux"]["sysctl"] = {"kernel.shm_rmid_forced": "1", "net.ipv4.ip_forward": "1"}
    equal(lab.output(config), "1\n1\n", "values")


@must("config-linux.md, Masked Paths", "masked paths cannot be read")
def masked(lab):
    config = lab.config("cat /proc/version /a/file 2>/dev/null; ls /a/b /other")
    config["linux"]["maskedPaths"] = ["/proc/version", "/a/file", "/other"]
    equal(lab.output(config), "/a/b:\n\n/other:\n", "output")


@must("config-linux.md, Masked Paths", "a masked path that does not exist is no matter", "SHOULD")
def masked_missing(lab):
    config = lab.config("echo ran")
    config["linux"]["maskedPaths"] = ["/proc/no-such-file"]
    equal(lab.output(config), "ran\n", "output")


@must("config-linux.md, Readonly Paths", "read-only paths cannot be written")
def readonly(lab):
    config = lab.config("touch /a/file 2>/dev/null && echo wrote; touch /other/x && echo free")
    config["root"]["readonly"] = False
    config["linux"]["readonlyPaths"] = ["/a"]
    equal(lab.output(config, own_root=True), "free\n", "output")


for key in ("maskedPaths", "readonlyPaths"):
    @must(f"config-linux.md, {key}", "paths must be absolute")
    def absolute(lab, field=key):
        config = lab.config("true")
        config["linux"][field] = ["a/file"]
        lab.refused(config, "a relative path")


def propagation(word, found):
    @must("config-linux.md, Rootfs Mount Propagation", f"{word} is set")
    def is_set(lab):
        config = lab.config("grep ' / / \\| / ' /proc/self/mountinfo | head -n 1")
        config["linux"]["rootfsPropagation"] = word
        # Only one that is shared can be a slave: "slave" of a private mount is private.
        row = lab.output(config).split(" - ")[0]
        fields = [field.split(":")[0] for field in row.split()[6:]]
        if found:
            demand(found in fields, f"{found} is not in {fields}")
        else:
            demand("shared" not in fields, f"it is shared: {fields}")


for which, flag in (("shared", "shared"), ("slave", None), ("private", None),
                    ("unbindable", "unbindable")):
    propagation(which, flag)


@must("config-linux.md, Rootfs Mount Propagation", "an unknown word is an error")
def propagation_unknown(lab):
    config = lab.config("true")
    config["linux"]["rootfsPropagation"] = "fun"
    lab.refused(config, "'fun'")


@must("config-linux.md, Personality", "LINUX32 shows a 32 bit machine")
def personality(lab):
    if os.uname().machine != "x86_64":
        raise NotHere("no x86_64")
    config = lab.config("uname -m")
    config["linux"]["personality"] = {"domain": "LINUX32"}
    equal(lab.output(config), "i686\n", "machine")


@must("config-linux.md, Personality", "an unknown domain is an error")
def personality_unknown(lab):
    config = lab.config("true")
    config["linux"]["personality"] = {"domain": "FUN"}
    lab.refused(config, "the domain 'FUN'")


@must("config-linux.md, IntelRdt", "intelRdt without a resctrl file system is an error")
def intel_rdt(lab):
    with open("/proc/mounts", encoding="utf-8") as file:
        if " resctrl " in file.read():
            raise NotHere("there is one")
    config = lab.config("true")
    config["linux"]["intelRdt"] = {"closID": "x", "l3CacheSchema": "L3:0=f"}
    lab.refused(config, "intelRdt")


@must("config-linux.md, Mount Label", "an SELinux label that cannot be applied is an error or "
      "ignored on a host without SELinux", "SHOULD")
def mount_label(lab):
    if os.path.exists("/sys/fs/selinux/enforce"):
        raise NotHere("this host has SELinux")
    config = lab.config("echo ran")
    config["linux"]["mountLabel"] = "system_u:object_r:svirt_sandbox_file_t:s0"
    try:
        equal(lab.output(config), "ran\n", "output")
    except Failed as failed:
        demand("label" in str(failed).lower() or "selinux" in str(failed).lower(), str(failed))

# SPDX-License-Identifier: Apache-2.0
"""config-linux.md, Control groups."""
import os

from validate.harness import (NotHere, cgroup_directories, cgroup_file, demand, equal, must)

PATHS, LIMITS = "config-linux.md, Cgroups Path", "config-linux.md, Control groups"
SLEEP = "exec sleep 1000"


def is_v1():
    return not os.path.exists("/sys/fs/cgroup/cgroup.procs")


def limited(lab, resources, script=SLEEP):
    config = lab.config(script)
    config["linux"]["cgroupsPath"] = f"/{lab.prefix}-{next(lab.numbers)}"
    config["linux"]["resources"].update(resources)
    return config, config["linux"]["cgroupsPath"]


def expect(lab, resources, values):
    """The container's cgroup files hold the values: (v1 file, v1 value, v2 file, v2 value)."""
    config, path = limited(lab, resources)
    lab.created(config)
    for v1_file, v1_value, v2_file, v2_value in values:
        name, wanted = (v1_file, v1_value) if is_v1() else (v2_file, v2_value)
        found = cgroup_file(path, name)
        if found is None:
            raise NotHere(f"no hierarchy has {name}")
        equal(" ".join(found.split()), wanted, name)


@must(PATHS, "an absolute path is relative to the mount point of the hierarchy")
def absolute_path(lab):
    config, path = limited(lab, {})
    container = lab.created(config)
    found = cgroup_directories(path)
    demand(found, f"no hierarchy has {path}")
    for directory in found:
        with open(os.path.join(directory, "cgroup.procs"), encoding="ascii") as file:
            demand(str(container.pid) in file.read().split(), f"not in {directory}")


@must(PATHS, "the process is in that cgroup of every hierarchy")
def every_hierarchy(lab):
    config, path = limited(lab, {})
    container = lab.created(config)
    with open(f"/proc/{container.pid}/cgroup", encoding="utf-8") as file:
        rows = [line.strip().split(":", 2) for line in file]
    # Those that a runtime manages.
    for _, names, where in rows:
        if set(names.split(",")) & {"memory", "cpu", "pids", "cpuset", "devices", "freezer"}:
            equal(where, path, names)


@must(PATHS, "the same path means the same place again, relative ones too")
def consistent(lab):
    config = lab.config(SLEEP)
    config["linux"]["cgroupsPath"] = f"{lab.prefix}-relative"
    places = []
    for _ in range(2):
        container = lab.created(config)
        with open(f"/proc/{container.pid}/cgroup", encoding="utf-8") as file:
            places.append(file.read())
        container.kill()
        container.wait()
        demand(container.delete().ok, "delete failed")
    equal(places[0], places[1], "places")


@must(PATHS, "without a path the container has a cgroup of its own", "SHOULD")
def no_path(lab):
    container = lab.created(lab.config(SLEEP))
    with open(f"/proc/{container.pid}/cgroup", encoding="utf-8") as theirs, \
            open("/proc/self/cgroup", encoding="utf-8") as ours:
        demand(theirs.read() != ours.read(), "it is in ours")


@must(LIMITS, "memory.limit")
def memory_limit(lab):
    expect(lab, {"memory": {"limit": 64 << 20}},
           [("memory.limit_in_bytes", str(64 << 20), "memory.max", str(64 << 20))])


@must(LIMITS, "memory.reservation")
def memory_reservation(lab):
    expect(lab, {"memory": {"reservation": 32 << 20}},
           [("memory.soft_limit_in_bytes", str(32 << 20), "memory.low", str(32 << 20))])


@must(LIMITS, "memory.swap is memory and swap together")
def memory_swap(lab):
    expect(lab, {"memory": {"limit": 64 << 20, "swap": 96 << 20}},
           [("memory.memsw.limit_in_bytes", str(96 << 20), "memory.swap.max", str(32 << 20))])


@must(LIMITS, "memory.swap below memory.limit is an error")
def memory_swap_below(lab):
    config, _ = limited(lab, {"memory": {"limit": 64 << 20, "swap": 32 << 20}})
    lab.refused(config, "swap below limit")


@must(LIMITS, "memory.swappiness")
def memory_swappiness(lab):
    if not is_v1():
        raise NotHere("v2 has none")
    expect(lab, {"memory": {"swappiness": 7}}, [("memory.swappiness", "7", "", "")])


@must(LIMITS, "cpu.shares")
def cpu_shares(lab):
    expect(lab, {"cpu": {"shares": 512}}, [("cpu.shares", "512", "cpu.weight", "59")])


@must(LIMITS, "cpu.quota and cpu.period")
def cpu_quota(lab):
    expect(lab, {"cpu": {"quota": 20000, "period": 50000}},
           [("cpu.cfs_quota_us", "20000", "cpu.max", "20000 50000"),
            ("cpu.cfs_period_us", "50000", "cpu.max", "20000 50000")])


@must(LIMITS, "cpu.burst")
def cpu_burst(lab):
    expect(lab, {"cpu": {"quota": 20000, "period": 50000, "burst": 1000}},
           [("cpu.cfs_burst_us", "1000", "cpu.max.burst", "1000")])


@must(LIMITS, "cpu.idle")
def cpu_idle(lab):
    expect(lab, {"cpu": {"idle": 1}}, [("cpu.idle", "1", "cpu.idle", "1")])


@must(LIMITS, "cpu.cpus and cpu.mems")
def cpuset(lab):
    expect(lab, {"cpu": {"cpus": "0", "mems": "0"}},
           [("cpuset.cpus", "0", "cpuset.cpus", "0"), ("cpuset.mems", "0", "cpuset.mems", "0")])


@must(LIMITS, "cpu.cpus that do not exist are an error")
def cpuset_missing(lab):
    config, _ = limited(lab, {"cpu": {"cpus": "9999"}})
    lab.refused(config, "CPU 9999")


@must(LIMITS, "pids.limit")
def pids_limit(lab):
    expect(lab, {"pids": {"limit": 40}}, [("pids.max", "40", "pids.max", "40")])


@must(LIMITS, "pids.limit of -1 is no limit")
def pids_unlimited(lab):
    expect(lab, {"pids": {"limit": -1}}, [("pids.max", "max", "pids.max", "max")])


def a_disk():
    for name in sorted(os.listdir("/sys/block")):
        with open(f"/sys/block/{name}/dev", encoding="ascii") as file:
            numbers = file.read().strip()
        with open(f"/sys/block/{name}/size", encoding="ascii") as file:
            if int(file.read()):
                return numbers
    raise NotHere("no disk")


def throttle(key, v1_file, v2_key):
    @must(LIMITS, f"blockIO.{key}")
    def throttled(lab):
        disk = a_disk()
        major, minor = map(int, disk.split(":"))
        config, path = limited(lab, {"blockIO": {
            key: [{"major": major, "minor": minor, "rate": 1048576}]}})
        lab.created(config)
        found = cgroup_file(path, v1_file if is_v1() else "io.max")
        if found is None:
            raise NotHere("no hierarchy limits I/O")
        wanted = f"{disk} 1048576" if is_v1() else f"{v2_key}=1048576"
        demand(wanted in found, f"'{wanted}' is not in {found!r}")


for which in (("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
              ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
              ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
              ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops")):
    throttle(*which)


@must(LIMITS, "hugepageLimits")
def hugepages(lab):
    if not any(os.path.isdir(p) for p in ("/sys/fs/cgroup/hugetlb",)) and is_v1():
        raise NotHere("no hierarchy limits huge pages")
    expect(lab, {"hugepageLimits": [{"pageSize": "2MB", "limit": 2 << 20}]},
           [("hugetlb.2MB.limit_in_bytes", str(2 << 20), "hugetlb.2MB.max", str(2 << 20))])


@must(LIMITS, "hugepageLimits that no controller can hold are an error")
def hugepages_missing(lab):
    config, _ = limited(lab, {"hugepageLimits": [{"pageSize": "3MB", "limit": 3 << 20}]})
    lab.refused(config, "pages of 3 MB")


def try_device(lab, *rules):
    """Whether /dev/fuse can be opened, a device that needs no other right."""
    if not os.path.exists("/dev/fuse"):
        raise NotHere("no /dev/fuse")
    config, _ = limited(lab, {"devices": [{"allow": False, "access": "rwm"}, *rules]},
                        "true 2>/dev/null <>/dev/mine && echo opened; true")
    config["linux"]["devices"] = [{"path": "/dev/mine", "type": "c", "major": 10, "minor": 229}]
    return lab.output(config) != ""


FUSE = {"type": "c", "major": 10, "minor": 229, "access": "rwm"}


@must(LIMITS, "devices: what is denied cannot be used")
def device_denied(lab):
    demand(not try_device(lab), "it could be opened")


@must(LIMITS, "devices: what is allowed can be used")
def device_allowed(lab):
    demand(try_device(lab, {"allow": True, **FUSE}), "it could not be opened")


@must(LIMITS, "devices: entries are applied in the listed order")
def device_order(lab):
    demand(not try_device(lab, {"allow": True, **FUSE}, {"allow": False, **FUSE}),
           "it could be opened after allow, deny")


@must(LIMITS, "devices: an unknown type is an error")
def device_unknown(lab):
    config, _ = limited(lab, {"devices": [{"allow": True, "type": "x"}]})
    lab.refused(config, "the type 'x'")


@must("config-linux.md, Unified", "a controller that is not there is an error")
def unified_missing(lab):
    config, _ = limited(lab, {"unified": {"nonesuch.max": "1"}})
    lab.refused(config, "nonesuch.max")


@must("config-linux.md, Unified", "what is unknown to the runtime is written to its file")
def unified_written(lab):
    if is_v1():
        raise NotHere("the controllers are v1's")
    expect(lab, {"unified": {"memory.high": "67108864"}}, [("", "", "memory.high", "67108864")])

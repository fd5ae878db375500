# SPDX-License-Identifier: Apache-2.0
"""runtime.md: state, lifecycle, operations."""
import json
import os
import re

from validate.harness import (cgroup_directories, demand, equal, must, namespace)

STATE, LIFE, OPS = "runtime.md, State", "runtime.md, Lifecycle", "runtime.md, Operations"
SEMVER = re.compile(r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")
SLEEP = "exec sleep 1000"


@must(STATE, "ociVersion is the version of the specification, as SemVer")
def state_version(lab):
    demand(SEMVER.match(lab.created(lab.config(SLEEP)).state()["ociVersion"]), "is no version")


@must(STATE, "id is the container's")
def state_id(lab):
    container = lab.created(lab.config(SLEEP))
    equal(container.state()["id"], container.name, "id")


@must(STATE, "status is created after create")
def state_created(lab):
    equal(lab.created(lab.config(SLEEP)).status(), "created", "status")


@must(STATE, "status is running after start")
def state_running(lab):
    container = lab.created(lab.config(SLEEP))
    container.started()
    equal(container.status(), "running", "status")


@must(STATE, "status is stopped when the process has ended")
def state_stopped(lab):
    container = lab.created(lab.config("true"))
    container.started()
    container.wait()
    equal(container.status(), "stopped", "status")


@must(STATE, "pid is the container process's while it is created")
def state_pid_created(lab):
    container = lab.created(lab.config(SLEEP))
    equal(container.state()["pid"], container.pid, "pid")


@must(STATE, "pid is the container process's while it is running")
def state_pid_running(lab):
    container = lab.created(lab.config(SLEEP))
    container.started()
    pid = container.state()["pid"]
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        demand(file.read().strip() in ("sh", "sleep"), "another process has that pid")


@must(STATE, "bundle is the bundle's absolute path")
def state_bundle(lab):
    container = lab.created(lab.config(SLEEP))
    equal(container.state()["bundle"], container.bundle, "bundle")


@must(STATE, "annotations are the configuration's")
def state_annotations(lab):
    config = lab.config(SLEEP)
    wanted = {"org.example.key": "value", "org.example.a=b": "c=d", "org.example.none": ""}
    config["annotations"] = wanted
    found = lab.created(config).state().get("annotations", {})
    equal({key: found.get(key) for key in wanted}, wanted, "annotations")


@must(STATE, "the fields have the types of the schema")
def state_types(lab):
    state = lab.created(lab.config(SLEEP)).state()
    for key, kind in (("ociVersion", str), ("id", str), ("status", str), ("pid", int),
                      ("bundle", str)):
        demand(isinstance(state[key], kind), f"{key} is {state[key]!r}")


@must(LIFE, "create does not run the program")
def create_runs_nothing(lab):
    container = lab.created(lab.config("echo ran; " + SLEEP))
    equal(container.output(), "", "output after create")
    container.started()
    container.await_output("ran")


@must(LIFE, "changes of config.json after create do not matter")
def config_is_copied(lab):
    container = lab.created(lab.config("echo first"))
    with open(os.path.join(container.bundle, "config.json"), "w", encoding="ascii") as file:
        json.dump(lab.config("echo second"), file)
    container.started()
    container.wait()
    equal(container.output(), "first\n", "output")


@must(LIFE, "an environment that cannot be made is an error, and leaves nothing")
def create_fails_whole(lab):
    config = lab.config("true")
    path = f"/{lab.prefix}-fail"
    config["linux"]["cgroupsPath"] = path
    config["mounts"].append({"destination": "/mnt", "type": "no-such-filesystem",
                             "source": "none"})
    lab.refused(config, "a mount of an unknown type")
    equal(cgroup_directories(path), [], "cgroups that are left")


@must(LIFE, "after delete what create made is gone")
def delete_undoes(lab):
    config = lab.config("true")
    path = f"/{lab.prefix}-gone"
    config["linux"]["cgroupsPath"] = path
    container = lab.created(config)
    demand(cgroup_directories(path), "there is no cgroup of the container")
    container.started()
    container.wait()
    demand(container.delete().ok, "delete failed")
    equal(cgroup_directories(path), [], "cgroups that are left")
    demand(not container.state_text().ok, "the container still exists")
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        demand(container.bundle not in file.read(), "a mount is left")


@must(OPS, "state without an id is an error")
def state_without_id(lab):
    demand(not lab.call("state").ok, "accepted")


@must(OPS, "state of a container that does not exist is an error")
def state_of_nothing(lab):
    demand(not lab.call("state", lab.new_id()).ok, "accepted")


@must(OPS, "create without an id is an error")
def create_without_id(lab):
    demand(not lab.call("create", "--bundle", lab.bundle(lab.config("true"))).ok, "accepted")


@must(OPS, "create without a bundle is an error")
def create_without_bundle(lab):
    empty = lab.path("empty")
    os.makedirs(empty)
    demand(not lab.call("create", lab.new_id(), cwd=empty).ok, "accepted")


@must(OPS, "create with an id that is taken is an error")
def create_twice(lab):
    container = lab.created(lab.config(SLEEP))
    demand(not lab.call("create", "--bundle", container.bundle, container.name).ok, "accepted")


@must(OPS, "create with an id that is taken leaves the container that has it")
def create_twice_leaves(lab):
    container = lab.created(lab.config("echo ran"))
    lab.call("create", "--bundle", container.bundle, container.name)
    equal(container.status(), "created", "status")
    container.started()
    container.wait()
    equal(container.output(), "ran\n", "output")


@must(OPS, "create with an id that is no valid one is an error")
def create_invalid_id(lab):
    bundle = lab.bundle(lab.config("true"))
    for name in ("", "../x", "a/b", "a b"):
        demand(not lab.call("create", "--bundle", bundle, name).ok, f"accepted {name!r}")


@must(OPS, "create makes a new container, and applies all but the process")
def create_applies(lab):
    config = lab.config("hostname")
    config["hostname"] = "applied"
    container = lab.created(config)
    for kind in ("pid", "net", "ipc", "uts", "mnt"):
        demand(namespace(container.pid, kind) != namespace("self", kind),
               f"the {kind} namespace is ours")


@must(OPS, "a property that cannot be applied is an error, and no container is there")
def create_unapplicable(lab):
    config = lab.config("true")
    config["linux"]["sysctl"] = {"net.no_such_value": "1"}
    lab.refused(config, "a kernel value that does not exist")


@must(OPS, "start without an id is an error")
def start_without_id(lab):
    demand(not lab.call("start").ok, "accepted")


@must(OPS, "start of a container that does not exist is an error")
def start_nothing(lab):
    demand(not lab.call("start", lab.new_id()).ok, "accepted")


@must(OPS, "start of a running container is an error, and changes nothing")
def start_twice(lab):
    container = lab.created(lab.config("echo ran; " + SLEEP))
    container.started()
    container.await_output("ran")
    demand(not container.start().ok, "accepted")
    equal(container.status(), "running", "status")
    equal(container.output(), "ran\n", "output")


@must(OPS, "start of a stopped container is an error, and changes nothing")
def start_stopped(lab):
    container = lab.created(lab.config("echo ran"))
    container.started()
    container.wait()
    demand(not container.start().ok, "accepted")
    equal(container.status(), "stopped", "status")
    equal(container.output(), "ran\n", "output")


@must(OPS, "start runs the program")
def start_runs(lab):
    equal(lab.output(lab.config("echo ran")), "ran\n", "output")


@must(OPS, "start without a process is an error")
def start_without_process(lab):
    config = lab.config("true")
    del config["process"]
    lab.refused(config, "start without a process")


@must(OPS, "kill without an id is an error")
def kill_without_id(lab):
    demand(not lab.call("kill").ok, "accepted")


@must(OPS, "kill of a container that does not exist is an error")
def kill_nothing(lab):
    demand(not lab.call("kill", lab.new_id(), "KILL").ok, "accepted")


@must(OPS, "kill of a stopped container is an error")
def kill_stopped(lab):
    container = lab.created(lab.config("true"))
    container.started()
    container.wait()
    demand(not container.kill().ok, "accepted")
    equal(container.status(), "stopped", "status")


@must(OPS, "kill sends the signal to the container process")
def kill_signals(lab):
    container = lab.created(lab.config(
        "trap 'echo USR1; exit 3' USR1; echo ready; while :; do sleep 0.01; done"))
    container.started()
    container.await_output("ready")
    demand(container.kill("USR1").ok, "kill failed")
    equal(container.wait(), 3, "exit status")
    demand("USR1" in container.output(), "the signal was not seen")


@must(OPS, "kill reaches a container that was only created")
def kill_created(lab):
    container = lab.created(lab.config(SLEEP))
    demand(container.kill("KILL").ok, "kill failed")
    container.wait()
    equal(container.status(), "stopped", "status")


@must(OPS, "kill takes a number for the signal", "SHOULD")
def kill_number(lab):
    container = lab.created(lab.config(SLEEP))
    container.started()
    demand(container.kill(9).ok, "kill failed")
    equal(container.wait(), -9, "exit status")


@must(OPS, "delete without an id is an error")
def delete_without_id(lab):
    demand(not lab.call("delete").ok, "accepted")


@must(OPS, "delete of a container that does not exist is an error")
def delete_nothing(lab):
    demand(not lab.call("delete", lab.new_id()).ok, "accepted")


@must(OPS, "delete of a running container is an error, and changes nothing")
def delete_running(lab):
    container = lab.created(lab.config(SLEEP))
    container.started()
    demand(not lab.call("delete", container.name).ok, "accepted")
    equal(container.status(), "running", "status")


@must(OPS, "what the container did not make is not deleted")
def delete_keeps_others(lab):
    source = lab.path("source")
    os.makedirs(source)
    config = lab.config("true")
    config["mounts"].append({"destination": "/mnt", "type": "bind", "source": source,
                             "options": ["bind"]})
    bundle = lab.bundle(config, own_root=True)
    lab.output(bundle)
    demand(os.path.isdir(source), "a bound directory is gone")
    demand(os.path.isdir(os.path.join(bundle, "rootfs/bin")), "the root is gone")


@must(OPS, "the id may be used again after delete")
def id_again(lab):
    container = lab.created(lab.config("true"))
    container.started()
    container.wait()
    demand(container.delete().ok, "delete failed")
    lab.created(lab.config("true"), name=container.name)

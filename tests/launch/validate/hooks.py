# SPDX-License-Identifier: Apache-2.0
"""config.md, POSIX-platform Hooks; the stages in runtime.md, Lifecycle."""
import json
import os

from validate.harness import Failed, demand, equal, must, namespace, write_script

HOOKS = "config.md, POSIX-platform Hooks"
STAGES = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart",
          "poststop")
INSIDE = ("startContainer",)


class Recorder:
    """A configuration whose hooks note what they find, in the order they run."""

    def __init__(self, lab, stages, script="exec sleep 1000", each="true"):
        self.lab = lab
        self.calls = lab.path("calls")
        os.makedirs(self.calls)
        self.config = lab.config(script)
        # The record must be reachable from inside the container, too.
        self.config["mounts"].append({"destination": "/mnt", "type": "bind",
                                      "source": self.calls, "options": ["bind"]})
        hook = os.path.join(self.calls, "hook")
        write_script(hook, f"""cd "$1" || exit 1
cat >state-$2
readlink /proc/self/ns/mnt >mnt-$2
readlink /proc/self/root >root-$2 2>/dev/null
env >env-$2
echo $2 >>order
{each}
""")
        self.config["hooks"] = {stage: [self.hook(stage)] for stage in stages}

    def hook(self, stage, name=None):
        inside = stage in INSIDE
        directory = "/mnt" if inside else self.calls
        return {"path": os.path.join(directory, "hook"),
                "args": ["hook", directory, name or stage], "env": ["PATH=/bin:/usr/bin", "A=b"]}

    def read(self, name):
        try:
            with open(os.path.join(self.calls, name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def order(self):
        return self.read("order").split()

    def live(self):
        container = self.lab.created(self.config)
        container.started()
        container.kill()
        container.wait()
        demand(container.delete().ok, "delete failed")


def add(stage, operation):
    @must(HOOKS, f"{stage} hooks are called by {operation}")
    def called(lab):
        record = Recorder(lab, [stage])
        container = lab.created(record.config)
        equal(record.order(), [stage] if operation == "create" else [], "after create")
        container.started()
        equal(record.order(), [stage] if operation != "delete" else [], "after start")
        container.kill()
        container.wait()
        demand(container.delete().ok, "delete failed")
        equal(record.order(), [stage], "after delete")
    called.__name__ = f"{stage}_called"


for which, when in zip(STAGES, ("create",) * 3 + ("start",) * 2 + ("delete",)):
    add(which, when)


@must(HOOKS, "the stages come in their order: prestart, createRuntime, createContainer, "
      "startContainer, poststart, poststop")
def stage_order(lab):
    record = Recorder(lab, STAGES)
    record.live()
    equal(record.order(), list(STAGES), "order")


@must(HOOKS, "hooks of a stage are called in the listed order")
def listed_order(lab):
    record = Recorder(lab, [])
    record.config["hooks"] = {"createRuntime": [
        record.hook("createRuntime", name) for name in ("one", "two", "three")]}
    record.live()
    equal(record.order(), ["one", "two", "three"], "order")


@must(HOOKS, "the state is passed to each hook over stdin")
def state_on_stdin(lab):
    record = Recorder(lab, STAGES)
    record.live()
    for stage in STAGES:
        text = record.read(f"state-{stage}")
        try:
            state = json.loads(text)
        except ValueError as error:
            raise Failed(f"{stage}: {text!r} is no JSON") from error
        for key in ("ociVersion", "id", "status", "bundle"):
            demand(key in state, f"{stage}: no {key}")


@must(HOOKS, "createRuntime hooks find the pid of the container's process")
def pid_in_state(lab):
    record = Recorder(lab, ["createRuntime"])
    container = lab.created(record.config)
    equal(json.loads(record.read("state-createRuntime"))["pid"], container.pid, "pid")


for which in ("prestart", "createRuntime", "poststart", "poststop"):
    @must(HOOKS, f"{which} hooks are executed in the runtime namespace")
    def in_runtime(lab, stage=which):
        record = Recorder(lab, [stage])
        record.live()
        equal(record.read(f"mnt-{stage}").strip(), namespace("self", "mnt"), "mount namespace")


@must(HOOKS, "createContainer hooks are executed in the container namespace")
def create_container_inside(lab):
    record = Recorder(lab, ["createContainer"])
    container = lab.created(record.config)
    equal(record.read("mnt-createContainer").strip(), namespace(container.pid, "mnt"),
          "mount namespace")


@must(HOOKS, "createContainer hooks are called before the root is changed: paths of the "
      "runtime namespace are there")
def create_container_paths(lab):
    record = Recorder(lab, ["createContainer"], each=f"[ -d {os.getcwd()} ] && echo yes >seen")
    lab.created(record.config)
    equal(record.read("seen"), "yes\n", "a directory of the host is seen")


@must(HOOKS, "startContainer hooks are executed in the container namespace, in its root")
def start_container_inside(lab):
    record = Recorder(lab, ["startContainer"], each="[ -d /other ] && echo yes >seen")
    container = lab.created(record.config)
    container.started()
    equal(record.read("mnt-startContainer").strip(), namespace(container.pid, "mnt"),
          "mount namespace")
    equal(record.read("seen"), "yes\n", "the container's root is seen")


@must(HOOKS, "startContainer hooks are called before the program")
def start_container_first(lab):
    record = Recorder(lab, ["startContainer"], "cat /mnt/order")
    equal(lab.output(record.config), "startContainer\n", "what the program finds")


@must(HOOKS, "poststart hooks are called after the program is executed")
def poststart_after(lab):
    record = Recorder(lab, ["poststart"], each="""
pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' state-poststart | tr -dc 0-9)
cat /proc/$pid/comm >comm""")
    lab.created(record.config).started()
    demand(record.read("comm").strip() in ("sh", "sleep"),
           f"the container's process then: {record.read('comm')!r}")


@must(HOOKS, "poststop hooks are called after the container is deleted")
def poststop_after(lab):
    record = Recorder(lab, ["poststop"])
    record.live()
    equal(json.loads(record.read("state-poststop"))["status"], "stopped", "status")


def fails(stage):
    @must("runtime.md, Lifecycle",
          f"a {stage} hook that fails is an error, and stops the container")
    def failing(lab):
        record = Recorder(lab, [stage, "poststop"], "echo ran", each=f"[ $2 != {stage} ]")
        container = lab.create(record.config)
        if stage == "startContainer":
            demand(container.ok, f"create failed: {container.err}")
            demand(not container.start().ok, "start did not fail")
            container.wait()
            equal(container.output(), "", "output of the program")
            demand(container.delete("--force").ok, "delete failed")
        else:
            demand(not container.ok, "create did not fail")
            demand(not container.state_text().ok, "the container exists")


for which in ("prestart", "createRuntime", "createContainer", "startContainer"):
    fails(which)


@must("runtime.md, Lifecycle", "a poststart hook that fails: a warning and the container goes on "
      "(1.2), or an error and it is stopped (1.3)")
def poststart_fails(lab):
    record = Recorder(lab, ["poststart"], each="false")
    container = lab.created(record.config)
    done = container.start()
    if done.ok:
        equal(container.status(), "running", "status")
        demand(done.err.strip(), "no warning")
    else:
        container.wait()
        equal(container.status(), "stopped", "status")


@must("runtime.md, Lifecycle", "a poststop hook that fails is a warning; the others are called, "
      "and the container is deleted")
def poststop_fails(lab):
    record = Recorder(lab, [], each="[ $2 != one ]")
    record.config["hooks"] = {"poststop": [record.hook("poststop", name)
                                           for name in ("one", "two")]}
    container = lab.created(record.config)
    container.started()
    container.kill()
    container.wait()
    done = container.delete()
    demand(done.ok, "delete failed")
    demand(done.err.strip(), "no warning")
    demand(not container.state_text().ok, "the container exists")
    equal(record.order(), ["one", "two"], "hooks that were called")


@must(HOOKS, "a hook's path must be absolute")
def absolute_path(lab):
    record = Recorder(lab, ["createRuntime"])
    record.config["hooks"]["createRuntime"][0]["path"] = "bin/true"
    lab.refused(record.config, "a relative path")


@must(HOOKS, "a hook's timeout must be greater than zero")
def positive_timeout(lab):
    record = Recorder(lab, ["createRuntime"])
    record.config["hooks"]["createRuntime"][0]["timeout"] = -1
    lab.refused(record.config, "a timeout of -1")


@must(HOOKS, "a hook is aborted when its timeout is over")
def timeout(lab):
    record = Recorder(lab, ["createRuntime"], each="exec sleep 1000")
    record.config["hooks"]["createRuntime"][0]["timeout"] = 1
    lab.refused(record.config, "a hook that hangs")


@must(HOOKS, "a hook has the environment that is given, and no other")
def environment(lab):
    record = Recorder(lab, ["createRuntime"])
    os.environ["NACRE_VALIDATE"] = "1"
    try:
        lab.created(record.config)
    finally:
        del os.environ["NACRE_VALIDATE"]
    found = record.read("env-createRuntime").split("\n")
    demand("A=b" in found, "a variable is missing")
    demand("NACRE_VALIDATE=1" not in found, "a variable of ours is there")

# SPDX-License-Identifier: Apache-2.0
"""config.md, Process; config-linux.md, Default File Systems; runtime-linux.md."""
import os
import resource
import socket

from validate.harness import demand, equal, must

PROCESS, POSIX = "config.md, Process", "config.md, POSIX process"
LINUX, USER = "config.md, Linux Process", "config.md, POSIX-platform User"
ALL_LIMITS = ("AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE",
              "NOFILE", "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK")


@must(PROCESS, "cwd is required")
def cwd_required(lab):
    config = lab.config("true")
    del config["process"]["cwd"]
    lab.refused(config, "no cwd")


@must(PROCESS, "cwd must be absolute")
def cwd_absolute(lab):
    config = lab.config("true")
    config["process"]["cwd"] = "tmp"
    lab.refused(config, "cwd 'tmp'")


@must(PROCESS, "cwd is the working directory")
def cwd_applied(lab):
    config = lab.config("pwd")
    config["process"]["cwd"] = "/a/b"
    equal(lab.output(config), "/a/b\n", "directory")


@must(PROCESS, "env is the environment")
def env_applied(lab):
    config = lab.config("env")
    config["process"]["env"] = ["PATH=/bin", "EMPTY=", "TEXT=a b=c"]
    found = lab.output(config).split("\n")
    for variable in ("EMPTY=", "TEXT=a b=c"):
        demand(variable in found, f"no {variable}")


@must(PROCESS, "the runtime's own environment is not the program's")
def env_not_inherited(lab):
    os.environ["NACRE_VALIDATE"] = "1"
    try:
        demand("NACRE_VALIDATE" not in lab.output(lab.config("env")), "a variable of ours is there")
    finally:
        del os.environ["NACRE_VALIDATE"]


@must(POSIX, "args needs at least one entry")
def args_empty(lab):
    config = lab.config("true")
    config["process"]["args"] = []
    lab.refused(config, "no args")


@must(POSIX, "args are the program's, as execvp has them")
def args_applied(lab):
    equal(lab.output(lab.config("printf", "%s|", "a b", "", "c")), "a b||c|", "arguments")


@must(POSIX, "a program that is not there is an error")
def args_missing(lab):
    lab.refused(lab.config("no-such-program", "x"), "a program that does not exist")


@must(PROCESS, "consoleSize is ignored without a terminal")
def console_size_ignored(lab):
    config = lab.config("echo ran")
    config["process"]["consoleSize"] = {"height": 10, "width": 20}
    equal(lab.output(config), "ran\n", "output")


@must(PROCESS, "with terminal the program has one, of the size that is given; it comes over "
      "the console socket")
def terminal(lab):
    config = lab.config("stty size; tty; ls -l /dev/console | cut -c1; exec sleep 1000")
    config["process"]["terminal"] = True
    config["process"]["consoleSize"] = {"height": 10, "width": 20}
    path = os.path.join("/tmp", f"{lab.prefix}.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        try:
            server.listen()
            server.settimeout(20)
            container = lab.created(config, options=("--console-socket", path))
            connection = server.accept()[0]
        finally:
            os.unlink(path)
        fds = socket.recv_fds(connection, 256, 1)[1]
        connection.close()
    demand(len(fds) == 1, "no descriptor came")
    container.started()
    text = b""
    while b"\nc" not in text:
        text += os.read(fds[0], 4096)
    os.close(fds[0])
    demand(b"10 20" in text, f"the size is not 10 20: {text!r}")
    demand(b"/dev/pts/0" in text, f"no terminal of the container's own: {text!r}")


@must(POSIX, "rlimits: soft and hard match")
def rlimits_match(lab):
    config = lab.config("grep 'open files' /proc/self/limits; grep 'core file' /proc/self/limits")
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
                                    {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]
    words = lab.output(config).split()
    equal(words[3:5], ["100", "200"], "open files")
    equal(words[-3:-1], ["0", "4096"], "core file size")


@must(POSIX, "rlimits: every kind that getrlimit knows")
def rlimits_all(lab):
    config = lab.config("cat /proc/self/limits")
    config["process"]["rlimits"] = []
    for kind in ALL_LIMITS:
        limit = resource.getrlimit(getattr(resource, "RLIMIT_" + kind)) \
            if hasattr(resource, "RLIMIT_" + kind) else (0, 0)
        config["process"]["rlimits"].append(
            {"type": "RLIMIT_" + kind, "soft": limit[1] & 0xffffffffffffffff,
             "hard": limit[1] & 0xffffffffffffffff})
    lab.output(config)


@must(POSIX, "rlimits: an unknown type is an error")
def rlimits_unknown(lab):
    config = lab.config("true")
    config["process"]["rlimits"] = [{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}]
    lab.refused(config, "RLIMIT_FUN")


@must(POSIX, "rlimits: a type that is given twice is an error")
def rlimits_twice(lab):
    config = lab.config("true")
    config["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}] * 2
    lab.refused(config, "a duplicate")


def status_field(lab, config, *names):
    config["process"]["args"] = ["sh", "-c", "cat /proc/self/status"]
    rows = dict(line.split(":", 1) for line in lab.output(config).splitlines())
    return [rows[name].strip() for name in names]


@must(LINUX, "capabilities: each of the five sets is what is given")
def capabilities(lab):
    config = lab.config()
    config["process"]["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
        "permitted": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL", "CAP_CHOWN"],
        "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    config["process"]["user"] = {"uid": 1, "gid": 1}
    found = status_field(lab, config, "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")
    # By exec of another user than root the ambient ones alone remain.
    equal([int(text, 16) for text in found], [0x2021, 0x20, 0x20, 0x20, 0x20], "sets")


@must(LINUX, "capabilities: root's are cut down to those that are given")
def capabilities_root(lab):
    found = status_field(lab, lab.config(), "CapBnd", "CapPrm", "CapEff")
    equal({int(text, 16) for text in found}, {1 << 29 | 1 << 5 | 1 << 10}, "sets")


@must(LINUX, "capabilities: one that cannot be granted is a warning")
def capabilities_unknown(lab):
    config = lab.config("echo ran")
    for name in ("bounding", "permitted", "effective"):
        config["process"]["capabilities"][name] = ["CAP_KILL", "CAP_UNKNOWN"]
    equal(lab.output(config), "ran\n", "output")


@must(LINUX, "without capabilities there are none")
def capabilities_none(lab):
    config = lab.config()
    del config["process"]["capabilities"]
    found = status_field(lab, config, "CapPrm", "CapEff")
    equal([int(text, 16) for text in found], [0, 0], "sets")


@must(LINUX, "noNewPrivileges")
def no_new_privs(lab):
    equal(status_field(lab, lab.config(), "NoNewPrivs"), ["1"], "with it")
    config = lab.config()
    config["process"]["noNewPrivileges"] = False
    equal(status_field(lab, config, "NoNewPrivs"), ["0"], "without it")


@must(LINUX, "oomScoreAdj is set")
def oom_score(lab):
    config = lab.config("cat /proc/self/oom_score_adj")
    config["process"]["oomScoreAdj"] = 321
    equal(lab.output(config), "321\n", "value")


@must(LINUX, "oomScoreAdj: without it the value is not changed")
def oom_score_unset(lab):
    with open("/proc/self/oom_score_adj", encoding="ascii") as file:
        ours = file.read()
    equal(lab.output(lab.config("cat /proc/self/oom_score_adj")), ours, "value")


@must(LINUX, "scheduler: the policy and the nice value are set")
def scheduler(lab):
    config = lab.config("cut -d' ' -f19,41 /proc/self/stat")
    config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
    equal(lab.output(config), "5 3\n", "nice value and policy")


@must(LINUX, "scheduler: an unknown policy is an error")
def scheduler_unknown(lab):
    config = lab.config("true")
    config["process"]["scheduler"] = {"policy": "SCHED_FUN"}
    lab.refused(config, "SCHED_FUN")


@must(LINUX, "ioPriority is set")
def io_priority(lab):
    config = lab.config("ionice -p 1")
    config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    demand("prio 6" in lab.output(config), "the priority is another")


@must(LINUX, "ioPriority: an unknown class is an error")
def io_priority_unknown(lab):
    config = lab.config("true")
    config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_FUN", "priority": 1}
    lab.refused(config, "IOPRIO_CLASS_FUN")


@must(LINUX, "apparmorProfile: one that cannot be applied is an error")
def apparmor(lab):
    config = lab.config("true")
    config["process"]["apparmorProfile"] = "no-such-profile"
    lab.refused(config, "an unknown profile")


@must(USER, "uid, gid, additionalGids")
def user(lab):
    config = lab.config("id -u; id -g; id -G")
    config["process"]["user"] = {"uid": 5, "gid": 6, "additionalGids": [7, 8]}
    equal(lab.output(config), "5\n6\n6 7 8\n", "ids")


@must(USER, "umask")
def umask(lab):
    config = lab.config("umask")
    config["process"]["user"] = {"uid": 0, "gid": 0, "umask": 0o27}
    equal(lab.output(config), "0027\n", "umask")


@must("config.md, Hostname", "hostname is the container's")
def hostname(lab):
    config = lab.config("hostname")
    config["hostname"] = "example"
    equal(lab.output(config), "example\n", "hostname")


@must("config.md, Domainname", "domainname is the container's")
def domainname(lab):
    config = lab.config("cat /proc/sys/kernel/domainname")
    config["domainname"] = "example.org"
    equal(lab.output(config), "example.org\n", "domainname")


@must("runtime-linux.md, File descriptors", "only stdin, stdout, stderr are open")
def descriptors(lab):
    with open("/dev/null", encoding="ascii") as extra:
        os.set_inheritable(extra.fileno(), True)
        equal(lab.output(lab.config("ls /proc/self/fd | tr '\\n' ' '")), "0 1 2 3 ",
              "descriptors, the last one of ls")


for link, where in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                    ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")):
    @must("runtime-linux.md, Dev symbolic links", f"/dev/{link} leads to {where}")
    def symlink(lab, name=link, target=where):
        equal(lab.output(lab.config(f"readlink /dev/{name}")), target + "\n", "link")

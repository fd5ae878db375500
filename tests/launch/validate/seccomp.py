# SPDX-License-Identifier: Apache-2.0
"""config-linux.md, Seccomp."""
import json
import os
import socket
import threading

from validate.harness import demand, equal, must

SECCOMP = "config-linux.md, Seccomp"
MKDIR = ["mkdir", "mkdirat"]


def filtered(lab, script, default="SCMP_ACT_ALLOW", rules=(), **more):
    config = lab.config(script)
    config["linux"]["seccomp"] = {"defaultAction": default, "syscalls": list(rules), **more}
    return config


def rule(action="SCMP_ACT_ERRNO", names=None, **more):
    return {"names": names or MKDIR, "action": action, **more}


def try_mkdir(lab, **how):
    return lab.output(filtered(lab, "mkdir /tmp/x 2>&1; true", **how)).split(": ")[-1].strip()


@must(SECCOMP, "defaultAction is required")
def default_required(lab):
    config = filtered(lab, "true")
    del config["linux"]["seccomp"]["defaultAction"]
    lab.refused(config, "no defaultAction")


@must(SECCOMP, "an unknown action is an error")
def action_unknown(lab):
    lab.refused(filtered(lab, "true", "SCMP_ACT_FUN"), "SCMP_ACT_FUN as default")
    lab.refused(filtered(lab, "true", rules=[rule("SCMP_ACT_FUN")]), "SCMP_ACT_FUN")


@must(SECCOMP, "SCMP_ACT_ERRNO answers EPERM by default")
def errno_default(lab):
    equal(try_mkdir(lab, rules=[rule()]), "Operation not permitted", "error")


@must(SECCOMP, "errnoRet is the error that is answered")
def errno_given(lab):
    equal(try_mkdir(lab, rules=[rule(errnoRet=28)]), "No space left on device", "error")


@must(SECCOMP, "defaultErrnoRet is the error of the default action")
def errno_of_default(lab):
    names = [name for name in sorted(os_calls()) if name not in MKDIR]
    equal(try_mkdir(lab, default="SCMP_ACT_ERRNO", defaultErrnoRet=28,
                    rules=[rule("SCMP_ACT_ALLOW", names)]), "No space left on device", "error")


def os_calls():
    """Every call's name: what the shell may need, and more."""
    calls = set()
    for path in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
                 "/usr/include/asm-generic/unistd.h"):
        try:
            with open(path, encoding="ascii") as file:
                calls |= {line.split()[1][5:] for line in file
                          if line.startswith("#define __NR_") and len(line.split()) > 2}
        except OSError:
            continue
    return calls or {
        "read", "write", "open", "openat", "close", "stat", "fstat", "lstat", "newfstatat", "mmap",
        "mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "ioctl",
        "access", "execve", "exit", "exit_group", "wait4", "fork", "vfork", "clone", "clone3",
        "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "arch_prctl", "fcntl",
        "dup2", "umask", "readlink", "prctl", "set_tid_address", "set_robust_list", "rseq",
        "prlimit64", "getrandom", "setuid", "setgid", "chdir", "getcwd", "capset", "capget",
        "futex", "close_range", "chmod", "uname", "statx", "poll", "sendmsg", "recvmsg"}


@must(SECCOMP, "errnoRet with an action that takes none is an error")
def errno_useless(lab):
    lab.refused(filtered(lab, "true", rules=[rule("SCMP_ACT_KILL", errnoRet=1)]),
                "errnoRet with SCMP_ACT_KILL")


@must(SECCOMP, "defaultErrnoRet with an action that takes none is an error")
def default_errno_useless(lab):
    lab.refused(filtered(lab, "true", defaultErrnoRet=1), "defaultErrnoRet with SCMP_ACT_ALLOW")


def ends(action, signals):
    @must(SECCOMP, f"{action} ends the program")
    def killed(lab):
        container = lab.created(filtered(lab, "exec mkdir /tmp/x", rules=[rule(action)]))
        container.started()
        demand(container.wait() in signals, "it was not ended by a signal")


for which in ("SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"):
    ends(which, (-31, 159))


@must(SECCOMP, "SCMP_ACT_LOG lets the call through")
def log(lab):
    equal(try_mkdir(lab, rules=[rule("SCMP_ACT_LOG")]), "", "error")


@must(SECCOMP, "SCMP_ACT_TRACE without a tracer answers ENOSYS")
def trace(lab):
    equal(try_mkdir(lab, rules=[rule("SCMP_ACT_TRACE")]), "Function not implemented", "error")


@must(SECCOMP, "a rule's names must not be empty")
def names_empty(lab):
    config = filtered(lab, "true")
    config["linux"]["seccomp"]["syscalls"] = [{"names": [], "action": "SCMP_ACT_ERRNO"}]
    lab.refused(config, "no names")


@must(SECCOMP, "a call that is unknown here is no matter", "SHOULD")
def name_unknown(lab):
    equal(try_mkdir(lab, rules=[rule(names=["no_such_call"])]), "", "error")


def compares(op, value, two, hit):
    @must(SECCOMP, f"the operator {op}")
    def compared(lab):
        # mkdir's mode is its second argument: 0700 and 0770 by the shell's words.
        arg = {"index": 1, "value": value, "op": op}
        if two is not None:
            arg["valueTwo"] = two
        config = filtered(lab, "mkdir -m 700 /tmp/a; mkdir -m 770 /tmp/b; ls /tmp",
                          rules=[{"names": ["chmod"], "action": "SCMP_ACT_ERRNO",
                                  "args": [arg]}])
        config["process"]["args"][2] = (
            "touch /tmp/a /tmp/b; chmod 700 /tmp/a 2>/dev/null && echo 700; "
            "chmod 770 /tmp/b 2>/dev/null && echo 770; true")
        found = [int(mode, 8) for mode in lab.output(config).split()]
        equal([mode for mode in (0o700, 0o770) if mode not in found], hit, "modes that were refused")


for which in (("SCMP_CMP_EQ", 0o700, None, [0o700]), ("SCMP_CMP_NE", 0o700, None, [0o770]),
              ("SCMP_CMP_LT", 0o770, None, [0o700]), ("SCMP_CMP_LE", 0o700, None, [0o700]),
              ("SCMP_CMP_GT", 0o700, None, [0o770]), ("SCMP_CMP_GE", 0o770, None, [0o770]),
              ("SCMP_CMP_MASKED_EQ", 0o070, 0o070, [0o770])):
    compares(*which)


@must(SECCOMP, "an unknown operator is an error")
def operator_unknown(lab):
    lab.refused(filtered(lab, "true", rules=[rule(args=[
        {"index": 0, "value": 1, "op": "SCMP_CMP_FUN"}])]), "SCMP_CMP_FUN")


@must(SECCOMP, "architectures may be named")
def architectures(lab):
    equal(try_mkdir(lab, rules=[rule()], architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
                                                        "SCMP_ARCH_X32"]),
          "Operation not permitted", "error")


@must(SECCOMP, "an unknown architecture is an error")
def architecture_unknown(lab):
    lab.refused(filtered(lab, "true", architectures=["SCMP_ARCH_FUN"]), "SCMP_ARCH_FUN")


def takes_flag(flag):
    @must(SECCOMP, f"{flag} is taken")
    def taken(lab):
        equal(try_mkdir(lab, rules=[rule()], flags=[flag]), "Operation not permitted", "error")


for which in ("SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
              "SECCOMP_FILTER_FLAG_SPEC_ALLOW"):
    takes_flag(which)


@must(SECCOMP, "an unknown flag is an error")
def flag_unknown(lab):
    lab.refused(filtered(lab, "true", rules=[rule()], flags=["SECCOMP_FILTER_FLAG_FUN"]),
                "SECCOMP_FILTER_FLAG_FUN")


class Agent:
    """Takes what a runtime sends to listenerPath."""

    def __init__(self, lab):
        self.path = os.path.join("/tmp", f"{lab.prefix}-{next(lab.numbers)}.sock")
        self.messages, self.fds, self.ended = [], [], []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        self.server.settimeout(20)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            connection = self.server.accept()[0]
        except OSError:
            return
        with connection:
            connection.settimeout(20)
            data, fds = socket.recv_fds(connection, 65536, 8)[:2]
            self.fds += fds
            while chunk := connection.recv(65536):
                data += chunk
            self.ended.append(True)
            self.messages.append(json.loads(data))

    def state(self):
        self.thread.join(20)
        demand(self.messages, "no state came, or the connection was not closed")
        return self.messages[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        os.unlink(self.path)
        for fd in self.fds:
            os.close(fd)


def notifying(lab, agent, **more):
    return filtered(lab, "exec sleep 1000", rules=[rule("SCMP_ACT_NOTIFY")],
                    listenerPath=agent.path, **more)


@must(SECCOMP, "listenerPath: the process state comes there, with seccompFd")
def listener(lab):
    with Agent(lab) as agent:
        container = lab.created(notifying(lab, agent))
        container.started()
        state = agent.state()
        equal(state.get("fds"), ["seccompFd"], "fds")
        equal(len(agent.fds), 1, "descriptors")
        demand("seccomp notify" in os.readlink(f"/proc/self/fd/{agent.fds[0]}"), "is no listener")
        equal(state.get("pid"), container.pid, "pid")
        equal(state.get("state", {}).get("id"), container.name, "state.id")
        demand("ociVersion" in state, "no ociVersion")


@must(SECCOMP, "listenerMetadata is passed on")
def listener_metadata(lab):
    with Agent(lab) as agent:
        lab.created(notifying(lab, agent, listenerMetadata="some text")).started()
        equal(agent.state().get("metadata"), "some text", "metadata")


@must(SECCOMP, "listenerPath that nobody serves is an error")
def listener_missing(lab):
    lab.refused(filtered(lab, "true", rules=[rule("SCMP_ACT_NOTIFY")],
                         listenerPath=lab.path("nobody")), "a socket that is not there")


@must(SECCOMP, "listenerPath without SCMP_ACT_NOTIFY is ignored")
def listener_unused(lab):
    equal(try_mkdir(lab, rules=[rule()], listenerPath=lab.path("nobody")),
          "Operation not permitted", "error")


@must(SECCOMP, "listenerMetadata without listenerPath is an error")
def metadata_alone(lab):
    lab.refused(filtered(lab, "true", rules=[rule()], listenerMetadata="x"), "it alone")

# SPDX-License-Identifier: Apache-2.0
"""config.md: version, root, mounts, annotations, extensibility."""
import os
import subprocess

from validate.harness import demand, equal, must

ROOT, MOUNTS = "config.md, Root", "config.md, Mounts"
EXTEND = "config.md, Extensibility"


@must("config.md, Specification version", "ociVersion is required")
def version_required(lab):
    config = lab.config("true")
    del config["ociVersion"]
    lab.refused(config, "no ociVersion")


@must("config.md, Specification version", "ociVersion must be SemVer")
def version_semver(lab):
    config = lab.config("true")
    config["ociVersion"] = "one"
    lab.refused(config, "ociVersion 'one'")


@must(EXTEND, "a version that is not supported is an error")
def version_unsupported(lab):
    config = lab.config("true")
    config["ociVersion"] = "99.0.0"
    lab.refused(config, "ociVersion 99.0.0")


@must("bundle.md", "config.json is in the root of the bundle, and JSON")
def not_json(lab):
    lab.refused("{", "a config.json that is no JSON")


@must(EXTEND, "unknown properties are ignored")
def unknown_property(lab):
    config = lab.config("echo ran")
    config["orgExampleNew"] = {"a": [1]}
    config["linux"]["orgExampleNew"] = 1
    config["process"]["orgExampleNew"] = "x"
    equal(lab.output(config), "ran\n", "output")


@must(EXTEND, "values of the wrong type are an error")
def wrong_types(lab):
    for change in (lambda c: c["root"].update(readonly="yes"),
                   lambda c: c["process"].update(args="true"),
                   lambda c: c["process"]["user"].update(uid="root"),
                   lambda c: c.update(mounts={}),
                   lambda c: c["linux"].update(namespaces="pid")):
        config = lab.config("true")
        change(config)
        lab.refused(config, "a value of the wrong type")


@must("config.md, Annotations", "unknown annotations are ignored")
def unknown_annotation(lab):
    config = lab.config("echo ran")
    config["annotations"] = {"org.example.unknown": "x"}
    equal(lab.output(config), "ran\n", "output")


@must("config.md, Annotations", "values of annotations must be strings")
def annotation_strings(lab):
    config = lab.config("true")
    config["annotations"] = {"org.example.key": 1}
    lab.refused(config, "a number")


# --- root ---------------------------------------------------------------------------

@must(ROOT, "path is required")
def root_path(lab):
    config = lab.config("true")
    del config["root"]["path"]
    lab.refused(config, "no root.path")


@must(ROOT, "a directory must exist at path")
def root_exists(lab):
    config = lab.config("true")
    config["root"]["path"] = "nowhere"
    lab.refused(config, "a root that does not exist")


@must(ROOT, "path may be relative to the bundle, or absolute")
def root_relative(lab):
    equal(lab.output(lab.config("echo ran"), own_root=True), "ran\n", "with a relative path")
    equal(lab.output(lab.config("echo ran")), "ran\n", "with an absolute path")


@must(ROOT, "a read-only root cannot be written")
def root_readonly(lab):
    equal(lab.output(lab.config("touch /x 2>/dev/null && echo wrote; true")), "", "output")


@must(ROOT, "a root is writable by default")
def root_writable(lab):
    config = lab.config("touch /x && echo wrote")
    del config["root"]["readonly"]
    equal(lab.output(config, own_root=True), "wrote\n", "output")


# --- mounts --------------------------------------------------------------------------

def mount_of(lab, words, kind="bind"):
    """The row of mountinfo of a mount with these option words."""
    config = lab.config("grep ' /mnt ' /proc/self/mountinfo | tail -n 1")
    source = kind
    if kind == "bind":
        source = lab.path("source")
        os.makedirs(source)
    config["mounts"].append({"destination": "/mnt", "type": kind, "source": source,
                             "options": words})
    row = lab.output(config)
    demand(row, "no mount at /mnt")
    left, right = row.split(" - ")
    fields = left.split()
    return {"flags": fields[5].split(","), "propagation": fields[6:],
            "super": right.split()[2].split(",")}


@must(MOUNTS, "mounts are made in the listed order")
def mount_order(lab):
    config = lab.config("ls /mnt; ls /mnt/below")
    one, two = lab.path("one"), lab.path("two")
    os.makedirs(os.path.join(one, "below"))
    os.makedirs(os.path.join(two, "inner"))
    config["mounts"] += [
        {"destination": "/mnt", "type": "bind", "source": one, "options": ["bind"]},
        {"destination": "/mnt/below", "type": "bind", "source": two, "options": ["bind"]}]
    equal(lab.output(config), "below\ninner\n", "what is seen")


@must(MOUNTS, "destination is required")
def mount_destination(lab):
    config = lab.config("true")
    config["mounts"].append({"type": "tmpfs", "source": "tmpfs"})
    lab.refused(config, "a mount without a destination")


@must(MOUNTS, "a relative destination is relative to '/'")
def mount_relative(lab):
    config = lab.config("grep -c ' /mnt ' /proc/self/mountinfo")
    config["mounts"].append({"destination": "mnt", "type": "tmpfs", "source": "tmpfs"})
    equal(lab.output(config), "1\n", "mounts at /mnt")


@must(MOUNTS, "a destination that is missing is made in the root")
def mount_makes_target(lab):
    config = lab.config("[ -d /new/dir ] && echo there")
    config["root"]["readonly"] = False
    config["mounts"].append({"destination": "/new/dir", "type": "tmpfs", "source": "tmpfs"})
    equal(lab.output(config, own_root=True), "there\n", "output")


@must(MOUNTS, "a relative source of a bind is relative to the bundle")
def bind_relative(lab):
    config = lab.config("cat /mnt/file")
    config["mounts"].append({"destination": "/mnt", "type": "bind", "source": "mine",
                             "options": ["bind"]})
    bundle = lab.bundle(config)
    os.makedirs(os.path.join(bundle, "mine"))
    with open(os.path.join(bundle, "mine/file"), "w", encoding="ascii") as file:
        file.write("of the bundle\n")
    equal(lab.output(bundle), "of the bundle\n", "what is seen")


# The words of mount(8), on which kind of mount, and what mountinfo then has or lacks.
WORDS = [
    ("async", "tmpfs", "super", None, "sync"), ("atime", "bind", "flags", None, "noatime"),
    ("bind", "bind", "flags", "rw", None), ("defaults", "bind", "flags", "rw", None),
    ("dev", "bind", "flags", None, "nodev"),
    ("diratime", "bind", "flags", None, "nodiratime"),
    ("dirsync", "tmpfs", "super", "dirsync", None), ("exec", "bind", "flags", None, "noexec"),
    ("iversion", "tmpfs", "flags", None, None), ("lazytime", "tmpfs", "super", "lazytime", None),
    ("loud", "tmpfs", "flags", None, None), ("noatime", "bind", "flags", "noatime", None),
    ("nodev", "bind", "flags", "nodev", None),
    ("nodiratime", "bind", "flags", "nodiratime", None),
    ("noexec", "bind", "flags", "noexec", None), ("noiversion", "tmpfs", "flags", None, None),
    ("nolazytime", "tmpfs", "super", None, "lazytime"),
    ("norelatime", "bind", "flags", None, "noatime"),
    ("nostrictatime", "bind", "flags", None, "noatime"),
    ("nosuid", "bind", "flags", "nosuid", None), ("rbind", "bind", "flags", "rw", None),
    ("relatime", "bind", "flags", "relatime", "noatime"),
    ("ro", "bind", "flags", "ro", None),
    ("rw", "bind", "flags", "rw", None), ("silent", "tmpfs", "flags", None, None),
    ("strictatime", "bind", "flags", None, "relatime"), ("suid", "bind", "flags", None, "nosuid"),
    ("sync", "tmpfs", "super", "sync", None),
    ("private", "bind", "propagation", None, "shared"),
    ("rprivate", "bind", "propagation", None, "shared"),
    ("shared", "bind", "propagation", "shared", None),
    ("rshared", "bind", "propagation", "shared", None),
    ("slave", "bind", "propagation", None, "shared"),
    ("rslave", "bind", "propagation", None, "shared"),
    ("unbindable", "bind", "propagation", "unbindable", None),
    ("runbindable", "bind", "propagation", "unbindable", None),
]
SHOULD = [
    ("nosymfollow", "bind", "flags", "nosymfollow", None),
    ("symfollow", "bind", "flags", None, "nosymfollow"),
    ("rro", "rbind", "flags", "ro", None), ("rrw", "rbind", "flags", "rw", None),
    ("rnosuid", "rbind", "flags", "nosuid", None), ("rsuid", "rbind", "flags", None, "nosuid"),
    ("rnodev", "rbind", "flags", "nodev", None), ("rdev", "rbind", "flags", None, "nodev"),
    ("rnoexec", "rbind", "flags", "noexec", None), ("rexec", "rbind", "flags", None, "noexec"),
    ("rnoatime", "rbind", "flags", "noatime", None),
    ("ratime", "rbind", "flags", None, "noatime"),
    ("rrelatime", "rbind", "flags", "relatime", None),
    ("rnorelatime", "rbind", "flags", None, "relatime"),
    ("rstrictatime", "rbind", "flags", None, "relatime"),
    ("rnostrictatime", "rbind", "flags", None, "noatime"),
    ("rnodiratime", "rbind", "flags", "nodiratime", None),
    ("rdiratime", "rbind", "flags", None, "nodiratime"),
    ("rnosymfollow", "rbind", "flags", "nosymfollow", None),
    ("rsymfollow", "rbind", "flags", None, "nosymfollow"),
]


def option(word, kind, where, wanted, unwanted, level):
    @must(MOUNTS, f"the option {word} is implemented", level)
    def implemented(lab):
        if kind == "rbind":
            found = below(lab, word)
        else:
            found = mount_of(lab, [word] if kind == "tmpfs" else [
                "rbind" if word == "rbind" else "bind", word], kind)
        has = [item.split(":")[0] for item in found[where]]
        if wanted:
            demand(wanted in has, f"'{wanted}' is not in {has}")
        if unwanted:
            demand(unwanted not in has, f"'{unwanted}' is in {has}")


def below(lab, word):
    """The same of a mount below the one with the word: it must be reached, too."""
    source = lab.path("tree")
    os.makedirs(source + "/below")
    config = lab.config("grep ' /mnt/below ' /proc/self/mountinfo")
    config["mounts"].append({"destination": "/mnt", "type": "bind", "source": source,
                             "options": ["rbind", word]})
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source + "/below"], check=True)
    try:
        fields = lab.output(config).split(" - ")[0].split()
    finally:
        subprocess.run(["umount", "-l", source + "/below"], check=True)
    demand(fields, "the mount below is not there")
    return {"flags": fields[5].split(",")}


@must(MOUNTS, "the option remount changes the flags of the mount that is there")
def remount(lab):
    config = lab.config("grep ' /mnt ' /proc/self/mountinfo")
    for words in ([], ["remount", "ro", "nosuid"]):
        config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs",
                                 "options": words})
    rows = lab.output(config).splitlines()
    equal(len(rows), 1, "mounts")
    demand({"ro", "nosuid"} <= set(rows[0].split()[5].split(",")), rows[0])


for row in WORDS:
    option(*row, "MUST")
for row in SHOULD:
    option(*row, "SHOULD")


@must(MOUNTS, "an option that the file system does not know is an error")
def unknown_option(lab):
    config = lab.config("true")
    config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs",
                             "options": ["no_such_option=1"]})
    lab.refused(config, "an unknown option")


@must(MOUNTS, "options of a file system are passed on")
def data_options(lab):
    equal([w for w in mount_of(lab, ["size=64k", "mode=700"], "tmpfs")["super"]
           if w.startswith(("size", "mode"))], ["size=64k", "mode=700"], "options")


MAP = {"containerID": 0, "hostID": 1000, "size": 1000}


@must(MOUNTS, "idmap with mappings of the mount maps ids by them", "SHOULD")
def idmap(lab):
    source = lab.path("mapped")
    os.makedirs(source)
    with open(os.path.join(source, "file"), "w", encoding="ascii"):
        pass
    os.chown(os.path.join(source, "file"), 5, 5)
    config = lab.config("stat -c %u:%g /mnt/file")
    config["mounts"].append({
        "destination": "/mnt", "type": "bind", "source": source, "options": ["bind", "idmap"],
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1000}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1000}]})
    equal(lab.output(config), "1005:1005\n", "owner seen")


@must(MOUNTS, "uidMappings must come with gidMappings")
def idmap_pairs(lab):
    config = lab.config("true")
    source = lab.path("unmapped")
    os.makedirs(source)
    config["mounts"].append({
        "destination": "/mnt", "type": "bind", "source": source, "options": ["bind", "idmap"],
        "uidMappings": [MAP]})
    lab.refused(config, "uidMappings alone")


@must(MOUNTS, "tmpcopyup begins with what the target held", "MAY")
def tmpcopyup(lab):
    config = lab.config("cat /a/file")
    config["mounts"].append({"destination": "/a", "type": "tmpfs", "source": "tmpfs",
                             "options": ["tmpcopyup"]})
    equal(lab.output(config), "of the root\n", "what is seen")

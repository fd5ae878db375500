#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Project ids and the extended form of file flags (FS_IOC_FSSETXATTR): set, answered and
# stored as by kernel overlay.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_fs overlay xfs
need_union
need_cmd lsattr getfattr setpriv python3 mkfs.xfs

truncate -s 512M "$T/image"
mkfs.xfs -q "$T/image"
mkdir "$T/fs"
mount -o loop "$T/image" "$T/fs" 2>/dev/null || skip "no loop devices"
cd "$T/fs" || exit

cat >"$T/xflags.py" <<'END'
import errno, fcntl, os, struct

GET, SET, FORM = 0x801c581f, 0x401c5820, "=IIIII8x"
APPEND, IMMUTABLE, NODUMP, INHERIT = 0x10, 8, 0x80, 0x200
HAS_ATTRIBUTES = 0x80000000      # the layer's business

def get(fd):
    return list(struct.unpack(FORM, fcntl.ioctl(fd, GET, bytes(28))))

def told(fd):
    now = get(fd)
    return [hex(now[0] & ~HAS_ATTRIBUTES), now[3]]

def attempt(what, path, flags=None, project=None):
    fd = os.open(path, os.O_RDONLY)
    try:
        now = get(fd)
        if flags is not None:
            now[0] = flags
        if project is not None:
            now[3] = project
        fcntl.ioctl(fd, SET, struct.pack(FORM, *now))
        print(what, path, *told(fd))
    except OSError as e:
        print(what, path, errno.errorcode[e.errno], *told(fd))
    os.close(fd)

for path in "lower", "lower-dir", "upper", "upper-dir":
    attempt("look at", path)
    attempt("give a project to", path, project=42)
    attempt("keep from dumps", path, flags=NODUMP)
    attempt("let inherit", path, flags=INHERIT)
    attempt("make append-only", path, flags=APPEND | NODUMP)
    attempt("give another project to append-only", path, project=43)
    attempt("make immutable", path, flags=IMMUTABLE)
    attempt("free", path, flags=NODUMP)
    attempt("take the project from", path, project=0)

os.setegid(1000)
os.seteuid(1000)
for path in "theirs", "upper":
    attempt("as a user: a project", path, project=7)
    attempt("as a user: no dumps", path, flags=NODUMP)
    attempt("as a user: append-only", path, flags=APPEND)
END

mkdir low low/lower-dir
echo shipped >low/lower
echo shipped >low/theirs
chown 1000:1000 low/theirs
for side in kernel nacre; do
	mkdir -p $side/u $side/w $side/m
	"mount_${side/kernel/overlay}" "$T/fs/$side/m" "$T/fs/low" "$T/fs/$side/u" "$T/fs/$side/w"
	(cd $side/m && echo made >upper && mkdir upper-dir && python3 "$T/xflags.py") >"$T/$side"
	unmount "$T/fs/$side/m"
	(cd $side/u && lsattr -pRd lower upper lower-dir upper-dir theirs &&
		getfattr -h -m overlay.protattr -d -R .) >>"$T/$side"
done
same_text "$T/kernel" "$T/nacre" "flags and projects (-kernel +nacre)"
grep -q 'give a project to upper 0x0 42' "$T/kernel" || fail "no project was given"

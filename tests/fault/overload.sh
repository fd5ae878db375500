#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# More than a daemon has room for: a tree of many files, with few descriptors and little
# memory, walked before and after its worker is killed; 10 000 open files; 1000 processes
# at once; a worker that is stopped, whose callers can be killed; a mount that goes while
# it is in use.
#
#	overload.sh [--dirs N]		directories of 250 files each
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_private_mounts
need_fuse
need_union
need_cmd python3
dirs=400
[ "${1:-}" != --dirs ] || dirs=$2
DESCRIPTORS=256

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"
awk -v dirs="$dirs" 'BEGIN { for (d = 0; d < dirs; d++) {
	printf "mkdir d%d 0755\n", d
	for (f = 0; f < 250; f++) printf "create d%d/f%d 0644\n", d, f } }' >"$T/tree.ops"
"$LIB/fsops/fsops" run "$T/lower" "$T/tree.ops" >"$T/made"

# A cgroup of 64 MiB, where there can be one. The limit is looked at where it is written.
cgroup=
for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
	[ -e "$dir/memory.stat" ] && mkdir "$dir/$TEST_ID" 2>/dev/null || continue
	for limit in memory.limit_in_bytes memory.max; do
		[ ! -e "$dir/$TEST_ID/$limit" ] || cgroup=$dir/$TEST_ID
		[ ! -e "$dir/$TEST_ID/$limit" ] || echo 64M >"$dir/$TEST_ID/$limit"
	done
	[ -n "$cgroup" ] || rmdir "$dir/$TEST_ID"
	[ -z "$cgroup" ] || break
done
daemon=() stopped=
end() {
	[ -z "$stopped" ] || kill -CONT "$stopped" 2>/dev/null
	umount -l "$T/merged" 2>/dev/null
	[ ${#daemon[@]} = 0 ] || await exit "${daemon[@]}"
	[ -z "$cgroup" ] || rmdir "$cgroup"
}
defer end
case $(ldd "$NACRE_UNIONFS") in *libasan* | *libtsan*) skip "sanitizers take much more memory" ;; esac

# The daemon alone is in the cgroup, and has few descriptors.
start() {
	(
		[ -z "$cgroup" ] || echo $BASHPID >"$cgroup/cgroup.procs"
		ulimit -n $DESCRIPTORS
		mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work"
	) || fail "cannot mount"
	mapfile -t daemon < <(pgrep -f -- " $T/merged\$")
}

# The worker is the child of the other one.
worker() {
	local pid
	for pid in $(pgrep -f -- " $T/merged\$"); do
		case " ${daemon[*]} " in
		*" $(ps -o ppid= -p "$pid" | tr -d ' ') "*) echo "$pid" ;;
		esac
	done | tail -n 1
}

# --- a tree of many files ----------------------------------------------------------

start
half=$((dirs / 2))
for ((d = 0; d < half; d++)); do
	printf '%s\0' "$T/merged/d$d"
done >"$T/half"
eq "$(timeout 200 find -files0-from "$T/half" -type f -size -1 2>/dev/null | wc -l)" $((half * 250)) \
	"half of the tree"
victim=$(worker)
kill -KILL "$victim"
await exit "$victim"
eq "$(timeout 200 find "$T/merged" -type f -size -1 | wc -l)" $((dirs * 250)) "the tree, by a new worker"
echo new >"$T/merged/d1/new"
eq "$(cat "$T/merged/d1/new")" new "what the new worker made"
[ "$(worker)" != "$victim" ] || fail "the worker was not killed: this test tests nothing"
fds=$(find "/proc/$(worker)/fd" -mindepth 1 | wc -l)
[ "$fds" -le $DESCRIPTORS ] || fail "$fds descriptors"
if [ -n "$cgroup" ]; then
	note "$((dirs * 250)) files in $(($(cat "$cgroup/memory.usage_in_bytes" "$cgroup/memory.current" 2>/dev/null) >> 20)) MiB and $fds descriptors"
fi

# --- open files, and processes -------------------------------------------------------

cat >"$T/many.py" <<'EOP'
import os, resource, sys
base, kind = sys.argv[1], sys.argv[2]
def path(i): return "%s/d%d/f%d" % (base, i // 250, i % 250)
if kind == "files":
    resource.setrlimit(resource.RLIMIT_NOFILE, (11000, max(11000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    fds = [os.open(path(i), os.O_RDWR if i % 10 == 0 else os.O_RDONLY) for i in range(10000)]
    for i in range(0, 10000, 10):
        os.write(fds[i], b"%d" % i)
    for i in range(10000):
        want = b"%d" % i if i % 10 == 0 else b""
        got = os.pread(fds[i], 100, 0)
        assert got == want, (i, got)
    for fd in fds:
        os.close(fd)
else:
    pids = []
    go, gate = os.pipe()
    for n in range(1000):
        pid = os.fork()
        if pid == 0:
            os.close(gate)
            os.read(go, 1)              # until all are there
            mine = "%s/d%d/process-%d" % (base, n % 50, n)
            with open(mine, "wb") as f:
                f.write(b"%d" % n * 1000)
            os.rename(mine, mine + ".moved")
            ok = open(mine + ".moved", "rb").read() == b"%d" % n * 1000
            os.unlink(mine + ".moved")
            os._exit(0 if ok else 1)
        pids.append(pid)
    os.close(go)
    os.close(gate)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
EOP
ulimit -n 11000 2>/dev/null || skip "not even this script may have 10 000 files open"
timeout 100 python3 "$T/many.py" "$T/merged" files || fail "10 000 open files"
timeout 100 python3 "$T/many.py" "$T/merged" processes || fail "1000 processes"
eq "$(find "$T/merged" -name 'process-*' | wc -l)" 0 "what they made and removed"

# --- stopped, and unmounted while in use ------------------------------------------------

stopped=$(worker)
kill -STOP "$stopped"
cat "$T/merged/d3/not-there" 2>/dev/null &
caller=$!
waiting=/sys/fs/fuse/connections/$(mountpoint -d "$T/merged" | cut -d : -f 2)/waiting
for ((i = 0; i < 100000; i++)); do
	[ "$(cat "$waiting")" = 0 ] || break
done
kill -KILL "$caller"
await exit "$caller"
kill -CONT "$stopped"
stopped=
eq "$(cat "$T/merged/d1/new")" new "once it goes on"

exec 7<"$T/merged/d1/new"
eq "$(status_of umount "$T/merged")" 32 "unmounting what is in use"
umount -l "$T/merged"
eq "$(cat <&7)" new "a file that was open"
exec 7<&-
await exit "${daemon[@]}"
[ -z "$(cd "$T/work" && find work -mindepth 1 ! -type c)" ] || fail "left in the work directory"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# max_inodes: a walk of twelve times as many files leaves the daemon with few inodes; each
# file is there, twice with the same inode number, also with the worker killed between;
# what is open or a working directory goes on. A daemon in a cgroup with a memory limit
# has such a number by itself.
#
#	max_inodes.sh [--dirs N [MIB]]	directories of 1000 files each; that limit
# timeout: 400
. "$(dirname "$0")/../lib/test.sh"
need_private_mounts
need_fuse
need_union
dirs=60
mib=24
[ "${1:-}" != --dirs ] || dirs=$2 mib=${3:-$mib}
case $(uname -r) in
[0-5].* | 6.[0-9].* | 6.1[0-7].*) skip "the kernel cannot be asked to forget inodes before 6.18" ;;
esac

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower" "$T/upper" "$T/work" "$T/merged"
end() { umount -l "$T/merged" 2>/dev/null || :; }
defer end
awk -v dirs="$dirs" 'BEGIN { for (d = 0; d < dirs; d++) {
	printf "mkdir d%d 0755\n", d
	for (f = 0; f < 1000; f++) printf "create d%d/f%d 0644\n", d, f } }' >"$T/tree.ops"
"$LIB/fsops/fsops" run "$T/lower" "$T/tree.ops" >"$T/made"
echo kept >"$T/lower/d0/f0"
ln "$T/lower/d0/f0" "$T/lower/d1/same"
mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work" max_inodes=5000

# KiB of the memory in which inodes are.
state_kib() {
	local fd
	for fd in "/proc/$1/fd/"*; do
		case $(readlink "$fd") in /memfd:*) stat -L -c %b "$fd" ;; esac
	done | sort -n | tail -n 1 | awk '{ print $1 / 2 }'
}
is_small() { [ "$(state_kib "$1")" -lt "$2" ]; }

# await_small PID KIB - FORGET comes when the kernel likes
await_small() {
	local i
	for ((i = 0; i < 100; i++)); do
		is_small "$1" "$2" && break
		ls "$T/merged/d3" >/dev/null
	done
	is_small "$1" "$2" || fail "$(state_kib "$1") KiB of inodes"
	note "$((dirs * 1000)) files, $(state_kib "$1") KiB of inodes"
}
worker_of() { pgrep -P "$1"; }

mapfile -t daemon < <(pgrep -f -- " $T/merged\$")
exec 7<"$T/merged/d0/f0"
cd "$T/merged/d2"
find "$T/merged" -printf '%P %i %n %m %s\n' | sort >"$T/first"
eq "$(wc -l <"$T/first")" $((dirs * 1001 + 2)) "what is in the tree"
await_small "${daemon[0]}" 4096
find "$T/merged" -printf '%P %i %n %m %s\n' | sort >"$T/second"
cmp "$T/first" "$T/second" || fail "walked again, the tree differs"
for pid in "${daemon[@]}"; do
	case " ${daemon[*]} " in
	*" $(ps -o ppid= -p "$pid" | tr -d ' ') "*) kill -KILL "$pid"; await exit "$pid" ;;
	esac
done
find "$T/merged" -printf '%P %i %n %m %s\n' | sort >"$T/third"
cmp "$T/first" "$T/third" || fail "walked by a new worker, the tree differs"
eq "$(cat <&7)" kept "a file that was open"
eq "$(cat ../d1/same)" kept "by the working directory"
exec 7<&-
cd /
unmount "$T/merged"

# Nobody says how many, but the cgroup how much.
if ldd "$NACRE_UNIONFS" 2>/dev/null | grep -qE 'libasan|libtsan'; then
	note "sanitizers take more memory than the cgroup gives: that is left out"
	exit 0
fi
for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
	mkdir "$dir/$TEST_ID" 2>/dev/null || continue
	cgroup=$dir/$TEST_ID
	defer rmdir "$cgroup"
	for file in memory.max memory.limit_in_bytes; do
		[ ! -e "$cgroup/$file" ] || break 2
	done
done
[ -e "${cgroup:-}/$file" ] || skip "no memory cgroup"
echo $((mib << 20)) >"$cgroup/$file"
rm -rf "$T/upper" "$T/work"
mkdir "$T/upper" "$T/work"
(echo "$BASHPID" >"$cgroup/cgroup.procs" &&
	mount_nacre "$T/merged" "$T/lower" "$T/upper" "$T/work")
mapfile -t daemon < <(pgrep -f -- " $T/merged\$")
for holder in "${daemon[@]}"; do
	worker=$(worker_of "$holder") && break
done
find "$T/merged" -printf '%P %i %n %m %s\n' | sort >"$T/fourth"
cmp "$T/first" "$T/fourth" || fail "walked with a memory limit, the tree differs"
await_small "$holder" $((mib * 512))
eq "$(worker_of "$holder")" "$worker" "the worker, which was not killed for its memory"
unmount "$T/merged"

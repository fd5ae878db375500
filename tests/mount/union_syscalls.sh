#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How many system calls an operation costs the daemon, as the kernel's tracepoints
# count them: besides receiving and answering requests, malloc() and close(). One
# thread serves and does not spin, so the figures are the same each time; each is
# for ten files, of which an eleventh has paid what is paid once.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
if ldd "$NACRE_UNIONFS" 2>/dev/null | grep -qE 'libasan|libtsan'; then
	skip "sanitizers make system calls of their own"
fi

tracing=$T/tracing
mkdir "$tracing"
mount -t tracefs tracefs "$tracing" 2>/dev/null || skip "no tracefs"
[ -d "$tracing/events/syscalls/sys_enter_openat" ] || skip "no tracepoints of system calls"
trace=$tracing/instances/$TEST_ID
mkdir "$trace" || skip "no trace instance of our own"
defer rmdir "$trace"

# A filesystem of its own: what the daemon does must not depend on where $T is.
command -v mkfs.ext4 >/dev/null || skip "no mkfs.ext4"
truncate -s 64M "$T/image"
mkfs.ext4 -q "$T/image"
mkdir "$T/fs"
mount -o loop "$T/image" "$T/fs" 2>/dev/null || skip "no loop devices"
m=$T/fs/m
mkdir "$m" "$T/fs/upper" "$T/fs/work"
below=
for n in $(seq 20); do
	mkdir -p "$T/fs/lower$n/all"
	: >"$T/fs/lower$n/all/of$n"
	below+=:$T/fs/lower$n
done
top=$T/fs/lower1
for d in read append chmod unlink rename mkdir make; do
	for k in 1 2 3; do
		mkdir "$top/$d$k"
		for n in 0 1 2 3 4 5 6 7 8 9 10; do
			echo "content $n" >"$top/$d$k/f$n"
		done
	done
done

# begin DATA - a fresh mount, whose daemon alone is traced
begin() {
	rm -rf "$T/fs/upper" "$T/fs/work"
	mkdir "$T/fs/upper" "$T/fs/work"
	mount_nacre "$m" "${below#:}" "$T/fs/upper" "$T/fs/work" "data=$1,threads=1,spin=0"
	for pid in $(pgrep -f -- " $m\$"); do
		# The worker is the one that serves: the holder is its parent.
		pgrep -P "$pid" >/dev/null || ls "/proc/$pid/task"
	done | tr '\n' ' ' >"$trace/set_event_pid"
	echo 1 >"$trace/events/syscalls/enable"
}

# The names of the calls that count, one a line. The device is read with room for the
# largest write.
counted() {
	sed -n 's/^.*: sys_\([a-z0-9_]*\)(\(.*\)$/\1 \2/p' "$trace/trace" |
		grep -v -E -e '^(readv|writev|futex|epoll_p?wait|m?map|munmap|mprotect|madvise|brk|close) ' \
			-e '^read .*count: (0x)?[0-9a-f]{5}' | cut -d' ' -f1 || true
}

TEN="1 2 3 4 5 6 7 8 9 10"

# count BEFORE COMMAND - the command is run for file 0, then counted for ten more; what
# stands before it is done for all of them first
count() {
	timeout 30 sh -c "cd $m; n=0; $1; $2" >/dev/null 2>&1 || true
	timeout 30 sh -c "cd $m; for n in $TEN; do $1; done" >/dev/null 2>&1 || true
	sync -f "$m"
	: >"$trace/trace"
	timeout 30 sh -c "cd $m; for n in $TEN; do $2; done" >/dev/null 2>&1 || true
	counted | sort | uniq -c | tr -s '\n ' ' ' >"$T/calls"
	calls=$(counted | wc -l)
}

# costs AT_MOST WHAT BEFORE COMMAND - for ten files, $n, of directories that end in $k;
# two more calls may concern the directory. Tried again elsewhere, for somebody's
# sync(2) has the kernel write times back in between.
failed=0
costs() {
	local k
	export k
	for k in 1 2 3; do
		count "$3" "$4"
		[ "$calls" -gt $(($1 + 2)) ] || return 0
	done
	note "$2: $calls system calls for ten files, at most $1: $(<"$T/calls")"
	failed=$((failed + 1))
}

begin cached
# The count itself must count: a cold lookup is one call.
: >"$trace/trace"
stat "$m/read1" >/dev/null
: >"$trace/trace"
stat "$m/read1/f0" >/dev/null
counted | grep -q statx || fail "the tracepoints do not show the lookup's statx"

costs 10 "a name, in a directory of 20 layers" 'stat all/of20' 'stat all/of$n'
costs 0 "a name that is in none of 20 layers" 'stat all/of20' 'stat all/missing$n'
costs 0 "a directory, listed again" 'ls all' 'ls all'
costs 30 "read a file" 'stat read$k/f$n' 'cat read$k/f$n'
costs 0 "attributes that no file has, again" 'getfattr -n security.capability read$k/f$n' \
	'getfattr -n security.capability read$k/f$n; getfattr -n security.selinux read$k/f$n'
costs 40 "create, write, close" 'ls make$k' 'echo x >make$k/new$n'
costs 180 "append to a lower file" 'stat append$k/f$n' 'echo x >>append$k/f$n'
costs 30 "append to an upper file" 'stat append$k/f$n' 'echo x >>append$k/f$n'
costs 140 "chmod of a lower file" 'stat chmod$k/f$n' 'chmod 600 chmod$k/f$n'
costs 20 "chmod of an upper file" 'stat chmod$k/f$n' 'chmod 644 chmod$k/f$n'
costs 40 "unlink of a lower file" 'stat unlink$k/f$n' 'unlink unlink$k/f$n'
costs 50 "unlink of an upper file" 'echo x >unlink$k/new$n' 'unlink unlink$k/new$n'
costs 40 "mkdir" 'ls mkdir$k' 'mkdir mkdir$k/d$n'
costs 50 "rmdir" '' 'rmdir mkdir$k/d$n'
costs 40 "rename of an upper file" 'echo x >rename$k/new$n' 'mv -T rename$k/new$n rename$k/to$n'
unmount "$m"

begin passthrough
costs 50 "passthrough: create, write, close" 'ls make$k' 'echo x >make$k/new$n'
costs 50 "passthrough: append to an upper file" '' 'echo x >>make$k/new$n'
costs 20 "passthrough: read a lower file again" 'cat read$k/f$n' 'cat read$k/f$n'
unmount "$m"

[ "$failed" = 0 ] || fail "$failed operations cost more than they may"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker that was taken over by one of its users can do little: it attempts what is
# forbidden, from inside, and is refused; a replaced one as well.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse

mkdir "$T/outside" "$T/lower" "$T/upper" "$T/work" "$T/mnt"
echo text | tee "$T/outside/file" >"$T/lower/file"
export NACRE_PROBE=$T/probe NACRE_PROBE_OUTSIDE=$T/outside

sanitized() { nm "$1" | grep -q '__asan_init\|__tsan_init'; }

has_landlock() {
	! sanitized "$1" && python3 - <<-'END'
		import ctypes
		raise SystemExit(ctypes.CDLL(None).syscall(444, 0, 0, 1) < 2)
	END
}

calls="execve fork socket ptrace peek mount umount unshare setuid setgroups chroot kill type keyctl"
files="read-file list-dir write-file make-file mkdir rename"

# probed PROGRAM REFUSED... - what it wrote into $T/probe: all was allowed before,
# which shows that the attempts are such, and the REFUSED are refused after
probed() {
	local program=$1 name
	shift
	for name in $calls $files; do
		has "$(cat "$T/probe")" "before $name: allowed" "$program, to begin with"
	done
	for name; do
		has "$(cat "$T/probe")" "after $name: " "$program attempted it"
		if grep -qx "after $name: allowed" "$T/probe"; then
			fail "$program: $name is allowed"
		fi
	done
	: >"$T/probe"
}

# --- the union -----------------------------------------------------------------

refused=$calls
if has_landlock "$LIB/probed-unionfs"; then
	refused+=" $files"
else
	note "no Landlock here: the union's files are not confined"
fi

"$LIB/probed-unionfs" -f -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" "$T/mnt" 2>"$T/log" &
holder=$!
await mounted "$T/mnt"
ls "$T/mnt" >/dev/null		# it answers: it is confined
# shellcheck disable=SC2086 # words
probed "the union's worker" $refused

echo more >>"$T/mnt/file"		# what it is there for, it can do
mkdir "$T/mnt/dir"
mv "$T/mnt/file" "$T/mnt/dir/moved"
eq "$(cat "$T/upper/dir/moved")" "text
more" "copied up, changed and moved"

worker=$(pgrep -P "$holder")
field() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$worker/status"; }
eq "$(field NoNewPrivs)" 1 "no new privileges"
eq "$(field Seccomp)" 2 "a filter of system calls"
# CAP_SYS_MODULE, CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_SYS_CHROOT, CAP_SETUID, CAP_KILL
eq $((0x$(field CapPrm) & (1 << 16 | 1 << 12 | 1 << 19 | 1 << 18 | 1 << 7 | 1 << 5))) 0 \
	"capabilities that a union does not need"

kill -KILL "$worker"
ls "$T/mnt" >/dev/null
# shellcheck disable=SC2086 # words
probed "the union's next worker" $refused
umount "$T/mnt"
wait "$holder"

# --- the views -------------------------------------------------------------------

"$LIB/probed-procfs" -f --socket "$T/socket" "$T/mnt" 2>"$T/log" &
holder=$!
await mounted "$T/mnt"
ls "$T/mnt" >/dev/null		# it answers: it is confined
# It looks into processes, where Landlock would not let it, and writes to their memory.
# shellcheck disable=SC2086 # words
probed "the views' worker" $calls make-file mkdir rename
[ -s "$T/mnt/proc/meminfo" ] || head -n 1 "$T/mnt/proc/meminfo" | grep -q MemTotal ||
	fail "what it is there for"
umount "$T/mnt"
wait "$holder"

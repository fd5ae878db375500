# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/test.sh - what every behaviour script begins with:
#
#	#!/usr/bin/env bash
#	. "$(dirname "$0")/../lib/test.sh"
#
# A script does what a user does, for one behaviour, and exits 0 (it holds),
# 77 (cannot be tried here; say why with `skip`) or anything else. It finds the
# programs through NACRE_BUILD and works the same by hand and under the runner.
# $T is an empty directory of its own; whatever is mounted below it is
# unmounted and what `defer` named is run when the script ends, however it ends.

set -eu
shopt -s inherit_errexit

NACRE_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ -z "${NACRE_BUILD:-}" ]; then
	echo "$0: NACRE_BUILD is not set: name the build directory, NACRE_BUILD=/path/to/build $0" >&2
	exit 2
fi
NACRE_BUILD=$(cd "$NACRE_BUILD" && pwd)
LIB=$NACRE_BUILD/tests/lib		# compiled helpers
PATH=$NACRE_BUILD:$PATH:/usr/sbin:/sbin
export NACRE_BUILD NACRE_SRC PATH
umask 022

# The union under test: another program that takes the same options may stand in.
NACRE_UNIONFS=${NACRE_UNIONFS:-$NACRE_BUILD/nacre-unionfs}

# --- telling ---------------------------------------------------------------

note() { printf '%s\n' "$*" >&2; }

fail() {
	note "FAIL: $*"
	note "  at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}"
	exit 1
}

skip() {
	note "skipped: $*"
	exit 77
}

# --- clean-up --------------------------------------------------------------

deferred=()

# defer COMMAND... - run it when the script ends, last one first
defer() { deferred+=("$(printf '%q ' "$@")"); }

# mounts_below DIR - mount points below it, the innermost first
mounts_below() {
	awk -v dir="$1" '{ gsub(/\\040/, " ", $5) }
		$5 == dir || index($5, dir "/") == 1 { print $5 }' /proc/self/mountinfo | tac
}

unmount_all() {
	local target
	mounts_below "$T" | while IFS= read -r target; do
		umount -l "$target" || true
	done
}

cleanup() {
	local status=$? i
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	for ((i = ${#deferred[@]} - 1; i >= 0; i--)); do
		eval "${deferred[i]}"
	done
	unmount_all
	cd /
	rm -rf --one-file-system "$T"
	exit "$status"
}

T=$(mktemp -d "${NACRE_TEST_TMP:-${TMPDIR:-/tmp}}/t-XXXXXX")
T=$(cd "$T" && pwd -P)
chmod 0755 "$T"
# A name that no one else uses, for cgroups and containers.
TEST_ID=${NACRE_TEST_ID:-nacre-test-${T##*/t-}}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- what the script needs ---------------------------------------------------

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

need_cmd() {
	local command
	for command; do
		command -v "$command" >/dev/null || skip "needs the command '$command'"
	done
}

# need_fs TYPE... - filesystems that this kernel can mount
need_fs() {
	local type
	for type; do
		grep -qw "$type" /proc/filesystems || modprobe -q "$type" 2>/dev/null ||
			skip "this kernel has no $type"
	done
}

need_fuse() { [ -c /dev/fuse ] || skip "no /dev/fuse here"; }

need_private_mounts() {
	need_root
	[ "$(readlink /proc/self/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ] ||
		[ -z "${NACRE_TEST_ID:-}" ] || skip "no mount namespace of our own"
}

# --- asserting -----------------------------------------------------------------

# eq GOT WANTED WHAT
eq() {
	[ "$1" = "$2" ] && return
	note "FAIL: $3"
	note "  got:    $1"
	note "  wanted: $2"
	note "  at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}"
	exit 1
}

# same_text FILE FILE WHAT - the files are equal, or show where they are not
same_text() {
	diff -U 0 "$1" "$2" >"$T/.diff" && return
	note "FAIL: $3"
	head -n 40 "$T/.diff" >&2
	note "  at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}"
	exit 1
}

# has TEXT PART WHAT - PART occurs in TEXT
has() {
	case $1 in
	*"$2"*) return ;;
	esac
	note "FAIL: $3"
	note "  '$2' is not in: $1"
	note "  at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}"
	exit 1
}

# status_of COMMAND... - print its exit status; its output goes to $T/out, $T/err
status_of() {
	local status=0
	"$@" >"$T/out" 2>"$T/err" || status=$?
	echo "$status"
}

# --- waiting -------------------------------------------------------------------

# await exit PID | path P | gone P | mounted DIR | unmounted DIR
await() { "$LIB/await" "$@" || fail "await $*"; }

# --- mounting --------------------------------------------------------------------

# layers DIR... - joined as lowerdir= wants them, the first one on top
layers() {
	local IFS=:
	printf '%s' "$*"
}

# mount_overlay DIR LOWERDIR [UPPER WORK [OPTIONS]] - by the kernel
mount_overlay() {
	local options=lowerdir=$2
	[ -z "${3:-}" ] || options+=",upperdir=$3,workdir=$4"
	[ -z "${5:-}" ] || options+=",$5"
	mount -t overlay overlay -o "$options" "$1"
}

# mount_nacre DIR LOWERDIR [UPPER WORK [OPTIONS]] - by the union under test
mount_nacre() {
	local options=lowerdir=$2
	[ -z "${3:-}" ] || options+=",upperdir=$3,workdir=$4"
	[ -z "${5:-}" ] || options+=",$5"
	timeout 60 "$NACRE_UNIONFS" -o "$options" "$1"
}

# unmount DIR - and wait until its daemon has ended, too: umount(2) returns
# before, and the daemon holds the layers' filesystem. A user's mount by fusermount3.
unmount() {
	local pids=()
	if [ "$(stat -f -c %T "$1")" = fuseblk ]; then
		mapfile -t pids < <(pgrep -f -- " $1\$")	# DIR is their last word
	fi
	if [ "$(id -u)" = 0 ]; then
		timeout 60 umount "$1"
	else
		timeout 60 fusermount3 -u "$1"
	fi
	[ ${#pids[@]} = 0 ] || await exit "${pids[@]}"
}

# need_union - the union under test, built
need_union() { [ -x "$NACRE_UNIONFS" ] || fail "there is no $NACRE_UNIONFS: run make first"; }

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The filter that every container of "nacre run" has: what is refused and how, what
# capabilities let through, that exec has it too, and that it is compiled once.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

# call [OPTION]... -- NAME ARG... - one system call in a container, the answer
call() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	run --bind "$LIB/call:/call:ro" "${options[@]}" -- /call "$@"
}

eq "$(run -- grep Seccomp: /proc/self/status | tr -d '\t')" Seccomp:2 "a filter is there"
eq "$(call -- getpid)" 0 "what is allowed"
eq "$(call -- 9999)" ENOSYS "what nobody listed"
eq "$(call -- clone3)" ENOSYS "clone3: programs use clone"
eq "$(call -- keyctl 0)" EPERM "keyrings"
eq "$(call -- io_uring_setup 1)" EPERM "io_uring"
eq "$(call -- bpf)" EPERM "bpf"
eq "$(call -- unshare 0x10000000)" EPERM "a user namespace"
eq "$(call -- mount)" EPERM "mount"
[ "$(uname -m)" = s390x ] || eq "$(call -- clone 0x10000011)" EPERM "clone with a user namespace"
eq "$(call -- personality 0xffffffff)" 0 "asking for the personality"
eq "$(call -- personality 0x40000)" EPERM "addresses that are no longer random"
eq "$(call -- socket 40 1)" EAFNOSUPPORT "sockets of the hypervisor"
eq "$(call -- socket 1 1)" 0 "other sockets"

# A capability is no use with its calls refused.
eq "$(call --cap-add SYS_ADMIN -- mount)" EFAULT "mount with CAP_SYS_ADMIN"
eq "$(call --cap-add SYS_ADMIN -- keyctl 0)" EPERM "keyrings with CAP_SYS_ADMIN"
[ "$(call --seccomp unconfined -- keyctl 99999)" != EPERM ] || fail "unconfined has a filter"

# What is executed later has the same.
mkdir "$T/shared"
start --bind "$LIB/call:/call:ro" --bind "$T/shared:/shared" -- sh -c 'touch /shared/up; exec sleep 1000'
await path "$T/shared/up"
eq "$(nacre --root "$STATE" exec "$TEST_ID" /call keyctl 0)" EPERM "exec"
eq "$(nacre --root "$STATE" exec "$TEST_ID" /call getpid)" 0 "exec"
kill -TERM "$nacre"
await exit "$nacre"

# The program is kept; one that others may have written is not trusted, nor a torn one.
programs() { find "$STATE" -name '.seccomp-*' -printf '%f %i\n'; }
run -- true
before=$(programs)
run -- true
eq "$(programs)" "$before" "compiled once"
find "$STATE" -name '.seccomp-*' -exec chmod 666 {} + -exec sh -c 'for f; do : >"$f"; done' sh {} +
eq "$(call -- keyctl 0)" EPERM "with a cache that others wrote"
find "$STATE" -name '.seccomp-*' -exec truncate -s -8 {} +
eq "$(call -- keyctl 0)" EPERM "with a cache that is torn"

# There are 64 at most: the longest unused go first, a use counts, and another profile is
# what makes room.
find "$STATE" -name '.seccomp-*' -delete
run -- true
default=$(programs | cut -d' ' -f1)
directory=$(dirname "$(find "$STATE" -name "$default")")
for ((i = 0; i < 70; i++)); do
	touch -d "@$((1577836800 + i))" "$directory/.seccomp-old$i"
done
touch -d 2019-01-01 "$directory/$default"
run -- true
run --cap-add SYS_NICE -- true
eq "$(programs | wc -l)" 64 "programs kept"
has "$(programs)" "$default" "the one that was used"
[ ! -e "$directory/.seccomp-old7" ] || fail "an old one is kept"
[ -e "$directory/.seccomp-old8" ] || fail "a newer one is gone"
leaves_nothing "after all"

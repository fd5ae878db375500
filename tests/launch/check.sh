#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "nacre check" answers for this host what can be seen here in other ways, and names
# what to do about each no.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd jq

nacre check --json >"$T/answers" || true
# answer NAME - yes, partly or no
answer() { jq -r '.[] | select(.name == "'"$1"'").result' "$T/answers"; }
detail() { jq -r '.[] | select(.name == "'"$1"'").detail' "$T/answers"; }

has "$(detail kernel)" "$(uname -r)" "the kernel"
eq "$(answer programs)" yes "nacre's programs"
eq "$(detail fuse)" "$([ -c /dev/fuse ] && echo '/dev/fuse can be opened' || detail fuse)" "fuse"
if grep -qw overlay /proc/filesystems; then
	eq "$(answer overlay)" yes "overlay"
else
	eq "$(answer overlay)" no "overlay"
fi
# Which hierarchy serves memory.
memory=absent
[ ! -e /sys/fs/cgroup/memory/tasks ] || memory=memory:v1
! grep -qsw memory /sys/fs/cgroup/cgroup.controllers || memory=memory:v2
has "$(detail cgroups)" "memory" "the memory controller"
[ "$memory" = absent ] || has "$(detail cgroups)" "$memory" "who serves the memory controller"
eq "$(jq '[.[] | select(.result == "no" and .advice == null)] | length' "$T/answers")" 0 "no without advice"
eq "$(jq '[.[] | select(.result == "yes" and .advice != null)] | length' "$T/answers")" 0 "advice on what is there"

# For people, the same answers.
nacre check >"$T/text" || true
for name in $(jq -r '.[].name' "$T/answers"); do
	has "$(cat "$T/text")" "$name" "the text"
done

# Whoever may run containers is told so by the exit status.
if [ "$(answer kernel)$(answer namespaces)" = yesyes ]; then
	eq "$(status_of nacre check)" 0 "containers can be run here"
fi

# What is missing is noticed: an ordinary user without ids, a data directory that
# cannot be written.
if setpriv --reuid 4242 --regid 4242 --clear-groups test -x "$NACRE_BUILD/nacre" 2>/dev/null; then
	timeout 60 setpriv --reuid 4242 --regid 4242 --clear-groups env NACRE_DATA_DIR=/proc/none \
		nacre check --json >"$T/answers" 2>/dev/null || true
	eq "$(answer subordinate-ids)" partly "ids of a user who has none"
	eq "$(answer data-directory)" no "a data directory that cannot be"
	has "$(jq -r '.[] | select(.name == "data-directory").advice' "$T/answers")" NACRE_DATA_DIR "advice"
	[ "$(answer delegation)" != yes ] || fail "a cgroup of root's counts as delegated"
fi
leaves_nothing "after asking"
eq "$(mounts_below /proc | grep -cx /proc)" 1 "mounts are left"

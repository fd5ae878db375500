#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A request over which the union's worker crashes three times gets EIO and the log the
# reason, each time with a backtrace. Nothing of it is left, and everybody else goes on.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_private_mounts
need_fuse
case $(ldd "$NACRE_BUILD/nacre-unionfs") in *libasan* | *libtsan*) skip "sanitizers want to be loaded first" ;; esac
case $(uname -r) in [0-5].* | 6.[0-8].*) skip "the kernel asks again since 6.9" ;; esac

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower" "$T/lower/dir"
echo below >"$T/lower/file"
LD_PRELOAD=$NACRE_BUILD/tests/fault/crashing.so mount_killable
exec 5<"$M/file" 6<>"$M/unlinked"
echo held >&6
rm "$M/unlinked"

for dir in "" dir/; do
	: >"$T/log"
	eq "$(status_of timeout 60 mkdir "$M/${dir}crash")" 1 "a request that crashes every worker"
	has "$(cat "$T/err")" "Input/output error" "what who asked is told"
	eq "$(grep -c "died (signal 11" "$T/log")" 3 "workers that died: $(cat "$T/log")"
	eq "$(grep -c "  at .*crashing.so" "$T/log")" 3 "backtraces: $(cat "$T/log")"
	has "$(cat "$T/log")" "crashed 3 workers" "why"
	[ ! -e "$M/${dir}crash" ] || fail "it is there all the same"

	mkdir "$M/${dir}other"
	eq "$(cat "$M/file")" below "everything else"
done
eq "$(cat <&5)" below "a file that was open"
eq "$(cat "/proc/$$/fd/6")" held "a file without a name"
exec 5<&- 6>&-
unmount_killable
eq "$(cd "$T/upper" && find . -name crash)" "" "left in the upper"
eq "$(cd "$T/work" && find . -mindepth 2 | grep -v '^./index')" "" "left in the work directory"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# When the command returns, the mount answers; an unmount by anyone ends both
# processes, and the mount table looks as mount(8) would have made it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

start_hellofs
is_mounted || fail "the command returned, and nothing is mounted"
eq "$(cat "$M/hello")" "hello, world" "the first read"
has "$(grep " $M " /proc/self/mounts)" "hello,\\040fs $M fuse.hellofs rw,relatime" "the mount table"
eq "$(readlink "/proc/$holder/cwd")" / "a daemon pins no directory"
for fd in 0 1 2; do
	eq "$(readlink "/proc/$holder/fd/$fd")" /dev/null "the holder's descriptor $fd"
	eq "$(readlink "/proc/$worker/fd/$fd")" /dev/null "the worker's descriptor $fd"
done
[ "$(cut -d' ' -f6 "/proc/$holder/stat")" != "$(cut -d' ' -f6 /proc/self/stat)" ] ||
	fail "the daemon is still in our session"

umount "$M"
await exit "$holder" "$worker"

start_hellofs -o ro,nosuid,nodev,noexec,noatime --allow-other --default-permissions --max-read 65536
has "$(grep " $M " /proc/self/mounts)" "ro,nosuid,nodev,noexec,noatime,user_id=0,group_id=0,default_permissions,allow_other,max_read=65536" \
	"mount flags"
eq "$(head -c 300000 "$M/big" | wc -c)" 300000 "reads larger than max_read"
fusermount3 -u "$M"
await exit "$holder" "$worker"

# Nor does it matter if there is no stdin, stdout or stderr at all.
hellofs <&- >&- 2>&-
eq "$(cat "$M/hello")" "hello, world" "without descriptors 0, 1 and 2"
umount "$M"

# A connection that is cut ends both, and leaves no dead mount.
mkdir "$T/connections"
mount -t fusectl fusectl "$T/connections"
start_hellofs
echo 1 >"$T/connections/$(stat -c %Ld "$M")/abort"
await exit "$holder" "$worker"
if is_mounted; then fail "a dead mount is left after an abort"; fi
umount "$T/connections"

# Its output is not held open: a command substitution comes back.
out=$(hellofs; echo returned)
eq "$out" returned "output of a daemon"
umount "$M"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Without privileges, fusermount3 mounts and unmounts for us.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root
need_cmd setpriv fusermount3 unshare
[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not setuid root"

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# A device that all may open, as udev makes it, for this script alone.
if ! as_nobody test -w /dev/fuse; then
	[ -n "${NACRE_TEST_ID:-}" ] || skip "/dev/fuse is not for everyone (run me with tests/lib/runner)"
	mknod -m 666 "$T/fuse" c 10 229
	mount --bind "$T/fuse" /dev/fuse
	defer umount -l /dev/fuse
fi
chown 65534:65534 "$M"
as_nobody test -x "$LIB/hellofs" || skip "the build directory is not for everyone"

hellofs() { as_nobody timeout 60 "$LIB/hellofs" "$@" "$M"; }
seen() { as_nobody timeout 20 cat "$M/$1"; }

for how in fusermount umount signal; do
	hellofs -o noatime
	has "$(grep " $M " /proc/self/mounts)" "hello,\\040fs $M fuse.hellofs rw,nosuid,nodev,noatime,user_id=65534" \
		"the mount table"
	worker=$(seen status | awk '/^pid/ { print $2 }')
	holder=$(holder_of "$worker")
	kill -KILL "$worker"
	eq "$(seen hello)" "hello, world" "after the worker's death"
	case $how in
	fusermount) as_nobody fusermount3 -u "$M" ;;
	umount) umount "$M" ;;
	signal) as_nobody kill -TERM "$holder" ;;
	esac
	await exit "$holder"
	if is_mounted; then fail "still mounted after $how"; fi
done

# In use: fusermount3 detaches it, and it is served until it is let go.
hellofs
holder=$(holder_of "$(seen status | awk '/^pid/ { print $2 }')")
mkfifo -m 666 "$T/go"
as_nobody sh -c 'exec 3<"$0"; read -r go <"$1"; cat <&3' "$M/hello" "$T/go" >"$T/late" &
reader=$!
exec 6>"$T/go"
await path "/proc/$reader/fd/3"
as_nobody kill -TERM "$holder"
await unmounted "$M"
echo go >&6
exec 6>&-
wait "$reader"
eq "$(cat "$T/late")" "hello, world" "a read after a lazy unmount"
await exit "$holder"

# allow_other is fusermount3's to refuse; its words reach the user.
if ! grep -q '^user_allow_other' /etc/fuse.conf 2>/dev/null; then
	eq "$(status_of hellofs --allow-other)" 1 "allow_other as an ordinary user"
	has "$(cat "$T/err")" "user_allow_other" "fusermount3's own message"
	has "$(cat "$T/err")" "fusermount3 could not mount on '$M'" "ours"
fi

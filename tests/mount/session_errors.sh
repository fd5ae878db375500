#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What cannot be mounted is said in two lines: what is wrong, and what to do.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

# refused PATH PART [OPTION...] - exit status 1, PART in two lines, no mount left
refused() {
	local path=$1 part=$2
	shift 2
	eq "$(status_of timeout 60 "$LIB/hellofs" "$@" "$path")" 1 "status for $path $*"
	has "$(cat "$T/err")" "$part" "message for $path $*"
	has "$(head -n1 "$T/err")" "hellofs: " "the program names itself"
	[ "$(wc -l <"$T/err")" -ge 2 ] || fail "no next step: $(cat "$T/err")"
	if is_mounted; then fail "mounted after all: $path $*"; fi
}

for how in --threads=2 --foreground; do
	refused "$T/absent" "mountpoint '$T/absent' does not exist" "$how"
	touch "$T/file"
	refused "$T/file" "mountpoint '$T/file' is not a directory" "$how"
	refused "$T/file/below" "is not a directory" "$how"
	refused "$M" "told to fail" "$how" --fail-start
	refused "$M" "unknown mount option 'sideways'" "$how" -o ro,sideways
done

# A mount whose server is gone, and nobody has taken it away.
exec 9<>/dev/fuse
mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 gone "$M"
exec 9>&-
eq "$(status_of timeout 60 "$LIB/hellofs" "$M")" 1 "status for a stale mount"
has "$(cat "$T/err")" "holds a FUSE mount whose server is gone" "message for a stale mount"
has "$(cat "$T/err")" "umount '$M'" "the command that helps"
eq "$(status_of timeout 20 cat "$M/hello")" 1 "a stale mount does not hang"
has "$(cat "$T/err")" "Transport endpoint is not connected" "what its users see"
umount "$M"

# The device, in a mount namespace of our own.
unshare --mount sh -eu -c '
	mount --make-rprivate /
	: >"$0/none"
	mount --bind "$0/none" /dev/fuse
	timeout 60 "$1" "$2" 2>"$0/err" && exit 1
	grep -q "cannot open ./dev/fuse.\|cannot mount" "$0/err"
' "$T" "$LIB/hellofs" "$M" || fail "no FUSE device: $(cat "$T/err")"

# Mounting is not allowed here.
eq "$(status_of setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
	timeout 60 "$LIB/hellofs" "$M")" 1 "status without CAP_SYS_ADMIN"
has "$(cat "$T/err")" CAP_SYS_ADMIN "message without CAP_SYS_ADMIN"

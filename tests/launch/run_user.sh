#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user runs containers, in a user namespace of its own; limits that it
# may not set are refused, not forgotten.
[ -n "${NACRE_TEST_OWN_MOUNTS:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env NACRE_TEST_OWN_MOUNTS=1 unshare --mount --propagation private "$0"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd setpriv
[ "$DRIVER" = overlay ] || need_fuse
setpriv --reuid 1000 --regid 1000 --clear-groups unshare --user --map-root-user true 2>/dev/null ||
	skip "this host lets no ordinary user make a user namespace"
# Usual hosts let everybody open the device.
if ! setpriv --reuid 1000 --regid 1000 --clear-groups test -w /dev/fuse; then
	mknod -m 666 "$T/fuse" c 10 229
	mount --bind "$T/fuse" /dev/fuse
	defer umount /dev/fuse
fi
mkdir "$T/home" "$T/user"
chown 1000:1000 "$T/home" "$T/user"
setpriv --reuid 1000 --regid 1000 --clear-groups test -x "$NACRE_BUILD/nacre" ||
	skip "an ordinary user cannot reach $NACRE_BUILD"

# as_user OPTION... -- COMMAND
as_user() {
	timeout 60 setpriv --reuid 1000 --regid 1000 --clear-groups env -u XDG_RUNTIME_DIR \
		NACRE_DATA_DIR="$T/user" HOME="$T/home" \
		nacre --root "$T/user/state" run --rootfs-driver "$DRIVER" "$@"
}

eq "$(as_user -- id -u)" 0 "root inside"
eq "$(as_user -- sh -c 'touch /made && stat -c %u /made')" 0 "files it makes are its own"
as_user -u "$T/user/upper" -- sh -c 'echo kept >/file; rm /etc/hosts'
eq "$(stat -c %u "$T/user/upper/file")" 1000 "outside the user's"
eq "$(cat "$T/user/upper/file")" kept "the upper is kept"
eq "$(status_of as_user -- sh -c 'exit 4')" 4 "status"
eq "$(status_of as_user --memory 64M -- true)" 125 "a limit that may not be set"
has "$(cat "$T/err")" "Limits need root" "message about that"
eq "$(status_of as_user -- no-such-command)" 127 "a missing command"
eq "$(ls "$T/user/state")" "" "no state is left"
eq "$(ls "$T/user/scratch")" "" "no scratch layer is left"

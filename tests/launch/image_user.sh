#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user imports an image: owners arrive where the user has ids for
# them, marks are those that overlay reads in a user namespace, and what the user
# may not make is left out with a warning.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/image.sh"
need_root
need_cmd setpriv getfattr
[ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 1 ] ||
	skip "this host lets no ordinary user make a user namespace"

mktar "$T/1.tar" <<-'END'
	d dir
	own 0 0
	mode 4755
	f dir/root x
	own 70000 70000
	f dir/unmapped x
	c null 1 3
	d opaque
	f opaque/.wh..wh..opq
	f .wh.gone
	pax SCHILY.xattr.user.mine yes
	pax SCHILY.xattr.trusted.theirs no
	f marked x
	mode 0000
	d closed
	f closed/inside x
END
layout "$T/layout" v1 gzip "$T/1.tar"
mkdir "$T/home"
chown 65533:65533 "$T/home"
as_user() {
	env -u XDG_DATA_HOME XDG_RUNTIME_DIR="$T/home/run" HOME="$T/home" NACRE_DATA_DIR="$T/home/store" \
		setpriv --reuid 65533 --regid 65533 --clear-groups "$@"
}
eq "$(status_of as_user nacre import -q "$T/layout" mine)" 0 "import: $(cat "$T/err")"
has "$(cat "$T/err")" "device nodes were left out" "a warning about the device"
has "$(cat "$T/err")" "dir/unmapped" "a warning about the owner"
has "$(cat "$T/err")" "extended attribute" "a warning about the attribute"
layer=$(as_user nacre images --layers mine)
eq "$(stat -c '%u %a' "$layer/dir/root")" "65533 4755" "root is the user"
eq "$(getfattr --absolute-names --only-values -n user.overlay.opaque "$layer/opaque")" y "the opaque mark"
eq "$(stat -c '%F %t:%T' "$layer/gone")" "character special file 0:0" "a whiteout"
eq "$(getfattr --absolute-names --only-values -n user.mine "$layer/marked")" yes "an attribute of the user"
[ ! -e "$layer/null" ] || fail "a device"
eq "$(status_of as_user nacre rmi mine)" 0 "rmi: $(cat "$T/err")"
eq "$(ls "$T/home/store/layers/sha256")" "" "layers at the end"

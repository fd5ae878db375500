#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who owns what: ids shifted, squashed, or kept in an attribute because the layer
# cannot hold them. What is shown must be the same as on a plain file system.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd setpriv getfattr setfattr

mkdir -p "$T/low/dir" "$T/m"
chmod 755 "$T"
echo text >"$T/low/file"
chown 5:6 "$T/low/file"
cp /bin/true "$T/low/program"
chown 7:8 "$T/low/program"
chmod 4755 "$T/low/program"
mkfifo -m 640 "$T/low/dir/pipe"
mknod -m 606 "$T/low/dir/null" c 1 3
ln -s file "$T/low/link"
chmod 1777 "$T/low"

fresh() {
	rm -rf "$T/u" "$T/w"
	mkdir -p "$T/u" "$T/w"
	chmod 1777 "$T/u"
}
owner() { stat -c %u:%g "$T/m/$1"; }
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }

# --- shifted, in containers-storage's form ---
fresh
mount_nacre "$T/m" "$T/low" "$T/u" "$T/w" uidmapping=:0:100000:65530,gidmapping=:0:100000:65530
eq "$(owner file)" 100005:100006 "a lower file's owner"
chown 100020:100021 "$T/m/file"
eq "$(owner file)" 100020:100021 "a changed owner"
eq "$(stat -c %u:%g "$T/u/file")" 20:21 "a changed owner in the layer"
as 100033 touch "$T/m/new"
eq "$(owner new)" 100033:100033 "a new file's owner"
eq "$(stat -c %u:%g "$T/u/new")" 33:33 "a new file's owner in the layer"
eq "$(status_of chown 70 "$T/m/new")" 1 "an owner that the layers cannot hold"
has "$(cat "$T/err")" "Value too large" "the error"
eq "$(owner new)" 100033:100033 "the owner after that"
# An engine's own user, for whom there is no id: nobody's until given away.
touch "$T/m/prepared"
eq "$(owner prepared)" 65534:65534 "a file made by somebody without an id"
unmount "$T/m"

# --- squashed ---
fresh
mount_nacre "$T/m" "$T/low" "$T/u" "$T/w" squash_to_uid=1234,squash_to_gid=4321
eq "$(owner file)" 1234:4321 "a squashed owner"
chown 9:9 "$T/m/file"
eq "$(owner file)" 1234:4321 "a squashed owner after chown"
unmount "$T/m"

# --- kept in an attribute: the same work with and without ---
work() {
	cd "$T/m"
	chown 21:22 file
	chmod 2710 file
	echo more >>program		# drops suid as everywhere
	chmod 600 dir/pipe
	chown 3:4 dir/null
	mkdir -m 2775 shared
	chgrp 99 shared
	chmod g+s shared
	as 50 touch own
	mkdir shared/below
	mknod block b 7 1
	mkfifo pipe
	(umask 077 && echo x >private)
	ln -s there newlink
	chown -h 5:5 newlink
	mv dir moved
	ln own own2
	setfattr -n user.mine -v 1 own
	cd /
}
see() { (cd "$T/m" && find . ! -type l -printf '%p %M %U:%G %y %n\n' | sort && find . -type l -printf '%p -> %l\n' | sort && stat -c '%n %t:%T' block moved/null && getfattr -d own); }
for permissions in 0 2; do
	fresh
	mount_nacre "$T/m" "$T/low" "$T/u" "$T/w" xattr_permissions=$permissions
	work
	see >"$T/seen.$permissions"
	unmount "$T/m"
	# Remembered by the layer: without the option it is still so.
	mount_nacre "$T/m" "$T/low" "$T/u" "$T/w"
	see >"$T/again.$permissions"
	unmount "$T/m"
	same_text "$T/seen.$permissions" "$T/again.$permissions" "xattr_permissions=$permissions: mounted again it looks different"
done
same_text "$T/seen.0" "$T/seen.2" "kept in an attribute it looks different"
eq "$(getfattr --only-values -n user.containers.override_stat "$T/u/file" 2>/dev/null)" 21:22:2710:file \
	"the attribute in containers-storage's form"
[ -z "$(find "$T/u" ! -type c \( ! -user 0 -o ! -group 0 -o -perm /7022 \) ! -type l ! -path "$T/u")" ] ||
	fail "owners or modes on disk: $(find "$T/u" ! -type c \( ! -user 0 -o ! -group 0 -o -perm /7022 \) ! -type l ! -path "$T/u" -printf '%p %M %u ')"

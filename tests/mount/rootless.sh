#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user, and root of a user namespace, have a union like everybody
# else's: attributes in user.overlay., modes that bind their owner included.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd setpriv fusermount3 unshare getfattr setfattr
[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not setuid root"

USER_ID=65534
chmod 755 "$T"
cp "$NACRE_UNIONFS" "$T/nacre-unionfs"
as_user() { setpriv --reuid $USER_ID --regid $USER_ID --clear-groups "$@"; }
if ! as_user test -w /dev/fuse; then
	[ -n "${NACRE_TEST_ID:-}" ] || skip "/dev/fuse is not for everyone (run me with tests/lib/runner)"
	mknod -m 666 "$T/fuse" c 10 229
	mount --bind "$T/fuse" /dev/fuse
	defer umount -l /dev/fuse
fi

# What is done in a union, and what must be true then; $1 is the mountpoint.
cat >"$T/work.sh" <<'END'
set -e
cd "$1"
check() { "$@" || { echo "not so: $*" >&2; exit 1; }; }
echo more >>linked-b
check test "$(cat linked-a)" = "$(printf 'linked\nmore')"
check test linked-a -ef linked-b
rm link
check test ! -e link
mv shut open				# a lower directory of mode 0555
check test "$(cat open/inner/file)" = inner
mkdir shut
check test -z "$(ls -A shut)"		# opaque
mkdir -m 0555 born-shut
mv born-shut moved-shut
rmdir moved-shut
exec 9>>read-only-later
chmod 0444 read-only-later
echo still >&9
exec 9>&-
check test "$(cat read-only-later)" = "$(printf 'later\nstill')"
chmod 0400 big				# attributes only
check test "$(wc -c <big)" = 300000
rm open/inner/file			# its parent's parent lets nobody write
check test -z "$(ls -A open/inner)"
check test "$(stat -c %a open)" = 555
ln -s target new-link
mkfifo pipe
chmod 0600 fifo-a			# can hold no user.* attribute
check test fifo-a -ef fifo-b
check test "$(stat -c %a fifo-b)" = 600
rm fifo-a
touch -h -d 2001-02-03 new-link
setfattr -n user.overlay.mine -v 1 big 2>/dev/null || { chmod 0600 big; setfattr -n user.overlay.mine -v 1 big; }
check test "$(getfattr --only-values -n user.overlay.mine big)" = 1
END
cat >"$T/again.sh" <<'END'
cd "$1" || exit 1
find . ! -name work -printf '%p %M %l\n' | sort
cat linked-a read-only-later
END

make_layers() {
	mkdir -p "$1/lower/shut/inner" "$1/upper" "$1/work" "$1/merged"
	echo linked >"$1/lower/linked-a"
	ln "$1/lower/linked-a" "$1/lower/linked-b"
	ln -s nowhere "$1/lower/link"
	echo inner >"$1/lower/shut/inner/file"
	chmod 0555 "$1/lower/shut"
	mkfifo "$1/lower/fifo-a"
	ln "$1/lower/fifo-a" "$1/lower/fifo-b"
	echo later >"$1/lower/read-only-later"
	head -c 300000 /dev/zero >"$1/lower/big"
	chown -R $USER_ID:$USER_ID "$1"
}

# check_upper DIR - only user.* attributes, and no trace of work under way
check_upper() {
	[ -z "$(getfattr -R -h -d -m '^trusted' "$1/upper" 2>/dev/null)" ] || fail "trusted attributes without privileges"
	has "$(getfattr -h -d -m - "$1/upper/open" 2>/dev/null)" 'user.overlay.redirect="shut"' "the rename was not recorded"
	[ -z "$(find "$1/work/work" -mindepth 1 ! -type c)" ] || fail "something is left in the work directory"
	[ -c "$1/upper/link" ] || fail "no whiteout device"
}

# --- as an ordinary user ---
D=$T/user
make_layers "$D"
options="lowerdir=$D/lower,upperdir=$D/upper,workdir=$D/work"
as_user timeout 20 "$T/nacre-unionfs" -o "$options" "$D/merged" || fail "cannot mount as a user"
as_user timeout 60 bash "$T/work.sh" "$D/merged" || fail "as a user"
as_user timeout 20 bash "$T/again.sh" "$D/merged" >"$T/before"
as_user fusermount3 -u "$D/merged" || fail "cannot unmount as a user"
check_upper "$D"
as_user timeout 20 "$T/nacre-unionfs" -o "$options" "$D/merged" || fail "cannot mount again"
as_user timeout 20 bash "$T/again.sh" "$D/merged" >"$T/after"
as_user fusermount3 -u "$D/merged"
same_text "$T/before" "$T/after" "mounted again it looks different"

# --- as root of a user namespace ---
D=$T/namespace
make_layers "$D"
cat >"$T/inside.sh" <<END
"$T/nacre-unionfs" -o "lowerdir=$D/lower,upperdir=$D/upper,workdir=$D/work" "$D/merged" || exit 2
bash "$T/work.sh" "$D/merged" && umount "$D/merged"
END
as_user timeout 60 unshare --user --map-root-user --mount bash "$T/inside.sh" || fail "as root of a user namespace: $?"
check_upper "$D"

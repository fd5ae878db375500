#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# chattr +i and +a: what kernel overlay wrote into an upper is shown and obeyed by ours
# as it does itself, and the other way round.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_fs overlay
need_union
need_cmd chattr lsattr setfattr getfattr setpriv python3 mkfs.ext4

truncate -s 64M "$T/image"
mkfs.ext4 -q "$T/image"
mkdir "$T/fs"
mount -o loop "$T/image" "$T/fs" 2>/dev/null || skip "no loop devices"
cd "$T/fs" || exit
mkdir low
mkdir low/dir low/adir low/idir
for name in plain a i dir/f dir/for-adir dir/for-idir adir/f idir/f; do
	echo shipped >"low/$name"
done

# fill SIDE - files of the upper, and its flags, made in the union of SIDE
fill() {
	local m=$1/m
	if ! { echo made >"$m/new" && echo made >"$m/both" && mkdir "$m/idir/sub" &&
		chattr +a "$m/a" "$m/adir" && chattr +i "$m/i" "$m/new" "$m/idir" &&
		chattr +ai "$m/both"; }; then
		fail "$1 cannot set the flags"
	fi
}

# try WHAT COMMAND... - what becomes of it, without what the union is called
try() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "$what: done"
	else
		echo "$what: ${out##*: }"
	fi
}

write_at() { printf x | dd of="$1" bs=1 conv=notrunc status=none; }
truncate_to() { truncate -s "$2" "$1"; }
append() { printf x >>"$1"; }
fresh_open() { : >"$1"; }

# look DIR - the flags, as both system calls tell them
look() {
	(cd "$1" && lsattr -d plain a i new both dir adir idir dir/f adir/f idir/f)
	(cd "$1" && python3 "$T/xflags.py" plain a i new both adir idir)
}
cat >"$T/xflags.py" <<'END'
import fcntl, os, struct, sys
for name in sys.argv[1:]:
    fd = os.open(name, os.O_RDONLY)
    got = fcntl.ioctl(fd, 0x801c581f, bytes(28))    # FS_IOC_FSGETXATTR
    print(name, hex(struct.unpack_from("=I", got)[0]))
END

# attempts DIR - one of everything that the flags have a say in
attempts() (
	cd "$1" || exit
	for f in a i new both; do
		try "chmod $f" chmod 600 "$f"
		try "chown $f" chown 1:1 "$f"
		try "touch $f" touch "$f"
		try "date $f" touch -a -d 2001-01-01 "$f"
		try "setfattr $f" setfattr -n user.x -v y "$f"
		try "shrink $f" truncate_to "$f" 1
		try "grow $f" truncate_to "$f" 100
		try "open to truncate $f" fresh_open "$f"
		try "link $f" ln "$f" link
		try "rename $f" mv "$f" moved
		try "replace $f" mv plain "$f"
		try "unlink $f" rm -f "$f"
	done
	for d in adir idir; do
		try "create in $d" touch "$d/created"
		try "mkdir in $d" mkdir "$d/made"
		try "symlink in $d" ln -s x "$d/symlink"
		try "link into $d" ln plain "$d/linked"
		try "move into $d" mv "dir/for-$d" "$d/moved"
		try "move out of $d" mv "$d/f" out
		try "write in $d" append "$d/f"
		try "unlink in $d" rm -f "$d/f"
		try "chmod $d" chmod 700 "$d"
		try "rename $d" mv "$d" other
	done
	try "rmdir in idir" rmdir idir/sub
	try "lift" chattr -i i
	try "then" rm -f i
	try "narrow" chattr -i both
	try "still" rm -f both
	try "without the capability" setpriv --bounding-set -linux_immutable chattr -a both
	lsattr -d both
)

# What only those can refuse who are told of each open, or of each write.
writes() (
	cd "$1" || exit
	for f in a i new both; do
		try "append $f" append "$f"
		try "overwrite $f" write_at "$f"
	done
)

# mount_side WHO PAIR
mount_side() {
	local at=$T/fs/$2
	case $1 in
	kernel) mount_overlay "$at/m" "$T/fs/low" "$at/u" "$at/w" "$theirs" ;;
	nacre) mount_nacre "$at/m" "$T/fs/low" "$at/u" "$at/w" "$ours" ;;
	esac || fail "cannot mount $2 by $1"
}

# marks PAIR - as they are on disk
marks() { (cd "$1/u" && getfattr -h -m 'overlay.protattr' -d -R . | grep -v '^$'); }

# compare WRITER-READER... - they tell the same story; the kernel's comes first
compare() {
	local pair told
	for pair; do
		mkdir -p "$pair/u" "$pair/w" "$pair/m"
		mount_side "${pair%-*}" "$pair"
		fill "$pair"
		look "$pair/m" >"$T/$pair.filled"
		unmount "$T/fs/$pair/m"
		marks "$pair" >"$T/$pair.marks"
		mount_side "${pair#*-}" "$pair"
		{
			look "$pair/m"
			case $ours in
			data=passthrough | writeback=0) writes "$pair/m" ;;
			esac
			attempts "$pair/m"
		} >"$T/$pair.read"
		unmount "$T/fs/$pair/m"
		for told in filled marks read; do
			diff "$T/kernel-kernel.$told" "$T/$pair.$told" >&2 ||
				fail "$pair ($ours): not as kernel overlay: $told"
		done
		rm -rf "$pair"
	done
	grep -q 'unlink i: Operation not permitted' "$T/kernel-kernel.read" || fail "nothing was refused"
	grep -q 'overlay.protattr="ai"' "$T/kernel-kernel.marks" || fail "nothing was marked"
}

theirs=metacopy=on,redirect_dir=on,index=on
ours=
compare kernel-kernel kernel-nacre nacre-kernel nacre-nacre
for ours in data=passthrough writeback=0; do
	compare kernel-kernel kernel-nacre
done
theirs=userxattr ours=userxattr,metacopy=off,redirect_dir=off
compare kernel-kernel kernel-nacre nacre-kernel

# What a directory's flag forbids copies nothing up before it is refused.
theirs=metacopy=on,redirect_dir=on,index=on ours=
mkdir -p refused/u refused/w refused/m
for side in kernel nacre; do
	mount_side $side refused
	(cd refused/m && chattr +a adir && chattr +i idir && echo upper >free)
	for move in "adir/f out" "idir/f out" "dir/for-idir idir/x" "dir/for-adir adir/f"; do
		# shellcheck disable=SC2086	# two names
		if (cd refused/m && mv -T $move) 2>/dev/null; then fail "$side: moved $move"; fi
	done
	unmount "$T/fs/refused/m"
	(cd refused/u && find . | sort) >"$T/refused.$side"
	rm -rf refused/u refused/w
	mkdir refused/u refused/w
done
same_text "$T/refused.kernel" "$T/refused.nacre" "copied up for a refused move (-kernel +nacre)"

# chattr changes ctime; the kernel's clock goes in steps, so until it does. Of a file
# whose writes it gathers the kernel believes no ctime but its own.
mkdir -p ctime/u ctime/w ctime/m
for run in kernel: nacre: nacre:writeback=0; do
	side=${run%:*} ours=${run#*:}
	mount_side "$side" ctime
	echo made >ctime/m/new
	for name in plain new dir; do
		[ "$run" != nacre: ] || [ -d "ctime/m/$name" ] || continue
		before=$(stat -c %z "ctime/m/$name")
		for ((turn = 0; turn < 100; turn++)); do
			chattr +d "ctime/m/$name" && chattr -d "ctime/m/$name"
			[ "$(stat -c %z "ctime/m/$name")" = "$before" ] || break
		done
		[ $turn -lt 100 ] || fail "$run chattr leaves the ctime of '$name'"
	done
	unmount "$T/fs/ctime/m"
	rm -rf ctime/u ctime/w
	mkdir ctime/u ctime/w
done

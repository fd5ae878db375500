#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# chattr +i and +a: what kernel overlay wrote into an upper is shown and obeyed by ours
# as it does itself, and the other way round; so are those of lower files.
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
# The same with flags that are the lower layer's own.
cp -r low flagged
echo shipped >flagged/new
echo shipped >flagged/both
mkdir flagged/idir/sub
chattr +a flagged/a flagged/adir
chattr +i flagged/i flagged/new flagged/idir
chattr +ai flagged/both

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

# To the end: what open(2) lets in may be refused when it is written back.
write_at() { printf x | dd of="$1" bs=1 conv=notrunc,fsync status=none; }
truncate_to() { truncate -s "$2" "$1"; }
append() { printf x | dd of="$1" bs=1 oflag=append conv=notrunc,fsync status=none; }
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
		try "date of content of $f" touch -m -d 2001-01-01 "$f"
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
	kernel) mount_overlay "$at/m" "$T/fs/$low" "$at/u" "$at/w" "$theirs" ;;
	nacre) mount_nacre "$at/m" "$T/fs/$low" "$at/u" "$at/w" "$ours" ;;
	esac || fail "cannot mount $2 by $1"
}

# marks PAIR - as they are on disk
marks() { (cd "$1/u" && getfattr -h -m 'overlay.protattr' -d -R . | grep -v '^$' || true); }

# content DIR - of all files
content() { (cd "$1" && find . -type f | sort | while read -r f; do echo "$f: $(<"$f")"; done); }

all_attempts() {
	look "$1"
	writes "$1"
	attempts "$1"
}

# compare WRITER-READER... - they tell the same story; the kernel's comes first
compare() {
	local pair told
	for pair; do
		mkdir -p "$pair/u" "$pair/w" "$pair/m"
		mount_side "${pair%-*}" "$pair"
		[ $low = flagged ] || fill "$pair"
		look "$pair/m" >"$T/$pair.filled"
		unmount "$T/fs/$pair/m"
		marks "$pair" >"$T/$pair.marks"
		mount_side "${pair#*-}" "$pair"
		all_attempts "$pair/m" >"$T/$pair.read"
		unmount "$T/fs/$pair/m"
		mount_side kernel "$pair"
		{ content "$pair/m" && look "$pair/m"; } >"$T/$pair.after" 2>&1 || true
		unmount "$T/fs/$pair/m"
		marks "$pair" >>"$T/$pair.after"
		for told in filled marks read after; do
			diff "$T/kernel-kernel.$told" "$T/$pair.$told" >&2 ||
				fail "$pair ($low, $ours): not as kernel overlay: $told"
		done
		rm -rf "$pair"
	done
	grep -q 'unlink i: Operation not permitted' "$T/kernel-kernel.read" || fail "nothing was refused"
	[ $low = flagged ] || grep -q 'overlay.protattr="ai"' "$T/kernel-kernel.marks" ||
		fail "nothing was marked"
}

theirs=metacopy=on,redirect_dir=on,index=on
ours=
low=low
compare kernel-kernel kernel-nacre nacre-kernel nacre-nacre
for ours in data=passthrough writeback=0; do
	compare kernel-kernel kernel-nacre
done
low=flagged
for ours in "" data=passthrough writeback=0; do
	compare kernel-kernel nacre-nacre
done
theirs=userxattr ours=userxattr,metacopy=off,redirect_dir=off
for low in low flagged; do
	compare kernel-kernel kernel-nacre nacre-kernel
done

# refused DIR - everything here is
refused() (
	cd "$1" || exit
	for move in "adir/f out" "idir/f out" "dir/for-idir idir/x" "dir/for-adir adir/f" \
		"i out" "a out" "dir/f i" "dir/f a" "dir/f dir/../i" "idir out"; do
		# shellcheck disable=SC2086	# two names
		if mv -T $move 2>/dev/null; then fail "$1: moved $move"; fi
	done
	if ln i link 2>/dev/null || ln dir/f idir/link 2>/dev/null || rm -f i a idir/f 2>/dev/null ||
		mkdir idir/made 2>/dev/null || rmdir idir/sub 2>/dev/null || chmod 600 i 2>/dev/null ||
		touch -d 2001-01-01 a 2>/dev/null || setfattr -n user.x -v y i 2>/dev/null ||
		truncate -s 3 a 2>/dev/null || touch idir/made 2>/dev/null; then
		fail "$1: was not refused"
	fi
)

# What is refused copies nothing up before.
theirs=metacopy=on,redirect_dir=on,index=on ours=
mkdir -p refused/u refused/w refused/m
for low in low flagged; do
	for side in kernel nacre; do
		mount_side $side refused
		[ $low = flagged ] || (cd refused/m && chattr +a a adir && mkdir idir/sub && chattr +i i idir)
		refused refused/m
		unmount "$T/fs/refused/m"
		(cd refused/u && find . | sort) >"$T/refused.$side"
		rm -rf refused/u refused/w
		mkdir refused/u refused/w
	done
	same_text "$T/refused.kernel" "$T/refused.nacre" "copied up for a refusal (-kernel +nacre)"
done

# What was written before a file is protected is in it, and remains.
low=low
mount_side nacre refused
exec 5>>refused/m/plain
echo early >&5
chattr +i refused/m/plain
echo late >&5
sync -f refused/m 2>/dev/null || true
exec 5>&-
unmount "$T/fs/refused/m"
eq "$(<refused/u/plain)" $'shipped\nearly' "the file that was protected while it was written"

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

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# With data=passthrough and data=all the kernel reads and writes files itself, and
# programs see what they see without: the right bytes, sizes, times and set-id bits.
# timeout: 200
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union
need_cmd python3 setpriv

mkdir "$T/lower" "$T/m"
m=$T/m
chmod 755 "$T"

# begin DATA - a fresh mount
begin() {
	data=$1
	rm -rf "$T/lower" "$T/upper" "$T/work"
	mkdir "$T/lower" "$T/upper" "$T/work"
	for name in a b c d e f bound; do
		printf 'lower %s\n' $name >"$T/lower/$name"
	done
	cp "$(command -v sleep)" "$T/lower/program"
	mount_nacre "$m" "$T/lower" "$T/upper" "$T/work" "data=$data"
}

as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
has_bits() { eq "$(stat -c %a "$1")" "$2" "data=$data: $3"; }

# requests COMMAND... - the kinds that the command caused, one a line
tracing=/sys/kernel/tracing trace=
[ -d "$tracing/events/fuse/fuse_request_send" ] ||
	mount -t tracefs tracefs "$tracing" 2>/dev/null || true
if [ -d "$tracing/events/fuse/fuse_request_send" ] &&
	mkdir "$tracing/instances/$TEST_ID-pass" 2>/dev/null; then
	trace=$tracing/instances/$TEST_ID-pass
	defer rmdir "$trace"
fi
requests() {
	echo "connection==$(stat -c %d "$m")" >"$trace/events/fuse/fuse_request_send/filter"
	: >"$trace/trace"
	echo 1 >"$trace/events/fuse/fuse_request_send/enable"
	timeout 30 "$@" || fail "data=$data: $*"
	echo 0 >"$trace/events/fuse/fuse_request_send/enable"
	grep -o 'FUSE_[A-Z0-9_]*' "$trace/trace" | grep -v -e FORGET -e RELEASE || true
}

cat >"$T/use_file" <<'END'
import mmap, os, sys
f = os.open(sys.argv[1], os.O_RDWR)
for i in range(100):
    os.pwrite(f, b"%04d" % i, i * 4)
m = mmap.mmap(f, 400)
m[0:4] = b"mmap"
assert os.pread(f, 8, 0) == b"mmap0001", "what was written through a map"
assert m[396:400] == b"0099", "a map of what was written"
m.flush()
END

data_moves_without_requests() {
	head -c 100000 /dev/zero >"$m/upper"
	python3 "$T/use_file" "$m/upper" || fail "data=$data: an upper file"
	eq "$(head -c 8 "$T/upper/upper")" "mmap0001" "data=$data: what is in the upper"
	eq "$(stat -c %s "$m/upper")" 100000 "data=$data: the size"
	[ -n "$trace" ] || return 0
	eq "$(requests python3 "$T/use_file" "$m/upper" | grep -c -e READ$ -e WRITE || true)" 0 \
		"data=$data: READs and WRITEs of an upper file"
	# That the count counts: this is a write that must reach the daemon.
	has "$(requests touch "$m/counted")" FUSE_CREATE "the tracepoint"
}

attributes_follow_the_data() {
	python3 - "$m/times" <<-'END' || fail "data=$data: attributes"
		import mmap, os, sys
		path = sys.argv[1]
		f = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
		os.write(f, b"x" * 8192)
		assert os.stat(path).st_size == 8192
		def old():
		    os.utime(path, (1, 1))
		    assert os.stat(path).st_mtime == 1
		old()
		os.pwrite(f, b"y", 10000)
		assert os.stat(path).st_size == 10001 and os.stat(path).st_mtime > 1, "write"
		m = mmap.mmap(f, 8192)
		m[0]
		old()
		m[0] = 1
		assert os.stat(path).st_mtime > 1, "a map that was written"
		os.close(f)
		old()
		m[4096] = 1
		assert os.stat(path).st_mtime > 1, "a map of a closed file"
		m.close()
		os.truncate(path, 5)
		assert os.stat(path).st_size == 5 and len(open(path, "rb").read()) == 5
		open(path, "w").close()
		assert os.stat(path).st_size == 0 and os.stat(path).st_blocks == 0
	END
}

# What is open for reading while the file is copied up: with data=all it goes on
# reading the lower file, as it does on kernel overlay when it was mapped.
copied_up_while_open() {
	python3 - "$m" "$data" <<-'END' || fail "data=$data: copied up while it is open"
		import mmap, os, sys
		top, data = sys.argv[1:]
		def path(name): return top + "/" + name
		def text(name): return open(path(name), "rb").read()
		for name, change in (
		        ("a", lambda p: open(p, "ab").write(b"more\n")),
		        ("b", lambda p: open(p, "wb").write(b"new\n")),
		        ("c", lambda p: os.truncate(p, 3)),
		        ("d", lambda p: os.pwrite(os.open(p, os.O_RDWR), b"LOWER", 0))):
		    was = b"lower %s\n" % name.encode()
		    os.link(path(name), path(name + ".link"))
		    number = os.stat(path(name)).st_ino
		    fd = os.open(path(name), os.O_RDONLY)
		    m = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
		    assert m[:] == was
		    change(path(name))
		    now = {"a": was + b"more\n", "b": b"new\n", "c": b"low",
		           "d": b"LOWER d\n"}[name]
		    assert text(name) == now, (name, text(name))
		    assert text(name + ".link") == now, "by its other name"
		    kept = os.pread(fd, 100, 0)
		    assert kept == (was if data == "all" else now), (name, kept)
		    for n in (path(name), path(name + ".link"), fd):
		        st = os.stat(n)
		        assert (st.st_ino, st.st_size) == (number, len(now)), (name, n, st)
		    os.fchmod(fd, 0o600)
		    assert os.stat(path(name)).st_mode & 0o777 == 0o600, "fchmod by an old file"
		    os.chmod(path(name), 0o640)
		    assert os.fstat(fd).st_mode & 0o777 == 0o640, "chmod, seen by an old file"
		    del m
		    os.close(fd)
		    assert text(name) == now
	END
	eq "$(cat "$T"/lower/[abcd])" "$(printf 'lower %s\n' a b c d)" "data=$data: the lower files"
}

bind_mounts() {
	local file=$m/bound
	: >"$T/bound"
	mount --bind "$file" "$T/bound"
	exec 3<"$file"
	echo more >>"$file"
	exec 3<&-
	# The file is closed for the daemon once its RELEASE has come.
	timeout 30 sh -c "until cat '$T/bound' >'$T/out' 2>/dev/null; do :; done" ||
		fail "data=$data: a bind mount of a file that was copied up"
	eq "$(tr '\n' ' ' <"$T/out")" "lower bound more " "data=$data: through a bind mount"
	echo again >>"$T/bound"
	eq "$(stat -c %s "$file")" "$(stat -c %s "$T/bound")" "data=$data: sizes"
	eq "$(tail -n 1 "$file")" "again" "data=$data: written through a bind mount"
	umount "$T/bound"
}

running_programs() {
	local how pid
	for how in lower upper; do
		"$m/program" 1000 &
		pid=$!
		until [ "$(readlink "/proc/$pid/exe")" = "$m/program" ]; do :; done
		if (echo >>"$m/program") 2>"$T/err"; then
			kill $pid
			fail "data=$data: a running program was opened for writing ($how)"
		fi
		has "$(cat "$T/err")" "Text file busy" "data=$data: why not ($how)"
		kill $pid
		wait $pid || true
		touch -m "$m/program"
		: >>"$m/program"
	done
	exec 3>>"$m/program"
	[ "$(status_of "$m/program" 0)" != 0 ] || fail "data=$data: what is being written was run"
	exec 3>&-
	"$m/program" 0 || fail "data=$data: a program that was copied up"
}

several_append() {
	local writer
	for writer in 1 2 3 4; do
		for ((i = 0; i < 200; i++)); do
			echo "$writer $i"
		done >>"$m/e" &
	done
	wait
	eq "$(wc -l <"$m/e")" 801 "data=$data: lines appended by four writers"
	for writer in 1 2 3 4; do
		eq "$(grep -c "^$writer " "$m/e")" 200 "data=$data: lines of writer $writer"
	done
	head -n 1 "$m/e" | grep -qx 'lower e' || fail "data=$data: the lower line is gone"
}

unlinked_files_live_on() {
	exec 3<>"$m/f" 4<"$m/f"
	rm "$m/f"
	echo "written later" >&3
	eq "$(cat <&4)" "written later" "data=$data: an unlinked file"
	eq "$(stat -L -c '%h %s' /dev/fd/3)" "0 14" "data=$data: its links and size"
	exec 3>&- 4<&-
	[ ! -e "$m/f" ] || fail "data=$data: it has come back"
}

set_id_bits() {
	echo x >"$m/tool"
	chmod 6777 "$m/tool"
	as_user sh -c "echo y >>'$m/tool'"
	has_bits "$m/tool" 777 "after a user's write"
	chmod 6777 "$m/tool"
	echo z >>"$m/tool"
	has_bits "$m/tool" 6777 "after root's write"
	as_user sh -c ": >'$m/tool'"
	has_bits "$m/tool" 777 "after a user's truncation"

	# They come while the file is open, also when who opened first was another.
	as_user sh -c "exec 3>>'$m/tool'; read line <'$T/fifo'; echo y >&3" &
	exec 5>"$T/fifo"
	chmod 6777 "$m/tool"
	echo go >&5
	exec 5>&-
	wait
	has_bits "$m/tool" 777 "after a user's write to a file that was open"
	exec 3>>"$m/tool"
	as_user sh -c "exec 4>>'$m/tool'; read line <'$T/fifo'; echo y >&4" &
	exec 5>"$T/fifo"
	chmod 6777 "$m/tool"
	echo z >&3
	has_bits "$m/tool" 6777 "after root's write to a file that was open"
	echo go >&5
	exec 5>&-
	wait
	has_bits "$m/tool" 777 "after a user's write to a file root has open"
	exec 3>&-
	eq "$(tail -n 3 "$m/tool" | tr '\n' ' ')" "y z y " "data=$data: what was written"
}

# The kernel needs nobody for a file that is open already.
worker_dies() {
	local worker
	echo before >"$m/open"
	exec 3<>"$m/open"
	worker=$(pgrep -f -- " $m\$" | tail -n 1)
	kill -KILL "$worker"
	echo after >&3
	eq "$(cat "$T/upper/open")" "after" "data=$data: written after the worker died" # over "before"
	eq "$(timeout 60 cat "$m/c.link")" "low" "data=$data: a file opened after that"
	exec 3>&-
}

mkfifo -m 666 "$T/fifo"
begin cached
set_id_bits
unmount "$m"
for data in passthrough all; do
	begin $data
	data_moves_without_requests
	attributes_follow_the_data
	copied_up_while_open
	bind_mounts
	running_programs
	several_append
	unlinked_files_live_on
	set_id_bits
	worker_dies
	unmount "$m"
done

# Where the kernel does not allow it that is said, and it works without.
begin_in() {
	rm -rf "$T/upper" "$T/work"
	mkdir "$T/upper" "$T/work"
	unshare -Urm sh -c "'$NACRE_UNIONFS' -o lowerdir='$T/lower',upperdir='$T/upper',workdir='$T/work',data=$1 '$m' &&
		cat '$m/a' && echo more >>'$m/a' && cat '$m/a' && umount '$m'"
}
if unshare -Urm true 2>/dev/null; then
	eq "$(timeout 60 cat <(begin_in all 2>"$T/err") | tr '\n' ' ')" "lower a lower a more " \
		"data=all in a user namespace"
	has "$(cat "$T/err")" "File data is cached instead" "what is said of it"
fi

# Layers on a stacked filesystem.
if grep -qw overlay /proc/filesystems; then
	mkdir "$T/empty" "$T/stacked"
	mount_overlay "$T/stacked" "$(layers "$T/lower" "$T/empty")"
	rm -rf "$T/upper" "$T/work"
	mkdir "$T/upper" "$T/work"
	mount_nacre "$m" "$T/stacked" "$T/upper" "$T/work" data=all 2>"$T/err"
	eq "$(cat "$m/a")" "lower a" "a file of a stacked layer"
	echo more >>"$m/a"
	eq "$(tail -n 1 "$m/a")" "more" "its copy"
	unmount "$m"
	has "$(cat "$T/err")" "stacked on another" "what is said of it"
fi

# Ten mounts have a lower file in memory once. Counted where the readers are charged,
# for others use the machine too.
group=
for dir in /sys/fs/cgroup/memory /sys/fs/cgroup; do
	[ -z "$group" ] && mkdir "$dir/$TEST_ID-pages" 2>/dev/null &&
		[ -e "$dir/$TEST_ID-pages/memory.stat" ] && group=$dir/$TEST_ID-pages
	[ -z "$group" ] || [ "$group" = "$dir/$TEST_ID-pages" ] || continue
	[ ! -d "$dir/$TEST_ID-pages" ] || defer rmdir "$dir/$TEST_ID-pages"
done
mib=1048576
cached() { awk '$1 == "total_cache" || $1 == "file" { print int($2 / '$mib'); exit }' "$group/memory.stat"; }
pages_of_ten() {	# DATA - in MiB
	local n before
	truncate -s 200M "$T/image"
	mkfs.ext4 -q "$T/image"
	mkdir -p "$T/disk"
	mount -o loop "$T/image" "$T/disk"
	mkdir "$T/disk/lower"
	head -c $((16 * mib)) /dev/urandom >"$T/disk/lower/file"
	umount "$T/disk"
	mount -o loop "$T/image" "$T/disk"	# nothing is cached now
	before=$(cached)
	for n in 1 2 3 4 5 6 7 8 9 10; do
		mkdir -p "$T/disk/$n/upper" "$T/disk/$n/work" "$T/ten/$n"
		mount_nacre "$T/ten/$n" "$T/disk/lower" "$T/disk/$n/upper" "$T/disk/$n/work" "data=$1"
		(echo $BASHPID >"$group/cgroup.procs" && cat "$T/ten/$n/file" >/dev/null)
	done
	echo $(($(cached) - before))
	for n in 1 2 3 4 5 6 7 8 9 10; do
		unmount "$T/ten/$n"
	done
	umount "$T/disk"
}
if [ -n "$group" ] && command -v mkfs.ext4 >/dev/null; then
	shared=$(pages_of_ten all)
	apart=$(pages_of_ten cached)
	note "16 MiB read through ten mounts are $shared MiB in memory with data=all, $apart with data=cached"
	[ "$shared" -lt 32 ] || fail "ten mounts have $shared MiB of one file in memory"
	[ "$apart" -gt 128 ] || fail "the figure means nothing: $apart MiB with data=cached"
fi

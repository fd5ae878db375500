#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A union goes over to the program that is installed now while it is used; a program
# that cannot read what the running one remembers refuses, and that one goes on.
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse

# install PROGRAM - as a package manager does: a new file under the old name
install() {
	cp "$1" "$T/new"
	mv "$T/new" "$T/bin/nacre-unionfs"
}
upgrade() { status_of timeout 60 "$T/bin/nacre-unionfs" upgrade "$@"; }
worker() { pgrep -P "$holder"; }

mkdir "$T/bin" "$T/lower" "$T/upper" "$T/work" "$T/mnt"
install "$NACRE_BUILD/nacre-unionfs"
echo below >"$T/lower/below"
mkdir -p "$T/lower/dir/sub"
echo deep >"$T/lower/dir/sub/file"
m=$T/mnt

cd "$T"		# what is relative stays so
bin/nacre-unionfs -f -o lowerdir=lower,upperdir=upper,workdir=work,volatile mnt 2>log &
holder=$!
await mounted "$m"
ls "$m" >/dev/null

exec 5<"$m/below" 6>"$m/unlinked" 7>>"$m/log" 8>"$m/flocked"
rm "$m/unlinked"
flock 8
# Maps a file, holds a POSIX lock on it, and puts each line into the map.
echo "0 mapped" >"$m/mapped"
coproc MAPPER { exec python3 -c '
import fcntl, mmap, sys
file = open(sys.argv[1], "r+b")
map = mmap.mmap(file.fileno(), 0)
fcntl.lockf(file, fcntl.LOCK_EX)
print("ready", flush=True)
for line in sys.stdin:
    map[0:1] = line[:1].encode()
    print("written", flush=True)
' "$m/mapped"; }
read -r answer <&"${MAPPER[0]}"
eq "$answer" ready "who maps a file"
may_lock() {
	python3 -c 'import fcntl, sys
fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$1" 2>"$T/err"
}
(cd "$m/dir/sub" && exec sleep 300) &
inside=$!
while [ ! -e "$T/stop" ]; do
	echo "line" >>"$m/lines" && [ "$(cat "$m/dir/sub/file")" = deep ] || break
	echo . >>"$T/turns"
done &
busy=$!

for turn in 1 2; do
	old=$(worker)
	install "$NACRE_BUILD/nacre-unionfs"
	eq "$(upgrade "$m")" 0 "status: $(cat "$T/err" "$T/log")"
	has "$(cat "$T/err")" "'$m' is upgraded" "what the user is told"
	[ "$(worker)" != "$old" ] || fail "the worker is the same"
	[ "/proc/$(worker)/exe" -ef "$T/bin/nacre-unionfs" ] || fail "it runs another program"
	echo "$turn" >&6
	echo "$turn" >&7
	eq "$(cat "/proc/$inside/cwd/file")" deep "a working directory"
	if flock -n "$m/flocked" true; then fail "flock(2) was lost"; fi
	if may_lock "$m/mapped"; then fail "a POSIX lock was lost"; fi
	echo "$turn" >&"${MAPPER[1]}"
	read -r answer <&"${MAPPER[0]}"
	eq "$answer" written "writing to a map"
	eq "$(cat "$m/mapped")" "$turn mapped" "what was written to a map"
done
eq "$(cat <&5)" below "a file that is open"
eq "$(cat "/proc/$$/fd/6")" "$(printf '1\n2')" "a file without a name"

# One that reads another state.
old=$(worker)
install "$LIB/unionfs-alien"
eq "$(upgrade "$m")" 1 "status of the alien"
has "$(cat "$T/err")" "cannot read what the running one remembers" "why"
has "$(cat "$T/err")" "'$m' is not upgraded" "what that means"
eq "$(worker)" "$old" "the worker was not disturbed"
# Nor is one that cannot even be executed.
echo "no program" >"$T/new"
chmod 755 "$T/new"
mv "$T/new" "$T/bin/nacre-unionfs"
eq "$(status_of timeout 60 "$NACRE_BUILD/nacre-unionfs" upgrade "$m")" 1 "status of nonsense"
eq "$(worker)" "$old" "the worker was not disturbed"

touch "$T/stop"
wait "$busy"
eq "$(wc -l <"$m/lines")" "$(wc -l <"$T/turns")" "lines written meanwhile"
eq "$(cat "$m/log")" "$(printf '1\n2')" "what was appended"
kill "$inside"

eq "$(status_of "$NACRE_BUILD/nacre-unionfs" upgrade)" 2 "which one is not said"
eq "$(status_of "$NACRE_BUILD/nacre-unionfs" upgrade "$T")" 1 "that is no union"
exec 5<&- 6>&- 7>&- 8>&-
mapper=$MAPPER_PID
eval "exec ${MAPPER[1]}>&-"
wait "$mapper"
may_lock "$m/mapped" || fail "the lock of a process that has ended: $(cat "$T/err")"
eq "$(cat "$T/upper/mapped")" "2 mapped" "what is on the disk of it"
cd /
umount "$m"
wait "$holder"

# All of them.
install "$NACRE_BUILD/nacre-unionfs"
mkdir "$T/m1" "$T/m2"
for i in 1 2; do
	"$T/bin/nacre-unionfs" -o "lowerdir=$T/lower" "$T/m$i"
done
upgrade --all >/dev/null		# there may be others here
for i in 1 2; do
	has "$(cat "$T/err")" "'$T/m$i' is upgraded" "each is"
	eq "$(cat "$T/m$i/below")" below "and served"
	unmount "$T/m$i"
done

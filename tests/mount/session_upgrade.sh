#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A mount goes over to the program that is installed now, unnoticed by those who
# use it; to a program that cannot go on from the state it does not.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

# install VERSION - as a package manager does: a new file under the old name
install() {
	cp "$LIB/$1" "$T/hellofs.new"
	mv "$T/hellofs.new" "$T/bin/hellofs"
}

upgrade() { status_of timeout 60 "$T/bin/hellofs" --upgrade "$M"; }

mkdir "$T/bin" "$T/relative"
install hellofs
cd "$T"
timeout 60 bin/hellofs mnt		# a program and a mountpoint without a slash in front
cd "$T/relative"
worker=$(status_line pid)
holder=$(holder_of "$worker")
defer end_holder "$holder"
exec 5<"$M/big"
echo before >"$M/note"

while [ ! -e "$T/stop" ]; do
	cat "$M/big" | cksum >"$T/sum" || break
	[ "$(cat "$T/sum")" = "$(cat "$T/sum.1" 2>/dev/null || cp "$T/sum" "$T/sum.1"; cat "$T/sum.1")" ] || break
	echo . >>"$T/reads"
done &
reader=$!

install hellofs-next
eq "$(upgrade)" 0 "status: $(cat "$T/err")"
has "$(cat "$T/err")" "'$M' is upgraded" "what the user is told"
eq "$(cat "$M/hello")" "hello, next" "the new version serves"
eq "$(cat "$M/note")" before "the state is there"
eq "$(cat "$M/kept")" kept "a descriptor that was kept"
eq "$(cat "$M/inherited")" inherited "a descriptor of the program's own"
eq "$(status_line pauses)" 1 "the old version was told to finish"
eq "$(holder_of "$(status_line pid)")" "$holder" "the holder is the same"
eq "$(head -c 26 <&5)" abcdefghijklmnopqrstuvwxyz "an open file"

# What crashes now is replaced by the new version, whatever is installed.
install hellofs
kill -KILL "$(status_line pid)"
eq "$(cat "$M/hello")" "hello, next" "the successor after an upgrade"
eq "$(cat "$M/kept")" kept "a descriptor that was kept, after a kill"

for version in hellofs-alien hellofs-unable; do
	install "$version"
	pid=$(status_line pid)
	eq "$(upgrade)" 1 "status of an upgrade to $version"
	has "$(cat "$T/err")" "'$M' is not upgraded" "what the user is told about $version"
	eq "$(cat "$M/hello")" "hello, next" "the old one goes on instead of $version"
	[ "$version" != hellofs-alien ] || {
		has "$(cat "$T/err")" "the state is of version 1, this reads 2" "why"
		eq "$(status_line pid)" "$pid" "the worker was not disturbed"
	}
done
rm "$T/bin/hellofs"
eq "$(status_of timeout 60 "$LIB/hellofs" --upgrade "$M")" 1 "nothing is installed"
has "$(cat "$T/err")" "cannot be opened" "nothing is installed: message"
eq "$(cat "$M/hello")" "hello, next" "it goes on all the same"

touch "$T/stop"
wait "$reader"
[ "$(wc -l <"$T/reads")" -gt 0 ] || fail "nothing was read meanwhile"
exec 5<&-
umount "$M"
await exit "$holder"

eq "$(status_of timeout 60 "$LIB/hellofs" --upgrade "$T")" 1 "upgrade of something else"
has "$(cat "$T/err")" "is not a mount that can be upgraded" "upgrade of something else: message"

# All of one kind, and none of another.
install hellofs
for i in 1 2; do
	mkdir "$T/all$i"
	timeout 60 "$T/bin/hellofs" --subtype "$TEST_ID" "$T/all$i"
done
timeout 60 "$T/bin/hellofs" "$M"
install hellofs-next
eq "$(status_of timeout 60 "$T/bin/hellofs" --subtype "$TEST_ID" --upgrade-all)" 0 "status for all"
for i in 1 2; do
	has "$(cat "$T/err")" "'$T/all$i' is upgraded" "what the user is told about each"
	eq "$(cat "$T/all$i/hello")" "hello, next" "each is upgraded"
	umount "$T/all$i"
done
eq "$(cat "$M/hello")" "hello, world" "another kind is not"
umount "$M"

# Who may not end it may not have it replaced, either.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if command -v setpriv >/dev/null && as_nobody test -x "$LIB/hellofs"; then
	start_hellofs --allow-other
	eq "$(status_of as_nobody timeout 60 "$LIB/hellofs" --upgrade "$M")" 1 "status for another user"
	has "$(cat "$T/err")" "Only root and who mounted it may" "message for another user"
	eq "$(status_line pid)" "$worker" "the worker was not disturbed"
	umount "$M"
	await exit "$holder"
fi

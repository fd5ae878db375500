#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker that dies is replaced, and nobody who uses the mount notices; one that
# cannot serve is not replaced for ever.
# timeout: 120
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

# read_on - until the file "stop" appears; counts what went well
read_on() {
	local n=0
	exec 5<"$M/big"
	while [ ! -e "$T/stop" ]; do
		[ "$(cat "$M/hello")" = "hello, world" ] || break
		[ "$(head -c 100000 "$M/big" | wc -c)" = 100000 ] || break
		[ "$(dd bs=26 count=1 <&5 2>/dev/null)" = abcdefghijklmnopqrstuvwxyz ] || break
		n=$((n + 1))
	done
	[ -e "$T/stop" ] && echo "$n" >"$T/reads.$1"
}

start_hellofs
for reader in 1 2 3; do
	read_on "$reader" &
done
for ((i = 0; i < 50; i++)); do
	kill -KILL "$(status_line pid)"
	cat "$M/hello" >/dev/null || fail "a read failed after kill $i"
done
eq "$(status_line generation)" 50 "workers so far"
touch "$T/stop"
wait
for reader in 1 2 3; do
	[ "$(cat "$T/reads.$reader")" -gt 0 ] || fail "reader $reader failed, or read nothing"
done
[ "$(status_line lookups)" -ge 50 ] || fail "the count of requests died with a worker"

# Carried out by a worker that died before it could answer.
before=$(status_line generation)
rm "$M/hello" || fail "an unlink that its worker died over"
eq "$(status_line unlinks)" 1 "it was carried out once"
eq "$(status_line generation)" $((before + 1)) "one worker died over it"

# One request that kills is not the end of the others.
eq "$(cat "$M/crash-once")" "hello, world" "a request that crashed one worker"
eq "$(status_of timeout 60 cat "$M/crash")" 1 "a request that crashes every worker"
has "$(cat "$T/err")" "Input/output error" "what its caller sees"
eq "$(cat "$M/hello")" "hello, world" "reads after that"
umount "$M"
await exit "$holder"

# A kernel that cannot send a request again: it fails, and the mount lives on.
start_hellofs --no-resend
eq "$(status_of timeout 60 rm "$M/hello")" 1 "a request that was lost"
has "$(cat "$T/err")" "Input/output error" "what its caller sees"
eq "$(cat "$M/hello")" "hello, world" "reads after that"
eq "$(status_line unlinks)" 1 "nothing was sent again"
umount "$M"
await exit "$holder"

for trouble in --crash-later-starts --exit-later-starts; do
	rm -f "$T/log"
	foreground_hellofs "$trouble"
	kill -KILL "$worker"
	if wait "$holder"; then fail "$trouble: no worker could start, but the status is 0"; fi
	has "$(cat "$T/log")" "workers for '$M' die before they serve" "$trouble: message"
	if is_mounted; then fail "$trouble: still mounted"; fi
done

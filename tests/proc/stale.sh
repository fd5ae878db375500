#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# What an earlier daemon left does not keep the next one from starting, and a client
# that says nothing keeps neither others nor the end waiting.
. "$(dirname "$0")/lib.sh"
need_cmd python3

make_cgroup "$TEST_ID"

# --- killed, holder and all: the mount is dead, the sockets lie around -------------

start_procfs
holder=$(holder_of_procfs)
worker=$(worker_of "$holder")
kill -9 "$holder"
await exit "$holder" "$worker"
[ -e "$S" ] || fail "the socket is gone"
[ "$(status_of cat "$M/proc/uptime")" != 0 ] || fail "the mount is not dead"
start_procfs
[ -n "$(cat "$M/proc/uptime")" ] || fail "the next one does not serve"
procfs register box --cgroup "/$TEST_ID" >/dev/null

# --- silent clients -----------------------------------------------------------------

# silent SOCKET - connected, and not a word; until its standard input ends
silent() {
	exec python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()' "$1"
}
mkfifo "$T/hold"
exec 9<>"$T/hold"
for socket in "$S" "$T/seccomp.sock"; do
	silent "$socket" <"$T/hold" >"$T/silent.${socket##*/}" &
	defer kill "$!"
	while [ ! -s "$T/silent.${socket##*/}" ]; do :; done
done
has "$(procfs list)" "box" "another client is answered"
# It is cut off in the end, and told so.
python3 - "$S" <<'SILENT' || fail "a silent client"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
assert s.recv(100).startswith(b"error "), "not told"
assert s.recv(100) == b"", "not cut off"
SILENT
silent "$S" <"$T/hold" >"$T/silent2" &
defer kill "$!"
while [ ! -s "$T/silent2" ]; do :; done
holder=$(holder_of_procfs)
umount "$M"
await exit "$holder"
[ ! -e "$S" ] && [ ! -e "$T/seccomp.sock" ] || fail "sockets are left behind"

# --- after a restart of the machine: names without anyone behind them ------------------

python3 - "$S" "$T/seccomp.sock" <<'NAMES'
import socket, sys
for path in sys.argv[1:]:
    socket.socket(socket.AF_UNIX).bind(path)
NAMES
: >"$S.lock"
start_procfs
eq "$(procfs list)" "" "begins anew"

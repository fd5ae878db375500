#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A newly installed program takes over while containers read: registrations, open
# files and the control socket stay, no read fails.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

make_cgroup "$TEST_ID"
set_limit "$TEST_ID" memory $((64 << 20))
cp "$NACRE_BUILD/nacre-procfs" "$T/nacre-procfs"
program=$T/nacre-procfs
(cd "$T" && timeout 60 ./nacre-procfs --socket control mnt)	# relative paths, too
defer stop_procfs
view=$(procfs register box --cgroup "/$TEST_ID")
eq "$view" "$M/containers/box" "the directory is told absolutely"
holder=$(pgrep -f -- "--socket control mnt" | while read -r pid; do
	[ "$(readlink "/proc/$pid/exe")" != "$program" ] || echo "$pid"
done | head -n 1)

exec 7<"$view/proc/meminfo"
cat >"$T/reader" <<'READER'
n=0
while [ ! -e "$2" ]; do
	total=$(awk '/^MemTotal/ { print $2 }' "$1/proc/meminfo") || exit 1
	[ "$total" = 65536 ] || exit 2
	n=$((n + 1))
done
[ $n -gt 0 ]
READER
bash "$T/reader" "$view" "$T/stop" &
reader=$!

worker=$(worker_of "$holder")
mv "$T/nacre-procfs" "$T/old"
cp "$NACRE_BUILD/nacre-procfs" "$T/nacre-procfs"
timeout 60 "$program" upgrade "$M" || fail "the upgrade"
[ "$(worker_of "$holder")" != "$worker" ] || fail "the same worker"

eq "$(procfs list)" "box	0	/$TEST_ID" "registrations stay, the socket answers"
eq "$(awk '/^MemTotal/ { print $2 }' <&7)" 65536 "a file that was open"
exec 7<&-
touch "$T/stop"
wait $reader || fail "a reader failed: $?"
eq "$(procfs register again --cgroup "/$TEST_ID")" "$M/containers/again" "the new one knows where it is"

umount "$M"
await gone "$S"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The container's own figures: what free, nproc, top and uptime read shows the
# limits. One nacre-procfs serves all containers; it is started by the first and
# ended with the last.
# timeout: 120
[ -n "${NACRE_TEST_OWN_MOUNTS:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env NACRE_TEST_OWN_MOUNTS=1 unshare --mount --propagation private "$0"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_fuse
[ -x "$NACRE_BUILD/nacre-procfs" ] || skip "no nacre-procfs in $NACRE_BUILD"

# A /run of our own: another daemon may serve the host.
umount -l /run/nacre/procfs 2>/dev/null || true
mount -t tmpfs "nacre-$TEST_ID" /run
defer umount -l /run
VIEW=(timeout 60 nacre --root "$STATE" run --rootfs-driver "$DRIVER")

look='grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo
	grep -c "^cpu[0-9]" /proc/stat; ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l; nproc'
eq "$("${VIEW[@]}" --memory 256M --cpus 1 -- sh -c "$look")" "MemTotal:         262144 kB
1
1
1
1" "256 MiB and one CPU"
eq "$("${VIEW[@]}" --memory 256M -- free -m | awk '/^Mem/ { print $2 }')" 256 "free's total"
if command -v busybox >/dev/null; then
	# It asks sysinfo(2), and so would show the host.
	eq "$("${VIEW[@]}" --memory 256M -- busybox free -m | awk '/^Mem/ { print $2 }')" 256 "busybox' free"
	has "$("${VIEW[@]}" -- busybox uptime)" "up 0 min" "busybox' uptime"
fi
[ ! -e /run/nacre/procfs.sock ] || fail "nacre-procfs was left behind"
eq "$(mounts_below /run/nacre)" "" "its mount"

# Two at once, each sees its own; the daemon ends with the last.
mkdir "$T/shared"
nacre --root "$STATE" run --rootfs-driver "$DRIVER" --memory 64M -b "$T/shared:/shared" -- \
	sh -c 'touch /shared/up; while [ ! -e /shared/go ]; do sleep 0.05; done; grep MemTotal /proc/meminfo' \
	>"$T/first" &
first=$!
defer end_container $first
await path "$T/shared/up"
eq "$("${VIEW[@]}" --memory 128M -- grep MemTotal /proc/meminfo | tr -dc 0-9)" 131072 "the second container"
[ -e /run/nacre/procfs.sock ] || fail "nacre-procfs ended while a container needs it"
touch "$T/shared/go"
wait $first
eq "$(tr -dc 0-9 <"$T/first")" 65536 "the first container"
[ ! -e /run/nacre/procfs.sock ] || fail "nacre-procfs was left behind by the last container"

# In the background the same: ended with the last, also when that lost its monitor.
need_cmd jq
defer nacre --root "$STATE" rm --force "$TEST_ID"
"${VIEW[@]}" --name "$TEST_ID" --detach --memory 64M -- sleep 1000 >/dev/null
eq "$(n exec "$TEST_ID" grep MemTotal /proc/meminfo | tr -dc 0-9)" 65536 "one in the background"
n stop --time 0 "$TEST_ID"
[ ! -e /run/nacre/procfs.sock ] || fail "nacre-procfs was left behind by one in the background"
n start "$TEST_ID"
eq "$(n exec "$TEST_ID" grep MemTotal /proc/meminfo | tr -dc 0-9)" 65536 "the same again"
monitor=$(n inspect "$TEST_ID" | jq '.[0].monitor')
pid=$(n inspect "$TEST_ID" | jq '.[0].pid')
kill -KILL "$monitor"
await exit "$pid" "$monitor"
n rm --force "$TEST_ID"
[ ! -e /run/nacre/procfs.sock ] || fail "nacre-procfs was left behind by one whose monitor was killed"

# One that was there before is not nacre's to end.
nacre-procfs
eq "$("${VIEW[@]}" --memory 64M -- grep MemTotal /proc/meminfo | tr -dc 0-9)" 65536 "a daemon of the host"
[ -e /run/nacre/procfs.sock ] || fail "nacre ended a daemon that it did not start"
umount /run/nacre/procfs
leaves_nothing "after views"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A registered container's files show its limits, and every tool inside agrees.
. "$(dirname "$0")/lib.sh"
need_cmd free top uptime lscpu nproc
[ -n "$(hierarchy memory)" ] && [ -n "$(hierarchy cpu)" ] || skip "no memory or cpu controller"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
set_limit "$TEST_ID" memory $((512 << 20))
set_limit "$TEST_ID/c" memory $((256 << 20))
set_limit "$TEST_ID/c" quota 50000
start_procfs

view=$(procfs register box --cgroup "/$TEST_ID/c")
eq "$view" "$M/containers/box" "register answers with the view's directory"
eq "$(procfs list)" "box	0	/$TEST_ID/c" "list names it"

eq "$(kb "$view/proc/meminfo" MemTotal)" 262144 "MemTotal is the limit"
eq "$(grep -c ^processor "$view/proc/cpuinfo")" 1 "half a CPU shows one in cpuinfo"
eq "$(grep -c '^cpu[0-9]' "$view/proc/stat")" 1 "and one row in stat"
eq "$(cat "$view/sys/devices/system/cpu/online")" 0 "and one online"
eq "$(cd "$view/sys/devices/system/cpu" && echo cpu[0-9]*)" cpu0 "and one directory"

# The limit above counts when it is lower.
set_limit "$TEST_ID/c" memory $((1 << 30)) 2>/dev/null || true
set_limit "$TEST_ID" memory $((128 << 20))
eq "$(kb "$view/proc/meminfo" MemTotal)" 131072 "the parent's lower limit wins"
set_limit "$TEST_ID" memory $((512 << 20))
set_limit "$TEST_ID/c" memory $((256 << 20))

in_cgroup "$TEST_ID/c" bash -c "$(declare -f in_view); M=$M; in_view box bash -s" >"$T/tools" <<'INSIDE'
echo "free $(free -k | awk '/^Mem/ { print $2 }')"
echo "top $(top -bn1 | awk '/^MiB Mem/ { print $4 }')"
echo "lscpu $(lscpu | awk -F': *' '/^CPU\(s\)/ { print $2 }')"
echo "online $(getconf _NPROCESSORS_ONLN)"
echo "configured $(getconf _NPROCESSORS_CONF)"
echo "up $(awk '{ print int($1) < 60 }' /proc/uptime)"
uptime >/dev/null && echo uptime ok
mount --make-rprivate / 2>/dev/null
INSIDE
same_text "$T/tools" - "tools agree with the limits" <<'WANTED'
free 262144
top 256.0
lscpu 1
online 1
configured 1
up 1
uptime ok
WANTED

# One descriptor, read again and again, as procps does: whole, and fresh.
python3 - "$view/proc/meminfo" <<'READ' 2>/dev/null || [ "$(command -v python3)" = "" ] || fail "lseek and read"
import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
first = os.read(fd, 8191)
assert first.startswith(b"MemTotal:") and first.endswith(b"\n"), first
assert os.read(fd, 8191) == b""
os.lseek(fd, 0, 0)
again = os.read(fd, 8191)
assert again.count(b"\n") == first.count(b"\n")
READ

# The page cache must not keep one reader's figures for the next: sendfile, as
# busybox uses it, falls back to read.
if command -v busybox >/dev/null; then
	eq "$(busybox cat "$view/proc/meminfo" | head -n 1)" "MemTotal:         262144 kB" "sendfile"
fi
eq "$(tail -n 1 "$view/proc/meminfo" | cut -d: -f1)" "$(tail -n 1 /proc/meminfo | cut -d: -f1)" "tail"
eq "$(wc -l <"$view/proc/vmstat")" "$(wc -l </proc/vmstat)" "wc"
cp "$view/proc/cpuinfo" "$T/copy"
same_text "$T/copy" "$view/proc/cpuinfo" "cp"

procfs unregister box
eq "$(status_of cat "$view/proc/meminfo")" 1 "an ended view has no files"
eq "$(procfs list)" "" "and is not listed"

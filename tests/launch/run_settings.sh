#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the other options of "run" set can be seen inside.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

eq "$(run --rlimit nofile=123:456 -- sh -c 'ulimit -Sn; ulimit -Hn')" "123
456" "rlimit"
eq "$(run --sysctl kernel.shm_rmid_forced=1 -- cat /proc/sys/kernel/shm_rmid_forced)" 1 "sysctl"
eq "$(run --sysctl net.ipv4.ip_unprivileged_port_start=7 -- cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 7 "sysctl of the network"
eq "$(run --device /dev/kmsg -- sh -c 'test -c /dev/kmsg && stat -c %t:%T /dev/kmsg')" 1:b "device"
eq "$(run --tmpfs /scratch:1M -- sh -c 'dd if=/dev/zero of=/scratch/file bs=64k count=100 2>/dev/null; stat -c %s /scratch/file')" \
	$((1 << 20)) "a tmpfs with its size"
eq "$(run --tmpfs /scratch -- stat -f -c %T /scratch)" tmpfs "a tmpfs without"

# Where uptime begins, and the time of day, which no namespace has.
[ "$(run -- sh -c 'cut -d. -f1 /proc/uptime')" -lt 60 ] || fail "uptime begins at 0"
uptime=$(run --time-offset 100000 -- sh -c 'cut -d. -f1 /proc/uptime')
{ [ "$uptime" -ge 100000 ] && [ "$uptime" -lt 100060 ]; } || fail "uptime $uptime with --time-offset 100000"
uptime=$(run --time-offset host -- sh -c 'cut -d. -f1 /proc/uptime')
[ "$uptime" -ge "$(($(cut -d. -f1 /proc/uptime) - 60))" ] || fail "uptime $uptime with the host's clocks"
eq "$(status_of run --time-offset yesterday -- true)" 125 "no offset"
has "$(cat "$T/err")" "'yesterday'" "message about that"

# A filter of system calls.
cat >"$T/filter.json" <<'END'
{ "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [ { "names": [ "mkdir", "mkdirat" ], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 } ] }
END
eq "$(run --seccomp "$T/filter.json" -- sh -c 'mkdir /tmp/x 2>&1; grep ^Seccomp: /proc/self/status | tr -d "\t"')" \
	"mkdir: can't create directory '/tmp/x': Operation not supported
Seccomp:2" "a filter"
eq "$(run --seccomp unconfined -- sh -c 'mkdir /tmp/x && echo made')" made "no filter"
echo '{ "defaultAction": "SCMP_ACT_DANCE" }' >"$T/filter.json"
eq "$(status_of run --seccomp "$T/filter.json" -- true)" 125 "a filter that is none"
has "$(cat "$T/err")" "SCMP_ACT_DANCE" "message about that"
echo 'no json' >"$T/filter.json"
eq "$(status_of run --seccomp "$T/filter.json" -- true)" 125 "a filter that is no JSON"
eq "$(status_of run --seccomp /no/such/file -- true)" 125 "a filter that is not there"
leaves_nothing "at the end"

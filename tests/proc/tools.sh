#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Inside a container every tool says what the cgroup's own files say: free, top,
# uptime, vmstat, mpstat, iostat, htop, lscpu, slabtop, and busybox' ones; so do libraries
# that others ask: libc, Python, Node. docs/tools.md has them all. Tools that are not
# installed are left out.
. "$(dirname "$0")/lib.sh"
need_cmd free top uptime vmstat lscpu python3
for c in memory cpu cpuset; do
	[ -n "$(hierarchy $c)" ] || skip "no $c controller"
done
[ "$(nproc --all)" -ge 2 ] || skip "needs two CPUs to hide one"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
set_limit "$TEST_ID/c" memory $((192 << 20))
set_limit "$TEST_ID/c" cpus 1
defer end_cgroup "$TEST_ID/c"
start_procfs
procfs register box --cgroup "/$TEST_ID/c" >/dev/null
view=$M/containers/box

# One that holds 48 MiB and computes, so that there is something to be shown.
mkfifo "$T/ready"
in_cgroup "$TEST_ID/c" python3 -c '
held = b"x" * (48 << 20)
open("'"$T"'/ready", "w").write("\n")
while True: pass' &
read -rt 60 _ <"$T/ready" || fail "the load does not start"

# inside COMMAND... - in the container, with its files in place
inside() {
	in_cgroup "$TEST_ID/c" bash -c "$(declare -f in_view); M=$M; in_view box \"\$@\"" inside \
		env TERM=vt100 LC_ALL=C "$@"
}
near() { # GOT WANTED MOST WHAT
	awk -v a="$1" -v b="$2" -v most="$3" 'BEGIN { d = a - b; exit !(d <= most && -d <= most) }' ||
		fail "$4: $1, not $2"
}
usage() { # of memory, without what can be dropped; KiB
	python3 - "$(hierarchy memory)/$TEST_ID/c" <<'USAGE'
import os, sys
d = sys.argv[1]
v2 = os.path.exists(d + "/memory.current")
stat = dict(l.split() for l in open(d + "/memory.stat"))
used = int(open(d + ("/memory.current" if v2 else "/memory.usage_in_bytes")).read())
drop = ["active_file", "inactive_file", "slab_reclaimable"] if v2 else ["total_active_file", "total_inactive_file"]
print((used - sum(int(stat.get(k, 0)) for k in drop)) // 1024)
USAGE
}

# --- memory --------------------------------------------------------------------

slack=16384	# KiB: what the tools themselves take
inside free -k >"$T/out"
eq "$(awk '/^Mem:/ { print $2 }' "$T/out")" 196608 "free: total"
near "$(awk '/^Mem:/ { print $2 - $7 }' "$T/out")" "$(usage)" $slack "free: what is not available"
near "$(inside free -k | awk '/^Mem:/ { print $3 }')" "$(usage)" $((2 * slack)) "free: used"
inside vmstat -s -S K >"$T/out"
eq "$(awk '/total memory/ { print $1 }' "$T/out")" 196608 "vmstat: total"
near "$(inside top -bn1 -E k | awk '/^KiB Mem/ { print $4 }')" 196608 0 "top: total"

# --- CPUs ------------------------------------------------------------------------

eq "$(inside lscpu | awk -F': *' '/^CPU\(s\)/ { print $2 }')" 1 "lscpu: CPUs"
eq "$(inside lscpu | awk -F': *' '/^On-line CPU/ { print $2 }')" 1 "lscpu: which"
eq "$(inside sh -c 'ls -d /sys/devices/system/cpu/cpu[0-9]*')" /sys/devices/system/cpu/cpu1 "directories"
eq "$(inside getconf _NPROCESSORS_ONLN)" 1 "getconf"
eq "$(inside getconf _NPROCESSORS_CONF)" 1 "getconf: configured"
eq "$(inside python3 -c 'import os; print(os.cpu_count())')" 1 "python: os.cpu_count"
if command -v node >/dev/null; then
	eq "$(inside node -p 'const os = require("os"); `${os.cpus().length} ${os.totalmem() >> 20}`')" \
		"1 192" "node: CPUs and memory"
fi
if command -v slabtop >/dev/null; then
	has "$(inside slabtop -o)" "0 / 0" "slabtop: nothing of the host"
fi
eq "$(inside grep -c '^processor' /proc/cpuinfo)" 1 "cpuinfo"

# One CPU that computes: how much of it the load gets is the machine's affair, but it
# is never none and never more than all. (That rows grow as the cgroup's own counter
# does is what invariants.sh measures.)
busy() { # NAME COMMAND... - which prints the percentage that is not idle
	local percent
	percent=$(inside "${@:2}")
	awk -v p="$percent" 'BEGIN { exit !(p > 1 && p <= 100) }' || fail "$1: $percent % busy"
}
busy vmstat sh -c 'vmstat 2 2 | tail -n 1 | awk "{ print 100 - \$15 }"'
if command -v mpstat >/dev/null; then
	busy mpstat sh -c 'mpstat 2 1 | awk "/^Average/ { print 100 - \$NF }"'
	eq "$(inside mpstat -P ALL | awk '$2 ~ /^[0-9]+$/ || $3 ~ /^[0-9]+$/ { n++ } END { print n }')" 1 \
		"mpstat: rows"
fi
if command -v iostat >/dev/null; then
	busy iostat sh -c 'iostat -c 2 2 | grep -A 1 avg-cpu | tail -n 1 | awk "{ print 100 - \$NF }"'
fi
busy top sh -c 'top -bn2 -d 2 | grep "^%Cpu" | tail -n 1 | tr "," "\n" |
	awk "/ id/ { sub(/.*:/, \"\"); print 100 - \$1 }"'

# What top prints over some seconds is what the cgroup's counter grew by meanwhile. The
# first of its tables is about all time since boot.
usage_us() { # of CPU time
	local h
	h=$(hierarchy cpuacct || hierarchy cpu)/$TEST_ID/c
	if [ -e "$h/cpuacct.usage" ]; then
		echo $(($(cat "$h/cpuacct.usage") / 1000))
	else
		awk '$1 == "usage_usec" { print $2 }' "$h/cpu.stat"
	fi
}
set_limit "$TEST_ID/c" quota 60000
# Looked at whenever top has looked: a table comes at once when it is made.
inside top -b -n 6 -d 2 | while IFS= read -r line; do
	case $line in
	"top -"*) echo "@ ${EPOCHREALTIME/./} $(usage_us)" ;;
	%Cpu*) echo "$line" ;;
	esac
done >"$T/top"
read -r shown used <<<"$(awk '/^%Cpu/ && n++ { gsub(/.*:|,/, " "); busy += $1 + $3 + $5 }
	$1 == "@" { if (!at) { at = $2; had = $3 } now = $2; has = $3 }
	END { print busy / (n - 1), 100 * (has - had) / (now - at) }' "$T/top")"
near "$shown" "$used" 2 "top: % of CPU"
set_limit "$TEST_ID/c" quota -1

# --- time and load -----------------------------------------------------------------

has "$(inside uptime)" "up " "uptime"
up=$(inside awk '{ print $1 }' /proc/uptime)
near "$up" "$(awk '{ print $1 }' "$view/proc/uptime")" 5 "uptime"
load=$(inside uptime | sed 's/.*average: //; s/,.*//')
near "$load" "$(awk '{ print $1 }' "$view/proc/loadavg")" 0.1 "uptime: load"

# --- the others ----------------------------------------------------------------------

if command -v busybox >/dev/null; then
	inside busybox top -bn1 >"$T/out"
	awk '/^Mem:/ { gsub("K", ""); if ($2 + $4 != 196608) bad = 1; found = 1 }
		END { exit !found || bad }' "$T/out" || fail "busybox top: $(head -n 1 "$T/out")"
	! busybox iostat >/dev/null 2>&1 || inside busybox iostat >/dev/null || fail "busybox iostat"
fi
if command -v htop >/dev/null && command -v script >/dev/null; then
	# Its meters, as it draws them: the total of memory, and one bar for one CPU.
	inside script -qc 'stty rows 30 cols 100; { sleep 2; printf q; } | htop -C -d 5' /dev/null \
		</dev/null >"$T/out" 2>&1 || true
	has "$(tr -d '\0' <"$T/out")" "/192M" "htop: the total of memory"
fi

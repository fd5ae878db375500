#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# sysinfo(2) says in a container what its files say: whose filter has the daemon as
# its listener. Killed workers lose no call, and a daemon that ends, or is killed,
# leaves none without an answer.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy memory)" ] && [ -n "$(hierarchy cpu)" ] || skip "no memory or cpu controller"
[ "$(status_of "$LIB/calls" notify "$T/none" x sysinfo true)" = 1 ] || skip "no calls helper"
! grep -q '^filter' "$T/err" || skip "no seccomp listeners here"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
make_cgroup "$TEST_ID/d"
set_limit "$TEST_ID/c" memory $((256 << 20))
set_limit "$TEST_ID/c" quota 100000
set_limit "$TEST_ID/d" memory $((64 << 20))
start_procfs --affinity
view=$(procfs register box --cgroup "/$TEST_ID/c")

# under CGROUP ID COMMAND... - in that cgroup, its filter's listener with the daemon
under() {
	local cgroup=$1 id=$2
	shift 2
	in_cgroup "$TEST_ID/$cgroup" timeout 60 "$LIB/calls" notify "$T/seccomp.sock" "$id" \
		sysinfo,sched_getaffinity "$@"
}
field() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }

# --- it agrees with the files ---------------------------------------------------

under c box "$LIB/calls" sysinfo >"$T/info"
eq "$(field "$T/info" total)" $((256 << 20)) "the limit is the total"
eq "$(field "$T/info" swap)" $(($(kb "$view/proc/meminfo" SwapTotal) * 1024)) "swap"
eq "$(field "$T/info" unit)" 1 "in bytes"
eq "$(field "$T/info" high)" 0 "no high memory"
free=$(field "$T/info" free)
[ "$free" -gt $((128 << 20)) ] && [ "$free" -lt $((256 << 20)) ] || fail "free is $free"
[ "$(field "$T/info" uptime)" -lt 60 ] || fail "up for $(field "$T/info" uptime) s"
[ "$(field "$T/info" procs)" -lt 10 ] || fail "$(field "$T/info" procs) processes"

if [ "$(status_of under c box "$LIB/calls" sysinfo 32)" = 0 ]; then
	eq "$(field "$T/out" total)" $((256 << 20)) "the same for programs of 32 bits"
	eq "$(field "$T/out" unit)" 1 "their unit"
	eq "$(field "$T/out" after)" ffffffff "nothing is written behind it"
fi
eq "$(under c box "$LIB/calls" fault)" EFAULT "an address that is none"
eq "$(under c box "$LIB/calls" affinity)" 1 "a quota of one CPU is one to count"
eq "$(under c box nproc)" 1 "and for nproc"

# An engine that has registered nothing: who calls decides.
under d unknown "$LIB/calls" sysinfo >"$T/info"
eq "$(field "$T/info" total)" $((64 << 20)) "found by its cgroup"

if command -v busybox >/dev/null; then
	# In the container: its figures are from the call, the cached ones from meminfo.
	# shellcheck disable=SC2016
	in_cgroup "$TEST_ID/c" bash -c "$(declare -f in_view); M=$M; in_view box \"\$@\"" in_view \
		"$LIB/calls" notify "$T/seccomp.sock" box sysinfo \
		bash -c 'busybox free -k; head -n 3 /proc/meminfo; busybox uptime' >"$T/inside"
	awk '/^Mem:/ { total = $2; used = $3; available = $7; swap = -1 }
		/^MemTotal:/ { is_total = $2 } /^MemAvailable:/ { is_available = $2 }
		/load average/ { up = $0 ~ /up 0 min/ }
		END { exit !(total == 262144 && is_total == total && up && used < 131072 &&
			available <= total && available - is_available < 8192 &&
			is_available - available < 8192) }' "$T/inside" ||
		fail "busybox: $(cat "$T/inside")"
fi

# --- profiles ------------------------------------------------------------------

cat >"$T/base.json" <<'BASE'
{ "defaultAction": "SCMP_ACT_ERRNO", "archMap": [],
  "syscalls": [ { "names": [ "read", "sysinfo", "write" ], "action": "SCMP_ACT_ALLOW" },
                { "names": [ "sysinfo" ], "action": "SCMP_ACT_ALLOW" } ] }
BASE
"$NACRE_BUILD/nacre-procfs" --seccomp-socket /x profile "$T/base.json" >"$T/profile.json"
python3 - "$T/profile.json" <<'PROFILE' || fail "the profile: $(cat "$T/profile.json")"
import json, sys
assert json.load(open(sys.argv[1])) == {
    "defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "listenerPath": "/x",
    "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                 {"names": ["sysinfo"], "action": "SCMP_ACT_NOTIFY"}]}
PROFILE
"$NACRE_BUILD/nacre-procfs" profile - >"$T/profile.json"
python3 - "$T/profile.json" "$NACRE_SRC/procfs/seccomp-sysinfo.json" <<'PROFILE' ||
import json, sys
assert json.load(open(sys.argv[1])) == json.load(open(sys.argv[2]))
PROFILE
	fail "the installed profile is not what is printed"
eq "$(status_of "$NACRE_BUILD/nacre-procfs" profile "$T/none")" 1 "no profile"

# --- an engine ---------------------------------------------------------------------

# run_engine RUNTIME - a container of its; what is registered is found by its id
run_engine() {
	rm -rf "$T/bundle"
	mkdir -p "$T/bundle/rootfs/bin"
	cp "$(command -v busybox)" "$T/bundle/rootfs/bin/busybox"
	(cd "$T/bundle" && "$1" spec)
	"$NACRE_BUILD/nacre-procfs" --seccomp-socket "$T/seccomp.sock" profile - >"$T/profile.json"
	python3 - "$T/bundle/config.json" "$T/profile.json" "/$TEST_ID/d/engine" <<'CONFIG'
import json, sys
path, profile, cgroup = sys.argv[1:]
c = json.load(open(path))
c["process"]["terminal"] = False
c["process"]["args"] = ["/bin/busybox", "free", "-k"]
c["linux"]["cgroupsPath"] = cgroup
c["linux"]["resources"] = {"memory": {"limit": 48 << 20}}
c["linux"]["seccomp"] = json.load(open(profile))
json.dump(c, open(path, "w"))
CONFIG
	timeout 60 "$1" --root "$T/run" run --bundle "$T/bundle" "$TEST_ID" \
		>"$T/seen" 2>"$T/said" </dev/null
}
if command -v runc >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then
	defer runc --root "$T/run" delete --force "$TEST_ID" 2>/dev/null
	if run_engine runc; then
		# The other columns are made from meminfo, which is the host's here.
		grep -Eq '^Mem: +49152' "$T/seen" || fail "under runc: $(cat "$T/seen")"
	else
		note "runc runs nothing here: $(tail -n 1 "$T/said")"
	fi
fi

# --- engines that make no sense --------------------------------------------------

python3 - "$T/seccomp.sock" <<'ENGINES' || fail "engines"
import os, socket, sys
def engine(text, fds=()):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(20)
    if text is not None:
        socket.send_fds(s, [text], fds) if fds else s.sendall(text)
    return s
fd = os.open("/dev/null", os.O_RDONLY)
silent = engine(None)
for text, fds in ((b"no json", ()), (b'{"fds":["seccompFd"]}', ()), (b'[]', (fd,)),
                  (b'{"fds":["seccompFd"],"state":{}}', (fd,)),
                  (b'{"fds":["pidFd"],"state":{"id":"box"}}', (fd,)),
                  (b'{"fds":["seccompFd"],"state":{"id":"box"}}', (fd,))):
    assert engine(text, fds).recv(1) == b"", text     # it is hung up on
ENGINES
under c box "$LIB/calls" sysinfo >"$T/info"
eq "$(field "$T/info" total)" $((256 << 20)) "others are answered all the same"

# --- killed workers ---------------------------------------------------------------

holder=$(holder_of_procfs)
listeners() { find "/proc/$holder/fd" -lname 'anon_inode:seccomp notify' 2>/dev/null | wc -l; }
touch "$T/go"
loops=()
for i in 1 2 3; do
	under c box "$LIB/calls" loop $((256 << 20)) "$T/go" >"$T/loop.$i" 2>&1 &
	loops+=($!)
done
# One that is killed between taking a listener and keeping it loses it.
timeout 30 bash -c "$(declare -f listeners); holder=$holder
	until [ \"\$(listeners)\" = 3 ]; do :; done" || fail "the listeners are not kept"
answered() { procfs stats | awk '$1 == "calls" { print $2 }'; }
for ((i = 0; i < 15; i++)); do
	before=$(answered)
	until [ "$(answered)" -gt $((before + 20)) ]; do :; done
	kill -9 "$(worker_of "$holder")"
done
before=$(answered)
until [ "$(answered)" -gt $((before + 20)) ]; do :; done
rm "$T/go"
for i in 1 2 3; do
	wait "${loops[i - 1]}" || fail "a call went wrong: $(cat "$T/loop.$i")"
done
eq "$(procfs stats | awk '$1 == "calls_continued" { print $2 }')" 0 "none was left to the kernel"

# What is over is given back.
timeout 30 bash -c "$(declare -f listeners); holder=$holder
	while [ \"\$(listeners)\" != 0 ]; do :; done" || fail "$(listeners) listeners are kept"

# --- the daemon ends -----------------------------------------------------------------

mkfifo "$T/pipe"
under c box sh -c "read line <'$T/pipe'; '$LIB/calls' sysinfo" >"$T/info" &
last=$!
timeout 30 bash -c "$(declare -f listeners); holder=$holder
	until [ \"\$(listeners)\" = 1 ]; do :; done" || fail "the listener is not kept"
umount "$M"
await exit "$holder"
[ ! -e "$T/seccomp.sock" ] || fail "the socket is still there"
echo >"$T/pipe"
wait "$last" || fail "the call failed after the daemon had ended"
[ "$(field "$T/info" total)" -gt $((256 << 20)) ] || fail "that was the kernel's answer"

# --- the holder is killed, alone and together with its worker ------------------------

for how in holder both; do
	start_procfs
	procfs register box --cgroup "/$TEST_ID/c" >/dev/null
	holder=$(holder_of_procfs)
	worker=$(worker_of "$holder")
	touch "$T/go"
	under c box "$LIB/calls" loop 0 "$T/go" >"$T/loop.1" 2>&1 &
	loop=$!
	under c box sh -c "read line <'$T/pipe'; '$LIB/calls' sysinfo" >"$T/info" &
	last=$!
	timeout 30 bash -c "$(declare -f listeners); holder=$holder
		until [ \"\$(listeners)\" = 2 ]; do :; done" || fail "the listeners are not kept"
	# One that was kept before the worker died is not forgotten by the next one's keeper.
	kill -9 "$worker"
	until [ "$(answered 2>/dev/null || echo 0)" -gt 100 ]; do :; done
	worker=$(worker_of "$holder")
	case $how in
	holder) kill -9 "$holder" ;;
	both) kill -9 "$holder" "$worker" ;;
	esac
	await exit "$holder" "$worker"
	await unmounted "$M"
	echo >"$T/pipe"
	wait "$last" || fail "$how: a call failed after the $how had been killed"
	[ "$(field "$T/info" total)" -gt $((256 << 20)) ] || fail "$how: not the kernel's answer"
	rm "$T/go"
	wait "$loop" || fail "$how: a call in flight failed: $(cat "$T/loop.1")"
done

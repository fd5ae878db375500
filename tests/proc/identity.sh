#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Who is shown what: in the host's pid namespace, by another order of rules, after a
# process id was used again; and nobody reads what it could not read without us.
. "$(dirname "$0")/lib.sh"
need_cmd setpriv python3
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

A=$TEST_ID/a B=$TEST_ID/b
make_cgroup "$TEST_ID"
make_cgroup "$A"
make_cgroup "$A/below" inner
make_cgroup "$B"
set_limit "$A" memory $((96 << 20))
set_limit "$B" memory $((160 << 20))
A_KB=98304 B_KB=163840
defer end_cgroup "$A/below"
defer end_cgroup "$A"
defer end_cgroup "$B"
total() { echo "awk '/^MemTotal/ { print \$2 }' $M/proc/meminfo"; }

start_procfs
# A container in the host's pid namespace has a cgroup namespace: its root decides, also
# when the process is in a cgroup below.
eq "$(in_cgroup "$A" unshare --cgroup sh -c "$(total)")" $A_KB "the host's pids, a cgroup namespace"
eq "$(in_cgroup "$A" unshare --cgroup bash -c "
	for h in $(hierarchies | tr '\n' ' '); do echo \$\$ >\$h/$A/below/cgroup.procs; done
	exec sh -c \"$(total | sed 's/[\\"$]/\\&/g')\"")" $A_KB "and in a cgroup below its root"
# Without one there is only its own cgroup; a registered one is found all the same.
eq "$(in_cgroup "$A" sh -c "$(total)")" $A_KB "the host's pids, no namespace at all"
procfs register box --cgroup "/$A" >/dev/null
eq "$(in_cgroup "$A/below" sh -c "$(total)")" $A_KB "the host's pids, registered"
procfs unregister box

# --- nobody reads more ------------------------------------------------------------

# As another user, file by file: what opens in the view opens on the host, too.
view=$(procfs register box --cgroup "/$A")
chmod 0755 "$T"
cat >"$T/more.py" <<'MORE'
import os, sys
view, readable = sys.argv[1], 0
def opens(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
        return True
    except OSError as e:
        return False
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
for directory, _, files in os.walk(view):
    for name in files:
        path = os.path.join(directory, name)
        host = path[len(view):]
        if os.path.islink(path) or not opens(path):
            continue
        readable += 1
        if not opens(host):
            sys.exit("%s can be read, the host's cannot" % host)
assert readable > 50, readable
for forbidden in ("/proc/slabinfo",):
    assert not opens(view + forbidden), forbidden
MORE
python3 "$T/more.py" "$view" || fail "as another user"
# Root in a user namespace is another user here.
if unshare --user --map-root-user true 2>/dev/null; then
	eq "$(status_of setpriv --reuid 65534 --regid 65534 --clear-groups \
		unshare --user --map-root-user cat "$view/proc/slabinfo")" 1 "root of a user namespace"
fi
procfs unregister box
stop_procfs
await gone "$S"

# --- another order -----------------------------------------------------------------

# innermost PID - the last of a chain of only children
innermost() {
	local pid=$1 child
	while child=$(cat "/proc/$pid/task/$pid/children") && [ -n "$child" ]; do
		pid=${child%% *}
	done
	echo "$pid"
}

# Who is in the pid namespace of a container, but in another cgroup.
mkfifo "$T/fifo"
in_cgroup "$A" unshare --pid --fork --kill-child sh -c 'echo >"$1"; exec sleep 1000' sh "$T/fifo" &
read -rt 20 _ <>"$T/fifo" || fail "init does not start"
init=$(innermost $!)
start_procfs --identity caller,pidns
eq "$(in_cgroup "$B" nsenter --target "$init" --pid sh -c "$(total)")" $B_KB "the caller first"
stop_procfs
await gone "$S"
start_procfs --identity pidns,caller
eq "$(in_cgroup "$B" nsenter --target "$init" --pid sh -c "$(total)")" $A_KB "init first"
stop_procfs
await gone "$S"

# --- a process id that is used again ---------------------------------------------------

# In a pid namespace of our own, so that its next number can be chosen: two containers
# with the same cgroup and the same number for their init, one after the other.
start_in=$(in_cgroup "$B" unshare --pid --fork --kill-child --mount --mount-proc bash -s \
	"$NACRE_BUILD/nacre-procfs" "$S" "$M" "$T" <<'INSIDE'
procfs=$1 socket=$2 mount=$3 t=$4
"$procfs" --socket "$socket" "$mount" || exit 1
start() { # NUMBER - an init of that number here
	for _ in 1 2 3 4 5 6 7 8; do
		echo $(($1 - 2)) >/proc/sys/kernel/ns_last_pid || { echo no; exit; }
		unshare --pid --fork --kill-child sh -c 'echo >"$1"; exec sleep 1000' sh "$t/fifo" &
		unshare=$!
		read -rt 20 _ <>"$t/fifo" || { echo "init does not start"; exit; }
		# A thread of the daemon's may have taken the number.
		[ "$(cat "/proc/$unshare/task/$unshare/children")" = "$1 " ] && return
		kill -9 "$unshare"
		wait "$unshare" 2>/dev/null
	done
	echo no
	exit
}
up() { nsenter --target 20001 --pid cat "$mount/proc/uptime" | cut -d. -f1; }
start 20001
first=$(up)
while [ "$(up)" -lt $((first + 3)) ]; do :; done	# seconds of its life
before=$(up)
kill -9 20001
wait "$unshare" 2>/dev/null
start 20001
after=$(up)
[ "$after" -lt "$before" ] && echo again || echo "up $before, then $after"
umount "$mount"
INSIDE
)
case $start_in in
no) note "numbers of processes cannot be chosen here" ;;
*) eq "$start_in" again "another init of the same number is another container" ;;
esac

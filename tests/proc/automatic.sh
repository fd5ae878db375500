#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The automatic view: who reads decides, however the reader got there.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy memory)" ] || skip "no memory controller"

A=$TEST_ID/a B=$TEST_ID/b
make_cgroup "$TEST_ID"
make_cgroup "$A"
make_cgroup "$A/init.scope" inner
make_cgroup "$A/other" inner
make_cgroup "$B"
set_limit "$A" memory $((96 << 20))
set_limit "$B" memory $((160 << 20))
A_KB=98304 B_KB=163840
start_procfs
defer end_cgroup "$A/other"
defer end_cgroup "$A/init.scope"
defer end_cgroup "$A"
defer end_cgroup "$B"

total="awk '/^MemTotal/ { print \$2 }' $M/proc/meminfo"

# innermost PID - the last of a chain of only children
innermost() {
	local pid=$1 child
	while child=$(cat "/proc/$pid/task/$pid/children") && [ -n "$child" ]; do
		pid=${child%% *}
	done
	echo "$pid"
}

# start_init CGROUP COMMAND... - a pid namespace's init in the background, in $INIT
start_init() {
	local cgroup=$1
	shift
	mkfifo "$T/fifo"
	in_cgroup "$cgroup" unshare --pid --fork --kill-child "$@" sh -c \
		'echo ready >"$1"; exec sleep 1000' sh "$T/fifo" &
	UNSHARE=$!
	read -rt 20 _ <>"$T/fifo" || fail "init does not start"
	rm "$T/fifo"
	INIT=$(innermost "$UNSHARE")
}

end_init() {
	kill -9 "$INIT"
	wait "$UNSHARE" 2>/dev/null || true
}

host_kb=$(kb /proc/meminfo MemTotal)
eq "$(in_cgroup "$B" sh -c "$total")" $B_KB "on the host: the reader's own cgroup"

start_init "$A"
eq "$(nsenter --target "$INIT" --pid sh -c "$total")" $A_KB \
	"exec from another cgroup: the pid namespace's init decides"
eq "$(nsenter --target "$INIT" --pid unshare --pid --fork sh -c "$total")" "$(sh -c "$total")" \
	"a nested pid namespace outside of the cgroup: its own init decides"
eq "$(in_cgroup "$A" nsenter --target "$INIT" --pid unshare --pid --fork sh -c "$total")" $A_KB \
	"a nested pid namespace inside"
up=$(nsenter --target "$INIT" --pid awk '{ print ($1 < 100) }' "$M/proc/uptime")
eq "$up" 1 "uptime counts from init's start"
end_init

# The name of init is its own business.
cp "$(command -v sleep)" "$T/a ) 1 (b"
mkfifo "$T/fifo"
in_cgroup "$A" unshare --pid --fork --kill-child sh -c 'echo >"$1"; exec "$2" 1000' sh "$T/fifo" "$T/a ) 1 (b" &
UNSHARE=$!
read -rt 20 _ <>"$T/fifo" || fail "init does not start"
rm "$T/fifo"
INIT=$(innermost "$UNSHARE")
up=$(nsenter --target "$INIT" --pid awk '{ print ($1 >= 0 && $1 < 100) }' "$M/proc/uptime")
eq "$up" 1 "a name with blanks and parentheses"
end_init

start_init "$A/init.scope"
eq "$(nsenter --target "$INIT" --pid sh -c "$total")" $A_KB "an init in init.scope: the cgroup above"
end_init

# Moved by itself after start, into a cgroup of any name: the cgroup namespace tells.
start_init "$A" --cgroup
for h in $(hierarchies); do
	echo "$INIT" >"$h/$A/other/cgroup.procs"
done
eq "$(nsenter --target "$INIT" --pid --cgroup sh -c "$total")" "$(sh -c "$total")" \
	"entered from outside of its cgroup namespace's root"
eq "$(in_cgroup "$A/other" nsenter --target "$INIT" --pid --cgroup sh -c "$total")" $A_KB \
	"a moved init: the cgroup namespace's root"
end_init

# Two containers in one pid namespace: a shared one tells nothing, registration does.
start_init "$A"
procfs register first --cgroup "/$A" >/dev/null
procfs register second --cgroup "/$B" >/dev/null
eq "$(in_cgroup "$B" nsenter --target "$INIT" --pid sh -c "$total")" $B_KB \
	"a shared pid namespace: registered by cgroup"
eq "$(in_cgroup "$A/other" nsenter --target "$INIT" --pid sh -c "$total")" $A_KB \
	"below a registered cgroup: the registered one"
eq "$(in_cgroup "$A" ls "$M/containers/first")" "$(printf 'proc\nsys')" "its own view is there"
eq "$(in_cgroup "$A" sh -c "ls $M/containers/second 2>/dev/null; echo \$?")" 2 "another's is not"
procfs unregister first
procfs unregister second
end_init

# A cgroup that is made again under the same name is another one.
for h in $(hierarchies); do
	rmdir "$h/$B"
	mkdir "$h/$B"
	[ ! -e "$h/$B/cpuset.cpus" ] || [ -e "$h/cgroup.subtree_control" ] || {
		cat "$h/$TEST_ID/cpuset.cpus" >"$h/$B/cpuset.cpus"
		cat "$h/$TEST_ID/cpuset.mems" >"$h/$B/cpuset.mems"
	}
done
set_limit "$B" memory $((32 << 20))
eq "$(in_cgroup "$B" sh -c "$total")" 32768 "a cgroup made again under its name"
[ "$host_kb" -gt $B_KB ] || skip "the host is too small to tell"

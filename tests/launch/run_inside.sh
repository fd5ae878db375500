#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a command finds inside: names, environment, clocks, devices, rights.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

eq "$(run --hostname shell.example -- hostname)" shell.example "--hostname"
eq "$(run -- hostname)" "$TEST_ID" "without it, the container's name"
eq "$(run -e A=1 -e "B=two words" -e A=3 -- sh -c 'echo $A-$B')" "3-two words" "--env"
eq "$(OUTER=seen run -e OUTER -- sh -c 'echo $OUTER')" seen "--env NAME takes ours"
eq "$(SECRET=x run -- sh -c 'echo ${SECRET-none}')" none "our environment stays outside"
eq "$(run --workdir /srv/new -- pwd)" /srv/new "--workdir is made"
eq "$(run --user 1234:567 -- sh -c 'echo $(id -u):$(id -g)')" 1234:567 "--user"
eq "$(run -- id -G)" 0 "no groups of ours"

# Clocks begin with the container.
uptime=$(run -- cut -d. -f1 /proc/uptime)
[ "$uptime" -lt 20 ] || fail "uptime is $uptime s in a new container"

eq "$(run -- sh -c 'echo $$')" 2 "the command is the first process after init"
eq "$(run -- sh -c 'set -- /proc/[0-9]*; echo $#')" 2 "no process of the host is seen"
eq "$(run -- ip -o link 2>/dev/null | wc -l)" 1 "only the loopback interface"
has "$(run -- ip link show lo)" UP "it is up"

has "$(run -- cat /proc/self/status)" "NoNewPrivs:	1" "no_new_privs"
eq "$(run -- grep CapBnd /proc/self/status | tr -d '[:space:]')" CapBnd:00000000a80425fb \
	"the usual capabilities"
eq "$(run --cap-drop ALL -- grep CapEff /proc/self/status | tr -d '[:space:]')" \
	CapEff:0000000000000000 "--cap-drop ALL"
eq "$(run --cap-drop ALL --cap-add chown -- grep CapEff /proc/self/status | tr -d '[:space:]')" \
	CapEff:0000000000000001 "--cap-add"
refused -- mount -t tmpfs tmpfs /tmp
eq "$(run --user 5 -- grep CapPrm /proc/self/status | tr -d '[:space:]')" \
	CapPrm:0000000000000000 "an ordinary user has no capability"

eq "$(run -- sh -c 'for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo $d; done')" "" \
	"the devices of every container"
eq "$(run -- sh -c 'head -c 3 /dev/zero | tr "\0" z')" zzz "/dev/zero works"
eq "$(run -- readlink /dev/stdin)" /proc/self/fd/0 "/dev/stdin"
eq "$(run -- sh -c 'ls /proc/kcore >/dev/null 2>&1; wc -c </proc/keys')" 0 "masked paths are empty"
refused -- sh -c 'echo 1 >/proc/sys/kernel/sysrq'
refused -- sh -c 'mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x'
eq "$(run --read-only -- sh -c 'touch /x 2>/dev/null || echo refused; touch /tmp/x && echo kept')" \
	"refused
kept" "--read-only"
eq "$(run --tmpfs /scratch:1M -- sh -c 'stat -f -c %T /scratch; cat /proc/mounts' | sed -n '1p;/scratch/s/.*\(size=[0-9]*k\).*/\1/p')" "tmpfs
size=1024k" "--tmpfs"
eq "$(run --sysctl net.ipv4.ip_unprivileged_port_start=80 -- cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" \
	80 "--sysctl"
eq "$(run --rlimit nofile=100:200 -- sh -c 'ulimit -Sn; ulimit -Hn' | tr '\n' ' ')" "100 200 " "--rlimit"
eq "$(run -- sh -c 'cat /proc/self/cgroup' | cut -d: -f3 | sort -u)" / "its cgroup is the root it sees"
eq "$(run -- sh -c 'tr "\0" " " </proc/1/cmdline' | sed 's/ *$//')" nacre-init "our command line is not shown"
leaves_nothing "after all that"

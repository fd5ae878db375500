#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers at the bridge have addresses of their own, reach each other, the host
# and, translated, what the host reaches; and all of it is undone, also when nacre
# was killed. In a network namespace of the test's own.
[ -n "${NACRE_TEST_OWN_NET:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env NACRE_TEST_OWN_NET=1 unshare --net "$0"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd ip nft jq
ip link set lo up
# Beyond the host: one more namespace.
ip link add out0 type veth peer name in0 2>/dev/null || skip "this kernel has no veth interfaces"
ip link add type bridge 2>/dev/null || skip "this kernel has no bridges"
ip link del bridge0
nft add table ip probe 2>/dev/null || skip "this kernel has no nftables"
nft delete table ip probe
mkfifo "$T/stay"
unshare --net sh -c 'ip addr add 192.0.2.1/24 dev lo; read x <"$1"' sh "$T/stay" &
beyond=$!
defer kill "$beyond"
for ((i = 0; i < 600; i++)); do	# until it has left our namespace
	[ "$(readlink "/proc/$beyond/ns/net")" = "$(readlink /proc/self/ns/net)" ] || break
	read -rt 0.05 <> <(:) || true
done
ip link set in0 netns "$beyond" || skip "no second network namespace"
in_beyond() { nsenter --net="/proc/$beyond/ns/net" "$@"; }
ip addr add 198.51.100.1/24 dev out0
ip link set out0 up
in_beyond ip addr add 198.51.100.2/24 dev in0
in_beyond ip link set in0 up

# net_leaves_nothing WHAT
net_leaves_nothing() {
	eq "$(ip -o link | grep -c nacre || true)" 0 "$1: interfaces left"
	eq "$(nft list tables)" "" "$1: tables left"
	[ ! -e "/run/nacre/net/$(stat -Lc %i /proc/self/ns/net)" ] || fail "$1: addresses left"
	eq "$(cat /proc/sys/net/ipv4/ip_forward)" "$forwarding" "$1: forwarding"
	leaves_nothing "$1"
}
forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
mkdir "$T/shared"
mkfifo "$T/shared/said" "$T/shared/go"
bind=(-b "$T/shared:/shared")
defer nacre --root "$STATE" rm --force "$TEST_ID"
defer nacre --root "$STATE" rm --force "$TEST_ID-2"

eq "$(run --net bridge -h web -- sh -c 'cat /etc/hosts')" "127.0.0.1 localhost
::1 localhost
10.99.0.2 web" "hosts"
has "$(run --net bridge -- ip -4 addr show eth0)" "10.99.0.2/16" "its address"
has "$(run --net bridge -- ip route)" "default via 10.99.0.1" "its route"
has "$(run --net bridge --subnet 10.98.7.0/24 -- ip -4 addr show eth0)" "10.98.7.2/24" "another subnet"
net_leaves_nothing "after short ones"

# A server, another container, the host, and who is beyond.
run --detach --net bridge "${bind[@]}" -- sh -c 'echo up >/shared/said; while :; do echo served | nc -l -p 80; done' >/dev/null
eq "$(cat "$T/shared/said")" up "it runs"
address=$(n inspect "$TEST_ID" | jq -r '.[0].address')
eq "$address" 10.99.0.2 "inspect knows the address"
eq "$("${RUN[@]}" --net bridge -- sh -c "for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 5 $address 80 </dev/null && break; usleep 200000; done")" served "from another container"
has "$("${RUN[@]}" --net bridge -- ip -4 addr show eth0)" "10.99.0.3/16" "another address beside it"
eq "$(status_of "${RUN[@]}" --net bridge -- ping -c 1 -W 5 198.51.100.2)" 0 "beyond the host, translated"
has "$(nft list table ip nacre)" masquerade "the rule"
"${RUN[@]}" --net bridge --name "$TEST_ID-2" -d "${bind[@]}" -- sh -c 'read x </shared/go' >/dev/null
n rm --force "$TEST_ID"
has "$(ip link)" nacre0 "the bridge stays while somebody uses it"
echo >"$T/shared/go"
n wait "$TEST_ID-2" >/dev/null
n rm "$TEST_ID-2"
net_leaves_nothing "after the last"

# Without translation nobody answers from beyond.
eq "$(run --net bridge --no-nat -- sh -c 'ping -c 1 -W 1 198.51.100.2 >/dev/null; echo $?')" 1 "without translation"
net_leaves_nothing "after that"

# A port of the host, by each of its addresses and from beyond; taken once; UDP.
serve='echo up >/shared/said; while :; do echo served | nc -l -p 80; done'
run --detach --net bridge -p 8080:80 -p 5353:53/udp "${bind[@]}" -- sh -c "$serve" >/dev/null
eq "$(cat "$T/shared/said")" up "it runs"
# ask COMMAND... - until the server listens again
ask() {
	local i
	for ((i = 0; i < 50; i++)); do
		timeout 10 "$@" </dev/null 2>/dev/null && return
		read -rt 0.1 <> <(:) || true
	done
	echo "nobody answers"
}
eq "$(ask busybox nc -w 5 127.0.0.1 8080)" served "by 127.0.0.1"
eq "$(ask busybox nc -w 5 198.51.100.1 8080)" served "by an address of the host"
eq "$(ask nsenter "--net=/proc/$beyond/ns/net" busybox nc -w 5 198.51.100.1 8080)" served "from beyond"
has "$(nft list map ip nacre udp_ports)" "5353 : 10.99.0.2 . 53" "the UDP port"
eq "$(status_of "${RUN[@]}" --net bridge -p 8080:81 -- true)" 125 "the same port again"
has "$(cat "$T/err")" "port 8080 of the host is published already" "message about that"
eq "$(ask busybox nc -w 5 127.0.0.1 8080)" served "after that"
n rm --force "$TEST_ID"
net_leaves_nothing "after published ports"
eq "$(status_of run --net bridge -p 99999:1 -- true)" 125 "a port that there is not"
has "$(cat "$T/err")" "'99999:1'" "message about that"
eq "$(status_of run -p 80 -- true)" 125 "a port without a bridge"

# Killed.
start --net bridge "${bind[@]}" -- sh -c 'echo up >/shared/said; exec sleep 1000'
eq "$(cat "$T/shared/said")" up "it runs"
pid=$(n inspect "$TEST_ID" | jq '.[0].pid')
kill -KILL "$nacre"
await exit "$pid"
n rm --force "$TEST_ID"
net_leaves_nothing "after a killed nacre"
eq "$(NACRE_FAIL_AFTER=network status_of run --net bridge -- true)" 125 "a failure"
net_leaves_nothing "after a failure"
eq "$(NACRE_FAIL_AFTER=address status_of run --net bridge -- true)" 125 "an early failure"
net_leaves_nothing "after an early failure"

# The host's network, and that of another namespace.
eq "$(run --net host -- ip -o link | wc -l)" "$(ip -o link | wc -l)" "the host's interfaces"
has "$(run --net "/proc/$beyond/ns/net" -- ip -4 addr show in0)" 198.51.100.2 "another namespace's"
eq "$(run -- ip -o link | wc -l)" 1 "loopback alone"

eq "$(status_of run --net bridge --subnet 10.99.0.1/16 -- true)" 125 "a subnet that is none"
has "$(cat "$T/err")" "'10.99.0.1/16'" "message about that"
net_leaves_nothing "at the end"

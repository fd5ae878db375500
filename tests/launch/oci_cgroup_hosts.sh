#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Realtime CPU time is limited where the kernel can; a host that shows no cgroups at all,
# or only those of version 1, is told apart from one that is broken.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"
defer oci delete --force "$ID"

cpu=/sys/fs/cgroup/cpu

# The cgroup above: nacre removes it when it is empty, runc leaves it, in all hierarchies.
remove_parents() { rmdir /sys/fs/cgroup/*/"$ID" 2>/dev/null || true; }
make_parent() {
	mkdir -p $cpu/"$ID"
	echo 20000 >$cpu/"$ID"/cpu.rt_runtime_us
}

# Others on this host may have all of its realtime CPU time.
defer remove_parents
if [ -f $cpu/cpu.rt_runtime_us ] && ! make_parent 2>/dev/null; then
	note "realtime is left out: no realtime CPU time can be given to a cgroup"
elif [ -f $cpu/cpu.rt_runtime_us ]; then
	for RUNTIME in runc nacre; do
		command -v $RUNTIME >/dev/null || continue
		make_parent
		bundle sh -c 'cd /sys/fs/cgroup/cpu; cat cpu.rt_period_us cpu.rt_runtime_us'
		config 's|"cgroupsPath": "[^"]*"|"cgroupsPath": "/'"$ID"'/inner"|'
		config 's|"resources": {|"resources": { "cpu": { "realtimePeriod": 500000, "realtimeRuntime": 5000 },|'
		eq "$(oci run --bundle "$B" "$ID" </dev/null | tr '\n' ' ')" "500000 5000 " "realtime, $RUNTIME"
		remove_parents
	done
	make_parent
	config 's|"realtimeRuntime": 5000|"realtimeRuntime": 50000|'
	eq "$(status_of oci run --bundle "$B" "$ID")" 125 "more than the cgroup above has"
	has "$(cat "$T/err")" "cpu.rt_runtime_us" "message about it"
	has "$(cat "$T/err")" "cgroups above" "the next step"
fi

# on_host FILTER - nacre where only the mounts of cgroups that pass the filter are
on_host() {
	timeout 60 unshare -m --propagation private bash -c '
		mount -t tmpfs none "$1"
		for dir in /sys/fs/cgroup/*/; do
			$2 "$dir" || continue
			mkdir "$1/$(basename "$dir")"
			mount --bind "$dir" "$1/$(basename "$dir")"
		done
		mount --move "$1" /sys/fs/cgroup
		exec nacre --root "$3" run --bundle "$4" "$5" </dev/null' \
		- "$T/view" "$1" "$T/oci" "$B" "$ID" 2>"$T/err"
}
is_v1() { [ -f "$1/release_agent" ]; }
none() { false; }
export -f is_v1 none
mkdir "$T/view"
bundle echo fine
if [ -f /sys/fs/cgroup/memory/release_agent ]; then
	eq "$(on_host is_v1)" fine "version 1 alone"
fi
on_host none && fail "started without cgroups"
has "$(cat "$T/err")" "no cgroup hierarchy is mounted" "message without cgroups"
has "$(cat "$T/err")" "mount -t cgroup2" "the next step"

for verb in checkpoint restore; do
	eq "$(status_of oci $verb "$ID")" 1 "$verb"
	has "$(cat "$T/err")" "cannot be checkpointed" "message of $verb"
done
oci_leaves_nothing "at the end"

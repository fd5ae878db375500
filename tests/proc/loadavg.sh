#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The load average is right from the first read: as if it had always been sampled.
. "$(dirname "$0")/lib.sh"
[ -n "$(hierarchy pids)$(hierarchy memory)" ] || skip "no controller to make a container of"

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/idle"
make_cgroup "$TEST_ID/busy"
make_cgroup "$TEST_ID/busy/below" inner
defer end_cgroup "$TEST_ID/busy/below"
defer end_cgroup "$TEST_ID/idle"
start_procfs
in_cgroup "$TEST_ID/idle" sleep 1000 &
idle=$(procfs register idle --cgroup "/$TEST_ID/idle")
busy=$(procfs register busy --cgroup "/$TEST_ID/busy")

# Two that compute, in a cgroup below the container's own. They began when the
# container did, so the load is 2 * (1 - e^(-age/60)) when it is first read; or
# what that was up to 5 s ago, for load averages are counted every 5 s.
in_cgroup "$TEST_ID/busy/below" sh -c 'while :; do :; done' &
in_cgroup "$TEST_ID/busy/below" sh -c 'while :; do :; done' &
# The first read samples: it must find both.
for h in $(hierarchies); do
	while [ "$(wc -l <"$h/$TEST_ID/busy/below/cgroup.procs")" -lt 2 ]; do :; done
	while [ "$(wc -l <"$h/$TEST_ID/idle/cgroup.procs")" -lt 1 ]; do :; done
done
worked=0
while [ "$worked" -lt 300 ]; do	# ticks of CPU time: they have run for a while
	worked=$(awk '/^cpu / { print $2 + $3 + $4 }' "$busy/proc/stat")
done
awk 'NR == FNR { age = $1; next }
	{ most = 2 * (1 - exp(-age / 60)) + 0.1
	  least = 2 * (1 - exp(-(age < 5 ? 0 : age - 5) / 60)) - 0.1
	  if ($1 > most || $1 < least) {
		print "load " $1 " at age " age ", not " least " to " most; exit 1 } }' \
	"$busy/proc/uptime" "$busy/proc/loadavg" || fail "the first load average"
eq "$(awk '{ print $4 }' "$busy/proc/loadavg")" 2/2 "running and all tasks"
eq "$(awk '{ print $1, $2, $3, $4 }' "$idle/proc/loadavg")" "0.00 0.00 0.00 0/1" "an idle container"

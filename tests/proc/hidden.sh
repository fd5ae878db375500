#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A CPU that a container does not see has left nothing: no directory, no link, no
# number in any list or mask, and no frequency of its own.
. "$(dirname "$0")/lib.sh"
need_private_mounts
h=$(hierarchy cpuset)
[ -n "$h" ] || skip "no cpuset controller"
[ "$(nproc --all)" -ge 2 ] || skip "needs two CPUs to hide one"

# Directories of frequencies, as hosts have them: some for one CPU, some for several.
if [ -d /sys/devices/system/cpu/cpufreq ]; then
	for policy in "0 0" "1 1" "5 0 1" "6 6 7"; do
		dir=$T/cpufreq/policy${policy%% *}
		mkdir -p "$dir"
		echo "${policy#* }" | tee "$dir/related_cpus" >"$dir/affected_cpus"
		echo 2400000 >"$dir/scaling_cur_freq"
	done
	echo 1 >"$T/cpufreq/boost"
	mount --bind "$T/cpufreq" /sys/devices/system/cpu/cpufreq
	defer umount /sys/devices/system/cpu/cpufreq
fi

make_cgroup "$TEST_ID"
make_cgroup "$TEST_ID/c"
set_limit "$TEST_ID/c" cpus 1
start_procfs
view=$(procfs register box --cgroup "/$TEST_ID/c")
cpu=$view/sys/devices/system/cpu

eq "$(cd "$view/sys/devices/system" && find . -name 'cpu[0-9]*' | sort | xargs)" \
	"$(cd /sys/devices/system && find cpu node -name cpu1 2>/dev/null | sed 's/^/.\//' | sort | xargs)" \
	"directories and links of CPUs"
numbers=$(cd "$view/sys/devices/system" && find . -type f \
	\( -name '*_list' -o -name cpulist -o -name online -o -name present -o -name possible \) \
	! -path '*/node/online' ! -path '*/node/possible' ! -path '*/cpu1/online' \
	-exec grep -H . {} + | grep -v ':1$' || true)
eq "$numbers" "" "lists with other CPUs than 1"
masks=$(cd "$view/sys/devices/system" && find . -type f \
	\( -name '*_siblings' -o -name cpumap -o -name shared_cpu_map -o -name core_cpus \) \
	-exec grep -H . {} + | grep -v ':[0,]*2$' || true)
eq "$masks" "" "masks of other CPUs than 1"

if [ -d "$T/cpufreq" ]; then
	eq "$(ls "$cpu/cpufreq" | xargs)" "boost policy1 policy5" "frequencies"
	eq "$(cat "$cpu"/cpufreq/policy*/{related,affected}_cpus | sort -u)" 1 "whose they are"
	eq "$(cat "$cpu/cpufreq/policy5/scaling_cur_freq")" 2400000 "one of them"
	for hidden in policy0 policy6 policy6/scaling_cur_freq; do
		[ ! -e "$cpu/cpufreq/$hidden" ] || fail "$hidden is there"
	done
	set_limit "$TEST_ID/c" cpus 0-1
	eq "$(ls "$cpu/cpufreq" | xargs)" "boost policy0 policy1 policy5" "with both CPUs"
	eq "$(cat "$cpu/cpufreq/policy5/related_cpus")" "0 1" "whose the shared one is"
fi

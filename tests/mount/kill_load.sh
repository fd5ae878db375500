#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Eight threads make, move, replace, delete, write, map and truncate files in shared
# directories and execute programs, each knowing what must be there, while the union's
# worker is killed again and again. No name and no byte is lost or comes back, no
# operation fails, also after a remount.
#	kill_load.sh [--every SECONDS] [--seconds N] [DATA]	(0; 60; cached)
# --every 0 kills a worker as soon as it has answered, and the next two while they start.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse

every=0
seconds=60
while [ $# -gt 1 ]; do
	case $1 in
	--every) every=$2 ;;
	--seconds) seconds=$2 ;;
	*) fail "unknown option: $1" ;;
	esac
	shift 2
done
data=${1:-cached}

mount -t tmpfs "nacre-$TEST_ID" "$T"
mkdir "$T/lower"
for d in d0 d1 d2 d3; do
	mkdir "$T/lower/$d"
	cp /usr/bin/test "$T/lower/$d/program"
	for n in 1 2 3 4 5 6 7 8 9; do
		echo "$n" >"$T/lower/$d/shipped-$n"
	done
done
"$LIB/churn" --fill "$T/lower" 8
mount_killable -o "data=$data"
ls "$M" >"$T/listed"		# it serves
timeout $((seconds + 120)) "$LIB/churn" --seconds "$seconds" --filled "$M" 8 0 1 \
	>"$T/names" 2>"$T/said" &
churn=$!
kills=0
# A name that is new to the kernel: only a worker can answer.
while kill -0 "$churn" 2>/dev/null; do
	kill_worker
	kills=$((kills + 1))
	if [ "$every" != 0 ] || [ $((kills % 3)) = 0 ]; then
		eq "$(status_of timeout 60 stat "$M/none-$kills")" 1 "what is not there, after kill $kills"
	fi
	[ "$every" = 0 ] || timeout "$every" tail --pid="$churn" -f /dev/null || true
done
wait "$churn" || fail "after $kills kills: $(cat "$T/said")"$'\n'"$(grep -v 'another takes over' "$T/log" | tail -25)"
note "$(cat "$T/said"), $kills kills"
[ "$kills" -gt 0 ] || fail "nothing was ever killed"

# Nothing is open any more. What the kernel forgot meanwhile is not held for ever, either.
kill_worker
fds() { find "/proc/$holder/fd" -mindepth 1 | wc -l; }
for ((i = 0; i < 1000 && $(fds) >= 50; i++)); do
	stat "$M/none-$kills-$i" 2>"$T/listed" || true
done
note "$(fds) descriptors in the holder"
[ "$(fds)" -lt 50 ] || fail "$(fds) descriptors in the holder"

list() { (cd "$M" && find d? -mindepth 1 ! -name program | LC_ALL=C sort); }
sums() { (cd "$M" && find . -type f -exec md5sum {} + | LC_ALL=C sort); }
grep -v '/program$' "$T/names" | LC_ALL=C sort >"$T/wanted"
list >"$T/seen"
same_text "$T/wanted" "$T/seen" "the tree afterwards"
sums >"$T/sums"
unmount_killable
eq "$(cd "$T/work" && find . -mindepth 2 | grep -v '^./index')" "" "left in the work directory"
"$NACRE_UNIONFS" -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work" "$M"
sums >"$T/seen"
umount "$M"
same_text "$T/sums" "$T/seen" "what the files hold after a remount"

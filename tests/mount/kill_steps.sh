#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The union's worker is killed before each single system call of an operation that
# changes something. Whoever asked gets one answer, the right one, and the tree is the
# one that kernel overlay has after the same operations without a kill.
#	kill_steps.sh [--all] [DATA [PATTERN]]	(cached; only operations that match)
# Without --all a third of the steps, another one for each DATA.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kill.sh"
need_root
need_fuse

STRIDE=3
if [ "${1:-}" = --all ]; then
	STRIDE=1
	shift
fi
DATA=${1:-cached}
PATTERN=${2:-.}
FSOPS=$LIB/fsops/fsops
STEPS_MAX=60
DIRS=$((STRIDE == 1 ? 900 : 300))

# What is done before, undisturbed; what the worker is killed in.
OPERATIONS=(
	';create new 0640'
	';mkdir new 0750'
	';symlink target new'
	';chr new 0644 1 3'
	'unlink file;create file 0600'
	'rmdir empty;mkdir empty 0700'
	'unlink file;symlink elsewhere file'
	';unlink file'
	'create new 0644;unlink new'
	'chmod file 0600;unlink file'
	';unlink hard1'
	';rmdir empty'
	'mkdir new 0755;rmdir new'
	'chmod empty 0700;rmdir empty'
	';rename file moved'
	'create new 0644;rename new file'
	';rename file other'
	'create a 0644,create b 0600;rename a b'
	';exchange file other'
	';exchange dir empty'
	';rename dir moved'
	'mkdir new 0755;rename new empty'
	'mkdir new 0755,unlink other;rename new other'
	'unlink other;rename file other'
	';rename hard1 hard3'
	';link file linked'
	'unlink other;link file other'
	';link hard1 hard3'
	';append file 10 5'
	';append hard1 10 5'
	';truncate file 5'
	';truncate file 0'
	';chmod file 0600'
	';chmod dir/sub 0700'
	';chown dir/sub/deep 1 1'
	';utimens file 1000000 2000000'
	';setxattr file user.new value'
	';setxattr_create file user.new value'
	';removexattr file user.plain'
	';link_open 0 linked'
	';mkdir dir/sub/new 0755'
)

fill_lower() {
	local n
	mkdir "$T/lower" "$T/lower/0"
	cat >"$T/lower.ops" <<-'END'
		mkdir dir 0755
		mkdir dir/sub 0755
		put dir/sub/deep 0 3000 1
		put file 0 5000 2
		setxattr file user.plain value
		put other 0 100 3
		put hard1 0 700 4
		link hard1 hard2
		mkdir empty 0755
		freeze
	END
	"$FSOPS" run "$T/lower/0" "$T/lower.ops" >"$T/made"
	for ((n = 1; n < DIRS; n++)); do
		cp -a "$T/lower/0" "$T/lower/$n"
	done
}

# lists OPERATION - $T/before and $T/during, for fsops
lists() {
	local before=${1%%;*} during=${1#*;}
	echo "${before//,/$'\n'}" >"$T/before"
	case $during in
	link_open*) printf '%s\n' 'open 0 . rdwr|tmpfile 0600' 'write 0 10 1' \
		"$during" 'close 0' ;;
	*) echo "$during" ;;
	esac >"$T/during"
}

# try OPERATION DIR STEP - false if the operation has fewer steps
try() {
	local answer tracer status=0
	lists "$1"
	"$FSOPS" run "$M/$2" "$T/before" >"$T/made" || fail "$1: what comes before"
	mkfifo "$T/attached"
	"$LIB/killat" "$(worker_of "$holder")" "$3" >"$T/attached" &
	tracer=$!
	read -r answer <"$T/attached" || fail "the worker cannot be traced"
	rm "$T/attached"
	timeout 60 "$FSOPS" run "$M/$2" "$T/during" >"$T/answers" ||
		fail "$1: no answer, or the wrong one, after a kill at step $3"
	if grep -q -e '-> E' "$T/answers"; then
		fail "$1: killed at step $3, and the answer is: $(cat "$T/answers")"
	fi
	sync -f "$M/$2" || fail "sync"
	kill -TERM "$tracer" 2>/dev/null || true
	wait "$tracer" || status=$?
	case $status in
	0) kills=$((kills + 1)) ;;
	3) return 1 ;;
	*) fail "killat: status $status" ;;
	esac
}

# The same without kills, on kernel overlay.
repeat_on_overlay() {
	local n
	mkdir "$T/kernel" "$T/kernel/upper" "$T/kernel/work" "$T/kernel/merged"
	mount_overlay "$T/kernel/merged" "$T/lower" "$T/kernel/upper" "$T/kernel/work" \
		index=on,redirect_dir=on,metacopy=on
	for ((n = 1; n <= used; n++)); do
		lists "${done_in[n]}"
		"$FSOPS" run "$T/kernel/merged/$n" "$T/before" >"$T/made"
		"$FSOPS" run "$T/kernel/merged/$n" "$T/during" >"$T/made"
	done
	FSOPS_KERNEL=yes "$FSOPS" dump "$T/kernel/merged" | times_aside >"$T/kernel.tree"
	umount "$T/kernel/merged"
}

# Directories have the time at which each was changed.
times_aside() { sed '/ d/s/ mtime=[^ ]*//'; }

see() { "$FSOPS" dump "$M" | times_aside >"$T/$1" || fail "cannot walk the tree"; }

# In memory: every copy would wait for the disk.
mount -t tmpfs "nacre-$TEST_ID" "$T"
fill_lower
mount_killable -o "data=$DATA,redirect_dir=on,metacopy=on"
used=0
kills=0
case $DATA in
cached) turn=0 ;;
passthrough) turn=1 ;;
*) turn=2 ;;
esac
done_in=()
for operation in "${OPERATIONS[@]}"; do
	[[ $operation =~ $PATTERN ]] || continue
	note "$operation"
	for ((step = 1 + turn++ % STRIDE; step <= STEPS_MAX; step += STRIDE)); do
		used=$((used + 1))
		[ "$used" -lt "$DIRS" ] || fail "more than $DIRS directories are needed"
		done_in[used]=$operation
		try "$operation" "$used" "$step" || break
	done
	[ "$step" -le "$STEPS_MAX" ] ||
		fail "$operation has more than $STEPS_MAX steps"
done
note "$kills kills in ${#OPERATIONS[@]} operations"
[ "$kills" -gt 0 ] || fail "nothing was ever killed"

see nacre.tree
repeat_on_overlay
same_text "$T/kernel.tree" "$T/nacre.tree" "the trees differ (-kernel +nacre)"
unmount_killable
eq "$(cd "$T/work" && find . -mindepth 2 | grep -v '^./index')" "" "left in the work directory"

# And it is all on the disk.
"$NACRE_UNIONFS" -o "lowerdir=$T/lower,upperdir=$T/upper,workdir=$T/work,redirect_dir=on,metacopy=on" "$M"
see nacre.again
umount "$M"
same_text "$T/nacre.tree" "$T/nacre.again" "the tree is another after a remount"

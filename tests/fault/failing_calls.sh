#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every system call of every operation fails once: the caller gets that error and nothing
# has changed, or the operation is done; the union goes on, after a remount the tree is
# the same, kernel overlay shows that tree too, and fsck finds nothing.
#
#	failing_calls.sh [--all [ERROR...]]	every error at every call, not one in turn,
#			and a remount after each: ENOSPC, EIO, EMFILE, MEMORY
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
need_private_mounts
need_fuse
need_fs overlay
need_union
case $(ldd "$NACRE_UNIONFS") in *libasan* | *libtsan*) skip "sanitizers want to be loaded first" ;; esac

FSOPS=$LIB/fsops/fsops
FAILCTL=$NACRE_BUILD/tests/fault/failctl
ERRORS=(ENOSPC EIO EMFILE MEMORY)
all=
if [ "${1:-}" = --all ]; then
	all=yes
	shift
	[ $# = 0 ] || ERRORS=("$@")
fi

mkdir "$T/lower" "$T/merged" "$T/fs"
cat >"$T/lower.ops" <<'EOL'
mkdir dir 0755
mkdir dir/sub 0755
put dir/sub/file 0 4000 1
put dir/other 0 100 2
put file 0 10000 2
put hard 0 100 3
link hard hard2
setxattr file user.plain value
symlink file symlink
mkdir empty 0755
mkdir hollow 0755
put hollow/child 0 10 3
put gone 0 10 4
freeze
EOL
"$FSOPS" run "$T/lower" "$T/lower.ops" >"$T/made"
"$FSOPS" layer "$T/lower" >"$T/lower.before"

# What is done first, and the operation.
OPERATIONS=(
	'|stat dir/sub/file'
	'|read file'
	'|readdir dir'
	'|readlink symlink'
	'|getxattr file user.plain'
	'|chmod dir/sub/file 0600'
	'|chown symlink 1 1'
	'|setxattr dir/sub user.new value'
	'|patch file 9990 5 9'
	'chmod file 0600|patch file 9990 5 9'
	'|append dir/sub/file 10 9'
	'|truncate file 5000'
	'|chmod hard 0600'
	'chmod hard 0600|unlink hard2'
	'|unlink hard'
	'|unlink dir/sub/file'
	'|rename file dir/sub/moved'
	'|rename dir moved'
	'|rename hard gone'
	'unlink hollow/child|rename dir hollow'
	'|exchange file dir'
	'|rmdir empty'
	'unlink hollow/child|rmdir hollow'
	'unlink gone|create gone 0644'
	'unlink gone|mkdir gone 0755'
	'unlink gone|rename file gone'
	'|mkdir dir/sub/new 0755'
	'|create dir/sub/new 0644'
	'|symlink target dir/sub/new'
	'|link file dir/sub/new'
	'|chr dir/sub/new 0644 1 3'
	'|put dir/sub/new 0 5000 7'
)

mount_failing() {
	LD_PRELOAD=$NACRE_BUILD/tests/fault/failing.so NACRE_FAILING=$T/control \
		mount_nacre "$T/merged" "$T/lower" "$T/fs/upper" "$T/fs/work"
}

run() {		# OPERATION - what it answers; the way to it may fail as well
	echo "$1" >"$T/op"
	timeout 60 "$FSOPS" run "$T/merged" "$T/op" 2>"$T/err" && return
	case $(cat "$T/err") in
	*"cannot enter"*"No space left"*) echo "0 $1 -> ENOSPC" ;;
	*"cannot enter"*"Input/output error"*) echo "0 $1 -> EIO" ;;
	*"cannot enter"*"Too many open files"*) echo "0 $1 -> EMFILE" ;;
	*"cannot enter"*"Cannot allocate memory"*) echo "0 $1 -> ENOMEM" ;;
	*) fail "'$1': $(cat "$T/err")" ;;
	esac
}

fresh() {	# BEFORE - a fresh union in which that was done
	mount -t tmpfs -o size=64m "nacre-$TEST_ID" "$T/fs"
	mkdir "$T/fs/upper" "$T/fs/work"
	mount_failing
	[ -z "$1" ] || run "$1" >"$T/answer"
}

done_with() { unmount "$T/merged"; umount "$T/fs"; }

# see WHAT - without the times of directories: those whose putting back failed are new.
# What was written and lost stays in the page cache, so a file is not looked at then.
see() {
	"$FSOPS" dump "$T/merged" | sed 's/ mtime=[^ ]*//' | grep -v "^${unseen:- } " >"$T/$1" ||
		fail "$operation, call $n ($call, $error): cannot walk the tree"
}

by_kernel() {
	mount_overlay "$T/merged" "$T/lower" "$T/fs/upper" "$T/fs/work" \
		redirect_dir=on,index=on,metacopy=on
	see "$1"
	umount "$T/merged"
}

# The state on disk is sound, and both show the tree that was seen.
check_disk() {	# SEEN
	local what="$operation, until call $n ($call, $error)" hidden=$unseen unseen=
	unmount "$T/merged"
	"$NACRE_UNIONFS" fsck -o "lowerdir=$T/lower,upperdir=$T/fs/upper,workdir=$T/fs/work,index=off" >"$T/fsck" ||
		grep -q 'WORKDIR/work' "$T/fsck" || fail "$what: fsck: $(cat "$T/fsck")"
	mount_failing
	see again
	unmount "$T/merged"
	by_kernel kernel
	same_text "$T/again" "$T/kernel" "$what: the kernel shows another tree (-nacre +kernel)"
	grep -v "^${hidden:- } " "$T/again" >"$T/again.seen"
	same_text "$T/$1" "$T/again.seen" "$what: after a remount"
	mount_failing
}

# try N ERROR - the operation, while its Nth call fails; 1: there were less than N
try() {
	local answer wanted=$2
	n=$1 error=$2 call=
	[ "$error" != MEMORY ] || wanted=ENOMEM
	"$FAILCTL" "$T/control" arm "$n" "$error"
	answer=$(run "$operation")
	call=$("$FAILCTL" "$T/control" disarm)
	[ -n "$call" ] || return 1
	tried=$((tried + 1))
	# What fails while a page is filled is EIO to who waits for the page: the kernel's.
	case $operation in read* | patch* | append* | put*) answer=${answer/"-> EIO"/"-> $wanted"} ;; esac
	case $answer in
	*"-> $wanted" | *"-> $wanted "*)
		refused=$((refused + 1))
		see after
		same_text "$T/before" "$T/after" "'$operation' failed at call $n ($call, $error), and left traces"
		[ -z "$all" ] || check_disk before
		return 0
		;;
	*"-> E"*) fail "'$operation', call $n ($call, $error): $answer" ;;
	esac
	# It was done all the same; on to a fresh one.
	see after
	same_text "$T/done" "$T/after" "'$operation' was done although call $n ($call) failed with $error, but differs"
	if [ -n "$all" ] || [ $((turn % 3)) = 0 ]; then
		check_disk done
	fi
	done_with
	fresh "$before"
}

# How it is when nothing fails.
rehearse() {
	fresh "$before"
	see before
	run "$operation" >"$T/answer"
	see done
	done_with
}

tried=0 refused=0 turn=0
"$FAILCTL" "$T/control" new
for row in "${OPERATIONS[@]}"; do
	before=${row%%|*} operation=${row#*|} unseen='' n=0 call='' error=''
	case $operation in patch* | append* | put*) unseen=$(echo "$operation" | cut -d ' ' -f 2) ;; esac
	rehearse
	fresh "$before"
	for ((i = 1; ; i++)); do
		turn=$((turn + 1))
		if [ -n "$all" ]; then
			more=
			for e in "${ERRORS[@]}"; do
				! try $i "$e" || more=yes
			done
			[ -n "$more" ] || break
		else
			try $i "${ERRORS[turn % 4]}" || break
		fi
	done
	[ -n "$all" ] || check_disk done
	done_with
done
[ $refused -gt 100 ] || fail "hardly anything failed: this test tests nothing"
note "$tried calls failed, $refused times the caller was told"

"$FSOPS" layer "$T/lower" >"$T/lower.after"
same_text "$T/lower.before" "$T/lower.after" "a lower layer has changed"

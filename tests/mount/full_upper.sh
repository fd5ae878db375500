#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An upper that is full, at whichever step: the caller gets ENOSPC and nothing
# has changed, or the operation is done; and once there is room it succeeds.
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
need_root
need_fuse
need_union

FSOPS=$LIB/fsops/fsops
mkdir "$T/lower" "$T/merged" "$T/fs"
cat >"$T/lower.ops" <<'EOF2'
mkdir dir 0755
mkdir dir/sub 0755
put dir/sub/file 0 40000 1
put file 0 100000 2
setxattr file user.plain value
symlink file symlink
mkdir empty 0755
freeze
EOF2
"$FSOPS" run "$T/lower" "$T/lower.ops" >"$T/made"
"$FSOPS" layer "$T/lower" >"$T/lower.before"

OPERATIONS=(
	'patch file 99990 5 9'
	'append dir/sub/file 10 9'
	'chmod dir/sub/file 0600'
	'chown symlink 1 1'
	'truncate file 50000'
	'setxattr dir/sub user.new value'
	'unlink dir/sub/file'
	'rename file dir/sub/moved'
	'rename dir moved'
	'rmdir empty'
	'mkdir dir/sub/new 0755'
	'create dir/sub/new 0644'
	'symlink target dir/sub/new'
	'link file dir/sub/new'
	'chr dir/sub/new 0644 1 3'
)

# fresh KIBIBYTES INODES - a fresh union, whose upper has this much left
fresh() {
	local free
	mount -t tmpfs -o size=8m,nr_inodes=1000 "nacre-$TEST_ID" "$T/fs"
	mkdir "$T/fs/upper" "$T/fs/work"
	mount_nacre "$T/merged" "$T/lower" "$T/fs/upper" "$T/fs/work"
	free=$(($(stat -f -c '%a * %S / 1024' "$T/fs")))
	fallocate -l $((free - $1))K "$T/fs/filler"
	free=$(stat -f -c %d "$T/fs")
	mount -o "remount,nr_inodes=$((1000 - free + $2))" "$T/fs"
}

make_room() { mount -o remount,size=64m,nr_inodes=10000 "$T/fs"; }

# With a write-back cache the time of the write that failed later is the kernel's.
see() {
	"$FSOPS" dump "$T/merged" | sed '/^file \|^dir\/sub\/file /s/ mtime=[^ ]*//' >"$T/$1" ||
		fail "cannot walk the tree"
}

# The state of the whole tree is compared, by a process that has seen nothing.
check() {	# OPERATION KIBIBYTES INODES
	local answer
	fresh "$2" "$3"
	see before
	echo "$1" >"$T/op"
	answer=$(timeout 60 "$FSOPS" run "$T/merged" "$T/op")
	case $answer in
	*"-> ENOSPC"*)
		see after
		same_text "$T/before" "$T/after" "'$1' failed in $2 KiB and $3 inodes, and left traces"
		make_room
		see after
		same_text "$T/before" "$T/after" "'$1': traces, once there was room"
		answer=$(timeout 60 "$FSOPS" run "$T/merged" "$T/op")
		case $answer in
		*"-> E"*) fail "does not succeed once there is room: $answer" ;;
		esac
		full=$((full + 1))
		;;
	*"-> E"*) fail "'$1' with $2 KiB and $3 inodes left: $answer" ;;
	esac
	make_room
	see after
	unmount "$T/merged"
	mount_nacre "$T/merged" "$T/lower" "$T/fs/upper" "$T/fs/work"
	see again
	same_text "$T/after" "$T/again" "'$1' with $2 KiB and $3 inodes left: after a remount"
	unmount "$T/merged"
	umount "$T/fs"
}

full=0
for operation in "${OPERATIONS[@]}"; do
	for inodes in 0 1 2 3 5; do
		check "$operation" 1024 $inodes
	done
done
for operation in "${OPERATIONS[@]}"; do
	case $operation in patch* | append* | truncate*) ;; *) continue ;; esac
	for kib in 0 4 32 40 64 96 100 104; do
		check "$operation" $kib 100
	done
done
[ $full != 0 ] || fail "the upper was never full: this test tests nothing"
note "$full times the upper was full"

"$FSOPS" layer "$T/lower" >"$T/lower.after"
same_text "$T/lower.before" "$T/lower.after" "a lower layer has changed"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user has the same verbs: in the background, with ids of its own where
# they are granted, with limits where a cgroup is delegated; and is told what is missing.
[ -n "${NACRE_TEST_OWN_MOUNTS:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env NACRE_TEST_OWN_MOUNTS=1 unshare --mount --propagation private "$0"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd setpriv jq
[ "$DRIVER" = overlay ] || need_fuse
setpriv --reuid 4242 --regid 4242 --clear-groups unshare --user --map-root-user true 2>/dev/null ||
	skip "this host lets no ordinary user make a user namespace"
setpriv --reuid 4242 --regid 4242 --clear-groups test -x "$NACRE_BUILD/nacre" ||
	skip "an ordinary user cannot reach $NACRE_BUILD"
if ! setpriv --reuid 4242 --regid 4242 --clear-groups test -w /dev/fuse; then
	mknod -m 666 "$T/fuse" c 10 229
	mount --bind "$T/fuse" /dev/fuse
	defer umount /dev/fuse
fi
mkdir "$T/home" "$T/user"
chown 4242:4242 "$T/home" "$T/user"
STATE=$T/user/state

# u VERB... - as the user
u() {
	timeout 60 setpriv --reuid 4242 --regid 4242 --clear-groups env -u XDG_RUNTIME_DIR \
		NACRE_DATA_DIR="$T/user" HOME="$T/home" nacre --root "$STATE" "$@"
}
u_run() { u run --rootfs-driver "$DRIVER" --name "$TEST_ID" "$@"; }
mkdir -m 777 "$T/shared"
mkfifo -m 666 "$T/shared/said"
defer u rm --force "$TEST_ID"

eq "$(u_run --detach -e A=given -b "$T/shared:/shared" -- sh -c 'echo printed; touch /made; echo up >/shared/said; exec sleep 1000')" \
	"$TEST_ID" "in the background"
eq "$(cat "$T/shared/said")" up "it runs"
eq "$(u ps -q)" "$TEST_ID" "ps"
eq "$(u exec "$TEST_ID" sh -c 'id -u; echo $A; stat -c %u /made')" "0
given
0" "exec"
has "$(u diff "$TEST_ID")" "A /made" "diff"
has "$(u stats --no-stream)" "$TEST_ID" "stats, though nothing counts"
eq "$(status_of u pause "$TEST_ID")" 1 "pause without a cgroup"
has "$(cat "$T/err")" "nacre check" "the next step"
eq "$(status_of u update --memory 64M "$TEST_ID")" 1 "update without a cgroup"
u stop --time 0 "$TEST_ID"
case $(u wait "$TEST_ID") in
137 | 143) ;;	# by KILL, or TERM was faster
*) fail "wait: $(u wait "$TEST_ID")" ;;
esac
eq "$(u logs "$TEST_ID")" printed "logs"
u start "$TEST_ID"
eq "$(cat "$T/shared/said")" up "start"
monitor=$(u inspect "$TEST_ID" | jq '.[0].monitor')
pid=$(u inspect "$TEST_ID" | jq '.[0].pid')
kill -KILL "$monitor"
await exit "$pid" "$monitor"
u rm "$TEST_ID"
eq "$(ls "$STATE")$(ls "$T/user/scratch")" "" "nothing is left"
eq "$(status_of u_run --net bridge -- true)" 125 "a bridge"
has "$(cat "$T/err")" "takes root" "message about that"
eq "$(status_of u_run --memory 64M -- true)" 125 "a limit"
has "$(cat "$T/err")" "nacre check" "the next step"

# With ids of its own: what the container's users make can be removed, too.
cp /etc/subuid "$T/subuid" 2>/dev/null || true
cp /etc/subgid "$T/subgid" 2>/dev/null || true
echo 4242:200000:65536 >>"$T/subuid"
echo 4242:200000:65536 >>"$T/subgid"
if [ -e /etc/subuid ] && [ -e /etc/subgid ] && command -v newuidmap >/dev/null; then
	{ cat /etc/passwd; echo nacre-test:x:4242:4242::/:/bin/sh; } >"$T/passwd"
	mount --bind "$T/passwd" /etc/passwd
	defer umount /etc/passwd
	mount --bind "$T/subuid" /etc/subuid
	mount --bind "$T/subgid" /etc/subgid
	defer umount /etc/subuid
	defer umount /etc/subgid
	u_run --detach --user 7:8 --tmpfs /var/tmp -- sh -c 'sleep 1000' >/dev/null
	eq "$(u exec -u 0 "$TEST_ID" sh -c 'touch /made; chown 7:8 /made; mkdir -m 700 /own; touch /own/file; chown -R 9:9 /own; stat -c %u:%g /made')" \
		7:8 "another user's file"
	eq "$(stat -c %u:%g "$T/user/scratch/$TEST_ID/upper/made")" 200006:200007 "outside"
	u rm --force "$TEST_ID"
	eq "$(ls "$T/user/scratch")" "" "what other ids made is gone"
fi

# With a cgroup that is its own in every hierarchy.
groups=()
for tasks in /sys/fs/cgroup/tasks /sys/fs/cgroup/*/tasks; do
	[ -e "$tasks" ] || continue
	dir=${tasks%/tasks}/$TEST_ID-user
	case $dir in */systemd/*) continue ;; esac
	mkdir "$dir" || continue
	groups+=("$dir")
	for file in cpuset.cpus cpuset.mems; do
		[ ! -e "$dir/$file" ] || cat "${dir%/*}/$file" >"$dir/$file"
	done
	chown -R 4242:4242 "$dir"
done
[ ${#groups[@]} != 0 ] || skip "no cgroup v1 here to delegate"
# shellcheck disable=SC2317 # called at the end
remove_groups() {
	u rm --force "$TEST_ID"
	for dir in "${groups[@]}"; do
		find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	true
}
defer remove_groups
# shellcheck disable=SC2016
(
	for dir in "${groups[@]}"; do echo "$BASHPID" >"$dir/cgroup.procs"; done
	u_run --detach --memory 32M --pids 10 -- sleep 1000 >/dev/null
) || fail "limits in a delegated cgroup"
eq "$(u stats --no-stream --json "$TEST_ID" | jq '.[0].memoryLimit')" $((32 << 20)) "its limit"
path=$(u inspect "$TEST_ID" | jq -r '.[0].cgroup')
eq "$path" "/$TEST_ID-user/nacre-$TEST_ID" "its cgroup"
u pause "$TEST_ID"
eq "$(u ps --json | jq -r '.[0].status')" paused "pause"
u resume "$TEST_ID"
u update --memory 48M "$TEST_ID"
eq "$(u stats --no-stream --json "$TEST_ID" | jq '.[0].memoryLimit')" $((48 << 20)) "after the update"
eq "$(u exec "$TEST_ID" echo hello)" hello "exec joins it"
u rm --force "$TEST_ID"
eq "$(find "${groups[@]}" -mindepth 1 -type d)" "" "no cgroup is left"

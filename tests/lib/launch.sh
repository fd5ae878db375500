# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/launch.sh - containers of nacre's own, in directories of the test
#
# NACRE_TEST_DRIVER names another --rootfs-driver than the one that is built.

need_root
[ -x "$NACRE_BUILD/nacre" ] || skip "no nacre in $NACRE_BUILD"

export NACRE_DATA_DIR=$T/data
STATE=$T/state
DRIVER=${NACRE_TEST_DRIVER:-unionfs}
if [ -z "${NACRE_TEST_DRIVER:-}" ] && [ ! -x "$NACRE_BUILD/nacre-unionfs" ]; then
	DRIVER=overlay
fi
RUN=(timeout 60 nacre --root "$STATE" run --rootfs-driver "$DRIVER" --no-views)

# run OPTION... -- COMMAND - a container that the test waits for
run() { "${RUN[@]}" --name "$TEST_ID" "$@"; }

# n VERB... - about the test's containers
n() { timeout 60 nacre --root "$STATE" "$@"; }

# start OPTION... -- COMMAND - one in the background; sets $nacre to its pid. Its
# output goes to $T/log; it ends with the test. A shell has its background jobs ignore
# SIGINT, and so would nacre until it listens.
start() {
	env --default-signal=INT,QUIT nacre --root "$STATE" run --rootfs-driver "$DRIVER" --no-views --name "$TEST_ID" "$@" \
		>"$T/log" 2>&1 </dev/null &
	nacre=$!
	defer end_container "$nacre"
}

end_container() {
	kill -TERM "$1" 2>/dev/null && await exit "$1"
	true
}

# refused COMMAND... - it fails inside
refused() {
	[ "$(status_of run "$@")" != 0 ] || fail "allowed: $*"
}

# container_cgroups - the directories of the test's container, all hierarchies
container_cgroups() {
	find /sys/fs/cgroup -maxdepth 4 -type d -path "*/nacre/$TEST_ID" 2>/dev/null || true
}

# leaves_nothing WHAT - no state, scratch layer, cgroup, mount or process is left
leaves_nothing() {
	eq "$(ls "$STATE" 2>/dev/null || true)" "" "$1: states left"
	eq "$(ls "$T/data/scratch" 2>/dev/null || true)" "" "$1: scratch layers left"
	eq "$(container_cgroups)" "" "$1: cgroups left"
	eq "$(mounts_below "$STATE")" "" "$1: mounts left"
}

# make_root DIR - a root with nothing but a static busybox
make_root() {
	local busybox
	busybox=$(command -v busybox) || skip "needs busybox-static"
	if [ -d "$T/.busybox-root" ]; then
		mkdir -p "$1"
		cp -a "$T/.busybox-root/." "$1"
		return
	fi
	mkdir -p "$1/bin"
	cp "$busybox" "$1/bin/busybox"
	"$busybox" --list | grep -vx busybox | while read -r applet; do
		ln -s busybox "$1/bin/$applet"
	done
	cp -a "$1" "$T/.busybox-root"
}

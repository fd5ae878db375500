#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman runs containers with nacre as its runtime: run, exec, pause, stop, logs, rm,
# limits, and the exit statuses that it makes of nacre's words.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd podman conmon

cat >"$T/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "none"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_json = ["nacre"]
END
export CONTAINERS_CONF=$T/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1
podman() {
	timeout 60 "$(type -P podman)" --root "$T/podman" --runroot "$T/podman-run" --storage-driver vfs \
		--runtime "$NACRE_BUILD/nacre" --log-level error "$@"
}
remove_parents() {
	find /sys/fs/cgroup -maxdepth 3 -depth -type d \( -name libpod_parent -o -path '*/libpod_parent/conmon' \) \
		-exec rmdir {} + 2>/dev/null
	true
}
defer remove_parents
defer podman rm --all --force --time 0

make_root "$T/root"
mkdir -p "$T/root/etc" "$T/root/tmp"
echo root:x:0:0:root:/root:/bin/sh >"$T/root/etc/passwd"
tar -C "$T/root" -c . | podman import - localhost/small >/dev/null 2>"$T/err" ||
	skip "podman does not work here: $(tail -n 1 "$T/err")"

eq "$(podman run --rm localhost/small echo out)" out "run"
eq "$(status_of podman run --rm localhost/small sh -c 'exit 7')" 7 "status"
eq "$(status_of podman run --rm localhost/small no-such-command)" 127 "a missing command"
eq "$(status_of podman run --rm localhost/small /etc)" 126 "a directory"
eq "$(status_of podman run --rm --memory 32m localhost/small tail /dev/zero)" 137 "beyond its memory"
eq "$(podman run --rm --user 5:6 --workdir /tmp --env A=b localhost/small sh -c 'echo $(id -u):$(id -g) $PWD $A')" \
	"5:6 /tmp b" "user, directory, variables"
eq "$(podman run --rm --tmpfs /etc localhost/small cat /etc/passwd)" root:x:0:0:root:/root:/bin/sh \
	"a tmpfs begins with what it covers"
eq "$(podman run --rm --tty localhost/small tty | tr -d '\r')" /dev/pts/0 "a terminal"

podman run --detach --name "$TEST_ID" localhost/small sh -c 'echo logged; exec sleep 1000' >/dev/null
eq "$(podman exec "$TEST_ID" hostname | wc -l)" 1 "exec"
eq "$(status_of podman exec "$TEST_ID" sh -c 'exit 4')" 4 "status of exec"
eq "$(status_of podman exec "$TEST_ID" no-such-command)" 127 "exec of a missing command"
podman pause "$TEST_ID" >/dev/null
eq "$(podman inspect --format '{{.State.Status}}' "$TEST_ID")" paused "pause"
podman unpause "$TEST_ID" >/dev/null
eq "$(podman logs "$TEST_ID")" logged "logs"
podman kill "$TEST_ID" >/dev/null
eq "$(podman wait "$TEST_ID")" 137 "status of a killed container"
podman start "$TEST_ID" >/dev/null
podman rm --force --time 0 "$TEST_ID" >/dev/null
eq "$(podman ps --all --quiet)" "" "nothing is left"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman runs containers with nacre as its runtime: run, exec, pause, stop, logs, rm,
# limits, and the exit statuses that it makes of nacre's words.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/podman.sh"
small_image

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

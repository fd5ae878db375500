#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What podman does beyond single containers, with nacre as its runtime: pods, builds,
# health checks, and Kubernetes files with limits, configuration and secrets.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/podman.sh"
small_image

# --- builds
mkdir "$T/context"
printf 'FROM localhost/small\nRUN echo built >/built\nUSER 5\nCMD cat /built\n' >"$T/context/Dockerfile"
podman build --quiet --tag localhost/built "$T/context" >/dev/null 2>"$T/err" || fail "build: $(cat "$T/err")"
eq "$(podman run --rm localhost/built)" built "run what was built"

# --- the end, and health
podman run --detach --name "$TEST_ID" --health-cmd 'test -e /healthy' --health-interval disable \
	localhost/small sh -c 'trap "exit 5" TERM; touch /healthy; echo ready; while :; do sleep 0.02; done' >/dev/null
pid=$(podman inspect --format '{{.State.Pid}}' "$TEST_ID")
await path "/proc/$pid/root/healthy"
eq "$(status_of podman healthcheck run "$TEST_ID")" 0 "a healthy container"
podman exec "$TEST_ID" rm /healthy
eq "$(status_of podman healthcheck run "$TEST_ID")" 1 "an unhealthy one"
has "$(podman top "$TEST_ID" pid comm)" sh "top"
podman stop --time 20 "$TEST_ID" >/dev/null
eq "$(podman inspect --format '{{.State.ExitCode}}' "$TEST_ID")" 5 "status after stop"
podman rm "$TEST_ID" >/dev/null

# --- limits as podman words them
eq "$(podman run --rm --memory 64m --cpus 0.5 --pids-limit 50 localhost/small sh -c '
	cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max \
		/sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null' | sort -u | tr '\n' ' ')" \
	"50 67108864 " "limits"
eq "$(podman run --rm --cap-drop all --security-opt no-new-privileges --read-only localhost/small sh -c '
	sed -n "s/^CapEff:\t//p; s/^NoNewPrivs:\t//p" /proc/self/status; touch /x 2>/dev/null || echo ro' | tr '\n' ' ')" \
	"0000000000000000 1 ro " "rights"

# --- pods and Kubernetes files need the image of podman's pause
if [ -z "$(type -P catatonit)" ] && [ ! -x /usr/libexec/podman/catatonit ]; then
	note "without catatonit there are no pods"
	exit 0
fi
podman pod create --name "$TEST_ID-pod" --share ipc,uts --hostname inpod >/dev/null
for word in one two; do
	podman run --detach --pod "$TEST_ID-pod" --name "$TEST_ID-$word" localhost/small sleep 1000 >/dev/null
done
eq "$(podman exec "$TEST_ID-one" readlink /proc/self/ns/ipc)" \
	"$(podman exec "$TEST_ID-two" readlink /proc/self/ns/ipc)" "the pod's namespace"
eq "$(podman exec "$TEST_ID-two" hostname)" inpod "its hostname"
podman pod stop --time 0 "$TEST_ID-pod" >/dev/null
podman pod rm --force --time 0 "$TEST_ID-pod" >/dev/null
eq "$(podman ps --all --quiet)" "" "containers left by the pod"

cat >"$T/kube.yaml" <<END
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { colour: green, file.txt: "from the map" }
---
apiVersion: v1
kind: Pod
metadata: { name: $TEST_ID-kube }
spec:
  hostNetwork: true
  restartPolicy: Never
  volumes:
    - { name: config, configMap: { name: settings } }
    - { name: scratch, emptyDir: {} }
    - { name: secret, secret: { secretName: hidden, optional: false } }
  containers:
    - name: main
      image: localhost/small:latest
      imagePullPolicy: Never
      command: [ sleep, "1000" ]
      env:
        - { name: COLOUR, valueFrom: { configMapKeyRef: { name: settings, key: colour } } }
      resources: { limits: { memory: 64Mi, cpu: 500m } }
      volumeMounts:
        - { name: config, mountPath: /config }
        - { name: scratch, mountPath: /scratch }
        - { name: secret, mountPath: /secret }
END
printf 'apiVersion: v1\nkind: Secret\nmetadata: { name: hidden }\ndata: { word: %s }\n' \
	"$(printf secret | base64)" | podman secret create hidden - >/dev/null
podman kube play "$T/kube.yaml" >"$T/out" 2>&1 || fail "kube play: $(cat "$T/out")"
main=$TEST_ID-kube-main
inside() { podman exec "$main" sh -c "$1"; }
eq "$(inside 'echo $COLOUR; cat /config/file.txt')" "green
from the map" "what the map says"
eq "$(inside 'echo x >/scratch/x && cat /scratch/x')" x "an empty directory"
[ -n "$(inside 'cat /secret/word')" ] || fail "the secret is not there"
pid=$(podman inspect --format '{{.State.Pid}}' "$main")
group=$(sed -n 's/^[0-9]*:memory:\|^0:://p' "/proc/$pid/cgroup" | head -n 1)
eq "$(cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes" "/sys/fs/cgroup$group/memory.max" 2>/dev/null)" \
	$((64 << 20)) "its memory limit"
podman kube down "$T/kube.yaml" >/dev/null 2>&1 || podman pod rm --force --time 0 "$TEST_ID-kube" >/dev/null
eq "$(podman ps --all --quiet)" "" "containers left"

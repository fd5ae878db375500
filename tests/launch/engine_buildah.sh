#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# buildah runs the commands of a build, and of a working container, with nacre.
# timeout: 180
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd buildah
need_private_mounts

# The default limits ask for more than a machine without CAP_SYS_RESOURCE gives.
cat >"$T/containers.conf" <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"
END
echo '{ "default": [ { "type": "insecureAcceptAnything" } ] }' >"$T/policy.json"
export CONTAINERS_CONF=$T/containers.conf TMPDIR=$T
buildah() {
	timeout 90 "$(type -P buildah)" --root "$T/buildah" --runroot "$T/buildah-run" --storage-driver vfs "$@"
}
how=(--runtime "$NACRE_BUILD/nacre" --isolation oci)
remove_all() {
	buildah rm --all >/dev/null 2>&1
	rmdir /sys/fs/cgroup/*/buildah-buildah* /sys/fs/cgroup/*/buildah 2>/dev/null
	true
}
defer remove_all

buildah from --signature-policy "$T/policy.json" scratch >/dev/null 2>"$T/err" ||
	skip "buildah does not work here: $(tail -n 1 "$T/err")"

make_root "$T/root"
mkdir -p "$T/root/etc" "$T/root/tmp" "$T/root/proc"
chmod 1777 "$T/root/tmp"
echo root:x:0:0:root:/root:/bin/sh >"$T/root/etc/passwd"

# A build from nothing: files, commands of several kinds, a user, what is mounted.
mkdir "$T/context"
tar -C "$T/root" -cf "$T/context/root.tar" .
cat >"$T/context/Dockerfile" <<'END'
FROM scratch
ADD root.tar /
RUN echo "built by $(id -u)" >/built && [ -c /dev/null ] && [ -d /proc/self ]
RUN ["sh", "-c", "exit 0"]
USER 5:6
WORKDIR /tmp
ENV A=b
RUN echo "$(id -u):$(id -g) $PWD $A" >/tmp/user
END
buildah bud "${how[@]}" --signature-policy "$T/policy.json" --tag localhost/built "$T/context" >"$T/out" 2>&1 ||
	fail "bud: $(cat "$T/out")"

container=$(buildah from --signature-policy "$T/policy.json" localhost/built)
# Without a terminal and input: what it prints, and its status.
run() { buildah run "${how[@]}" "$@"; }
eq "$(run "$container" -- cat /built)" "built by 0" "what a command of the build wrote"
eq "$(run "$container" -- cat /tmp/user)" "5:6 /tmp b" "its user, directory, variables"
eq "$(run --user 0 "$container" -- id -u)" 0 "run --user"
eq "$(status_of run "$container" -- sh -c 'exit 9')" 9 "status"
[ "$(status_of run "$container" -- no-such-command)" != 0 ] || fail "ran a missing command"
mkdir "$T/shared"
echo shared >"$T/shared/file"
eq "$(run --volume "$T/shared:/mnt:ro" "$container" -- sh -c 'cat /mnt/file; touch /mnt/x 2>/dev/null || echo ro')" \
	"shared
ro" "a read-only volume"
eq "$(run --hostname somewhere "$container" -- hostname)" somewhere "run --hostname"

# A command that fails ends the build, with its status in the message.
printf 'FROM localhost/built\nRUN exit 3\n' >"$T/context/Dockerfile"
[ "$(status_of buildah bud "${how[@]}" --signature-policy "$T/policy.json" "$T/context")" != 0 ] ||
	fail "built although a command failed"
has "$(cat "$T/err" "$T/out")" "exit status 3" "message about it"

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/podman.sh - a podman of the test's own, with nacre as its runtime

need_cmd podman conmon

# The default limits ask for more than a machine without CAP_SYS_RESOURCE gives.
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
	find /sys/fs/cgroup -maxdepth 3 -depth -type d \( -name libpod_parent -o -path '*/libpod_parent/*' \) \
		-exec rmdir {} + 2>/dev/null
	true
}
defer remove_parents
defer podman pod rm --all --force --time 0
defer podman rm --all --force --time 0

# small_image - localhost/small: a busybox
small_image() {
	make_root "$T/root"
	mkdir -p "$T/root/etc" "$T/root/tmp"
	echo root:x:0:0:root:/root:/bin/sh >"$T/root/etc/passwd"
	tar -C "$T/root" -c . | podman import - localhost/small >/dev/null 2>"$T/err" ||
		skip "podman does not work here: $(tail -n 1 "$T/err")"
}

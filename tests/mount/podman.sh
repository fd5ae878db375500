#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The union as podman's mount program: an image of several layers with deletions,
# renames and links is built, run, changed and committed, and is the same as with
# podman's own copies of whole directories (the vfs driver).
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
need_root
need_cmd podman busybox
need_union
need_private_mounts
command -v runc >/dev/null || command -v crun >/dev/null || skip "podman has no runtime here"

# podman never removes the parents of its containers' cgroups.
compgen -G '/sys/fs/cgroup/*/libpod_parent' >/dev/null ||
	defer sh -c 'rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent 2>/dev/null || true'

runtime=$(command -v runc || command -v crun)
mkdir -p "$T/etc" "$T/rootfs/bin" "$T/rootfs/usr/share/x" "$T/rootfs/etc" "$T/rootfs/tmp"
[ -d /etc/containers ] || skip "podman has no /etc/containers to stand in for"
mount --bind "$T/etc" /etc/containers
defer umount -l /etc/containers
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/etc/policy.json"
cat >"$T/containers.conf" <<E2
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "host"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$runtime"
E2
: >"$T/registries.conf"
export CONTAINERS_CONF=$T/containers.conf CONTAINERS_REGISTRIES_CONF=$T/registries.conf

cp "$(command -v busybox)" "$T/rootfs/bin/busybox"
for tool in sh ls mkdir rm mv ln chmod chown cat find stat sort sha256sum xargs; do
	ln -s busybox "$T/rootfs/bin/$tool"
done
echo 'root:x:0:0::/:/bin/sh' >"$T/rootfs/etc/passwd"
for name in a b c; do echo "shipped $name" >"$T/rootfs/usr/share/x/$name"; done
cat >"$T/Containerfile" <<'E2'
FROM localhost/base
RUN mkdir -p /data/sub && echo one >/data/one && echo two >/data/sub/two && ln /data/one /data/hard && ln -s one /data/sym
RUN rm /usr/share/x/a && mv /usr/share/x/b /usr/share/x/d && rm -rf /data/sub && mkdir /data/sub && echo new >/data/sub/new
RUN mv /data /moved && chmod -R 700 /moved && chown 5:6 /moved/one
E2

# engine DRIVER ARGUMENT... - podman with storage of its own
engine() {
	local driver=$1 program=()
	shift
	[ "$driver" = vfs ] || program=(--storage-opt "mount_program=$NACRE_UNIONFS")
	timeout 120 podman --root "$T/$driver.root" --runroot "$T/$driver.run" \
		--storage-driver "$driver" "${program[@]}" "$@" 2>"$T/podman.err" ||
		fail "podman $*: $(cat "$T/podman.err")"
}

# A directory's links and size are the storage's own business.
list='cd / && find bin etc moved usr ! -type d | sort | xargs stat -c "%n %F %a %u:%g %h %s"
	find bin etc moved usr -type d | sort | xargs stat -c "%n %F %a %u:%g"
	find etc moved usr -type f | sort | xargs sha256sum'

# story DRIVER - what a person does; its result in $T/DRIVER.*
story() {
	local driver=$1 id
	tar -C "$T/rootfs" -c . | engine "$driver" import - localhost/base >/dev/null
	engine "$driver" build --isolation chroot --layers -t localhost/built \
		-f "$T/Containerfile" "$T" >/dev/null
	engine "$driver" run --rm localhost/built sh -c "$list" >"$T/$driver.built"
	(engine "$driver" run --rm --read-only localhost/built \
		sh -c 'echo x >/x') >/dev/null 2>&1 && fail "a read-only root was written"
	id=$(engine "$driver" create localhost/built \
		sh -c 'echo more >/moved/more; rm -rf /moved/sub; mv /usr/share/x/c /usr/share/x/e')
	engine "$driver" start --attach "$id"
	engine "$driver" diff "$id" | grep -v '^C' | sort >"$T/$driver.diff"
	engine "$driver" commit --quiet "$id" localhost/changed >/dev/null
	engine "$driver" rm "$id" >/dev/null
	engine "$driver" run --rm localhost/changed sh -c "$list" >"$T/$driver.changed"
}

story vfs
story overlay
for part in built diff changed; do
	same_text "$T/vfs.$part" "$T/overlay.$part" "$part: with copies and with the union"
done
eq "$(mounts_below "$T/overlay.root" | grep -c merged)" 0 "mounts of containers that are gone"
pgrep -f "$T/overlay.root" >/dev/null && fail "a daemon outlived its container"
for driver in vfs overlay; do
	mounts_below "$T/$driver.root" | xargs -r umount -l
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# The other scripts on a host of cgroup v2 alone: a Debian kernel under qemu, which
# sees this machine's files read-only. NACRE_GUEST names a directory with the
# contents of a linux-image package (dpkg-deb -x), or is "fetch": then the package
# that linux-image-amd64 depends on is downloaded. Without it the machine's own
# /boot and /lib/modules are tried. NACRE_GUEST_TESTS names scripts of this folder.
. "$(dirname "$0")/lib.sh"
need_cmd qemu-system-x86_64 busybox cpio depmod

# The kernel and what it needs to reach our files, out of a package of 70 MB.
fetch_guest() {
	local package
	need_cmd apt-get apt-cache dpkg-deb
	package=$(apt-cache depends linux-image-amd64 2>/dev/null |
		awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
	[ -n "$package" ] || skip "apt knows no linux-image-amd64"
	mkdir -p "$T/guest"
	(cd "$T/guest" && timeout 300 apt-get -qq -o APT::Sandbox::User=root download "$package") ||
		skip "cannot download $package"
	dpkg-deb --fsys-tarfile "$T/guest/$package"_*.deb | tar -x -C "$T/guest" --wildcards \
		'./boot/vmlinuz-*' '*/drivers/virtio/*' '*/net/9p/*' '*/fs/9p/*' '*/fs/netfs/*' \
		'*/fs/fscache/*' '*/fs/fuse/*' '*/modules.*'
	rm "$T/guest/$package"_*.deb
}

guest=${NACRE_GUEST:-/}
[ "$guest" != fetch ] || { fetch_guest; guest=$T/guest; }
kernel=$(find "$guest/boot" -maxdepth 1 -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
[ -n "$kernel" ] || skip "no kernel in $guest/boot: apt-get download linux-image-amd64's dependency, dpkg-deb -x it, set NACRE_GUEST"
version=${kernel##*/vmlinuz-}
modules=$guest/lib/modules/$version
[ -d "$modules" ] || modules=$guest/usr/lib/modules/$version
[ -d "$modules" ] || skip "no modules for $version"
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip "needs a static busybox"

tests=${NACRE_GUEST_TESTS:-registered automatic explain loadavg confined invariants restart sysinfo timens upgrade identity cost triggers limits hidden many crowd tools}

# --- an initial root: busybox and the modules that reach this machine's files ------

root=$T/initrd
mkdir -p "$root"/{bin,proc,sys,dev,host,lib/modules/"$version"}
cp "$(command -v busybox)" "$root/bin/busybox"
for module in virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev \
	9p 9pnet 9pnet_virtio netfs fscache fuse; do
	find "$modules" -name "$module.ko*" -exec cp {} "$root/lib/modules/$version/" \;
done
for packed in "$root/lib/modules/$version"/*.xz; do
	[ ! -e "$packed" ] || unxz "$packed"
done
depmod -b "$root" "$version" 2>/dev/null

cat >"$root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for m in virtio_pci 9pnet_virtio 9p fuse; do modprobe \$m; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host ||
	echo "GUEST: cannot mount the host's files"
mount -t proc proc /host/proc; mount -t sysfs sysfs /host/sys
mount -t devtmpfs dev /host/dev; mkdir -p /host/dev/shm /host/dev/pts; ln -s /proc/self/fd /host/dev/fd
mount -t devpts -o ptmxmode=666 devpts /host/dev/pts
mount -t tmpfs tmpfs /host/run; mount -t tmpfs tmpfs /host/dev/shm
mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
for c in \$(cat /host/sys/fs/cgroup/cgroup.controllers); do
	echo +\$c >/host/sys/fs/cgroup/cgroup.subtree_control
done
chroot /host /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/dev/shm \
	NACRE_BUILD='$NACRE_BUILD' NACRE_KILLS=5 NACRE_ROUNDS=3 NACRE_CHANGES=40 NACRE_CONTAINERS=20 \
	/bin/bash -c '
	for t in $tests; do
		timeout 240 "$NACRE_SRC/tests/proc/\$t.sh" >/dev/shm/out 2>&1 </dev/null
		status=\$?
		printf "\nGUEST: %s %s\n" "\$t" "\$status"
		case \$status in 0|77) ;; *) sed "s/^/GUEST-SAID: /" /dev/shm/out | tail -n 20 ;; esac
	done'
echo "GUEST: done"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$T/initrd.gz"

# --- boot it -----------------------------------------------------------------------

# Emulated: where this machine is a guest itself, its /dev/kvm may not work.
timeout "${NACRE_GUEST_TIMEOUT:-840}" qemu-system-x86_64 -M q35,accel=tcg -cpu max -smp 2 -m 1024 \
	-nographic -no-reboot -nodefaults -serial stdio -kernel "$kernel" -initrd "$T/initrd.gz" \
	-append "console=ttyS0 quiet panic=-1 mitigations=off" \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=host,mount_tag=host </dev/null >"$T/console" 2>&1 || true
grep -a '^GUEST' "$T/console" >&2 || { tail -n 20 "$T/console" >&2; fail "the guest said nothing"; }
grep -aq '^GUEST: done' "$T/console" || fail "the guest did not come to its end"
failed=$(tr -d '\r' <"$T/console" | awk '/^GUEST: [a-z]+ [0-9]/ && $3 != 0 && $3 != 77 { print $2 }')
eq "$failed" "" "what failed on cgroup v2"
eq "$(tr -d '\r' <"$T/console" | awk '/^GUEST: [a-z]+ [0-9]/ { print $2 }' | xargs)" \
	"$tests" "what was run"

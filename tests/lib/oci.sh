# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tests/lib/oci.sh - bundles, and a runtime that is told what engines tell it
#
# OCI_RUNTIME names another runtime to hold the same tests against.

RUNTIME=${OCI_RUNTIME:-nacre}
B=$T/bundle
ID=$TEST_ID

oci() { timeout 30 "$RUNTIME" --root "$T/oci" "$@"; }

# bundle ARG... - $B with a busybox root and a command
bundle() {
	rm -rf "$B"
	mkdir -p "$B/rootfs"
	make_root "$B/rootfs"
	nacre spec --bundle "$B"
	set_args "$@"
	config 's|"linux": {|"linux": { "cgroupsPath": "/nacre/'"$ID"'",|'
}

# config SED - change the bundle's config.json
config() { sed -i "$1" "$B/config.json"; }

# set_args ARG... - the command; no quotes or backslashes in it
set_args() {
	local list
	list=$(printf '"%s", ' "$@")
	awk -v args="${list%, }" '{ if (sub(/"args": \[.*\]/, "\"args\": [ @ ]")) {
		i = index($0, "@"); $0 = substr($0, 1, i - 1) args substr($0, i + 1) } print }' \
		"$B/config.json" >"$B/new" && mv "$B/new" "$B/config.json"
}

# add_mount JSON - one more mount
add_mount() { config 's|"mounts": \[|"mounts": [ '"$1"',|'; }

# create [OPTION...] - the bundle as $ID, output to $T/log
create() { oci create --bundle "$B" "$@" "$ID" </dev/null >"$T/log" 2>&1; }

# run_bundle - create, start, wait, delete; prints what the command prints
run_bundle() {
	create || { cat "$T/log"; return 1; }
	defer oci delete --force "$ID"
	local pid
	pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
	oci start "$ID" || { oci delete --force "$ID"; return 1; }
	await exit "$pid"
	oci delete "$ID"
	cat "$T/log"
}

status_in_state() { oci state "$ID" | sed -n 's/.*"status": *"\([a-z]*\)".*/\1/p'; }

oci_leaves_nothing() {
	eq "$(ls "$T/oci" 2>/dev/null || true)" "" "$1: states left"
	eq "$(container_cgroups)" "" "$1: cgroups left"
	eq "$(mounts_below "$B")" "" "$1: mounts left"
}

# Other runtimes leave the parent of their cgroups behind.
remove_parents_of_peers() {
	rmdir /sys/fs/cgroup/*/nacre 2>/dev/null
	true
}
defer remove_parents_of_peers

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every demand of the runtime specification that can be shown holds for nacre. With
# NACRE_TEST_PEERS runc and crun are held against the same, and shown beside it.
# timeout: 240
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
need_cmd python3 busybox

# So that all temporary things are the test's.
export TMPDIR=$T
validate() { python3 "$NACRE_SRC/tests/launch/oci_validate" "$@"; }

for peer in runc crun; do
	[ -n "${NACRE_TEST_PEERS:-}" ] && command -v $peer >/dev/null || continue
	validate --v1-only crun $peer >"$T/$peer" || true
	grep -A 1 ^FAIL "$T/$peer" || true
	tail -n 1 "$T/$peer"
done

validate "$NACRE_BUILD/nacre" >"$T/nacre" || {
	grep -A 12 ^FAIL "$T/nacre" >&2
	fail "$(tail -n 1 "$T/nacre")"
}
tail -n 1 "$T/nacre"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel offers and the file system asks for is granted; what would
# contradict something else is not asked for.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/session.sh"
need_root

kernel=$(uname -r)
major=${kernel%%.*}
rest=${kernel#*.}
version=$((major * 1000 + ${rest%%[!0-9]*}))
[ "$version" -ge 6012 ] || skip "needs the features of Linux 6.12"

foreground_hellofs
features=$(cat "$M/features")
for feature in killpriv_v2 passthrough resend parallel_direct_writes direct_io_allow_mmap cache_symlinks; do
	has "$features" "$feature" "asked for and offered"
done
case $features in
*allow_idmap*) fail "id mapping without default_permissions: the kernel would refuse the mount" ;;
esac
kill -KILL "$worker"
eq "$(cat "$M/features")" "$features" "the next worker knows what was granted"
umount "$M"
wait "$holder"

start_hellofs --default-permissions
has "$(cat "$M/features")" allow_idmap "with default_permissions"
umount "$M"
await exit "$holder"

start_hellofs --writeback
case $(cat "$M/features") in
*passthrough*) fail "passthrough together with the writeback cache" ;;
esac
umount "$M"
await exit "$holder"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lists and random histories end the same as on kernel overlay when the kernel reads
# and writes files by itself, too.
# timeout: 600
. "$(dirname "$0")/../lib/test.sh"
here=$NACRE_SRC/tests/mount

# What is open while its file is copied up goes on reading, and locking, the lower
# file with data=all: the lists about that end differently, and are left out.
lists=()
for list in "$here"/ops/*.ops; do
	case ${list##*/} in
	open_files.ops | rare.ops) ;;
	*) lists+=("$list") ;;
	esac
done

export DIFF_NACRE_OPTIONS
DIFF_NACRE_OPTIONS=data=passthrough
"$here/diff_lists.sh" --fs ext4 || exit
"$here/diff_random.sh" --seed 21 --count 3 || exit
DIFF_NACRE_OPTIONS=data=all
"$here/diff_lists.sh" --fs ext4 "${lists[@]}" || exit
"$here/diff_random.sh" --seed 31 --count 3

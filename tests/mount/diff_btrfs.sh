#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The lists end the same when layers and upper are on btrfs.
# timeout: 600
exec "$(dirname "$0")/diff_lists.sh" --fs btrfs

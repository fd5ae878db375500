#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill_steps.sh, with data=passthrough.
# timeout: 240
exec "$(dirname "$0")/kill_steps.sh" passthrough

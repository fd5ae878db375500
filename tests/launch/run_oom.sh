#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A command that outgrows its memory is killed with status 137, and nacre says why;
# one that only loses a child is told, too, and keeps its own status.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

eq "$(status_of run --memory 32M -- sh -c 'exec tail /dev/zero')" 137 "a command that wants too much"
has "$(cat "$T/err")" "out of memory" "the reason"
has "$(cat "$T/err")" "32 MiB" "the limit"
has "$(cat "$T/err")" "--memory" "the next step"

eq "$(status_of run --memory 32M -- sh -c 'tail /dev/zero; exit 3')" 3 "a command whose child was killed"
has "$(cat "$T/err")" "killed 1 process at the limit of 32 MiB" "the reason"

eq "$(status_of run --memory 32M -- sh -c 'kill -9 $$')" 137 "a command killed by itself"
eq "$(grep -c 'out of memory' "$T/err" || true)" 0 "no reason is made up"
leaves_nothing "after killed containers"

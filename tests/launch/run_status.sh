#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The exit status is the command's, 128+N if a signal ended it, 126 and 127 if it
# cannot be executed or is not there; and the message says which.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

eq "$(status_of run -- true)" 0 "a command that succeeds"
eq "$(status_of run -- sh -c 'exit 7')" 7 "a command's own status"
eq "$(status_of run -- sh -c 'exit 255')" 255 "the highest status"
eq "$(status_of run -- sh -c 'kill -9 $$')" 137 "a killed command"
eq "$(status_of run -- sh -c 'kill -TERM $$')" 143 "a terminated command"

eq "$(status_of run -- no-such-command)" 127 "a command that is not there"
has "$(cat "$T/err")" "executable file not found" "message about a missing command"
has "$(cat "$T/err")" "no-such-command" "the message names it"
eq "$(status_of run -- /no/such/path)" 127 "a path that is not there"
has "$(cat "$T/err")" "'/no/such/path': No such file or directory" "message about a missing path"
eq "$(status_of run -- /etc/passwd)" 126 "a file that is not executable"
has "$(cat "$T/err")" "'/etc/passwd': Permission denied" "message about a plain file"
eq "$(status_of run -- /etc)" 126 "a directory"

eq "$(run -- echo out)" out "stdout is the command's"
eq "$(echo typed | run -- cat)" typed "stdin is the command's"
eq "$(status_of run -- sh -c 'echo to-stderr >&2')" 0 "stderr"
eq "$(cat "$T/err")" to-stderr "stderr is the command's, and nothing else is said"
leaves_nothing "after commands of every kind"

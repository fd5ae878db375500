#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A wrong call ends with 125, names the option and its value, and leaves nothing.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

# wrong WORDS PART... - every PART is in the message
wrong() {
	local part words=$1
	shift
	# shellcheck disable=SC2086 # words are words
	eq "$(status_of run $words -- true)" 125 "status of: $words"
	for part; do
		has "$(cat "$T/err")" "$part" "message for: $words"
	done
}

wrong "--nonsense" "'--nonsense'" "nacre run --help"
wrong "--memory 5Q" "--memory" "'5Q'"
wrong "--memory 1" "--memory" "at least 512K"
wrong "--cpus none" "--cpus" "'none'"
wrong "--cpus 0" "--cpus" "out of range"
wrong "--cpuset 3-1" "--cpuset" "'3-1'"
wrong "--pids many" "--pids" "'many'"
wrong "--name a/b" "--name" "'a/b'"
wrong "--name ../x" "--name" "'../x'"
wrong "--user root" "--user" "'root'"
wrong "--user 4294967296" "--user" "'4294967296'"
wrong "--user 1x" "--user" "'1x'"
wrong "--bind /etc" "--bind" "'/etc'"
wrong "--bind /etc:relative" "--bind" "relative"
wrong "--bind /no/such/place:/x" "/no/such/place"
wrong "--lower /no/such/layer" "/no/such/layer"
wrong "--workdir relative" "--workdir" "'relative'"
wrong "--net sideways" "--net" "'sideways'"
wrong "--net /dev/null" "/dev/null" "net namespace"
wrong "--cap-add FLY" "--cap-add" "'FLY'"
wrong "--rlimit nofile" "--rlimit" "'nofile'"
wrong "--device /etc/passwd" "--device" "/etc/passwd"
wrong "--rootfs-driver tape" "--rootfs-driver" "'tape'"
wrong "--hostname $(printf 'x%.0s' {1..65})" "--hostname" "64"
wrong "--cpuset 1000" "CPU set" "1000"

eq "$(status_of nacre --root "$STATE" run)" 125 "no command"
has "$(cat "$T/err")" "no command" "message without a command"
eq "$(status_of nacre fly)" 125 "an unknown verb"
has "$(cat "$T/err")" "'fly'" "message about an unknown verb"
eq "$(status_of nacre run --help)" 0 "help"
has "$(cat "$T/out")" "--memory" "help names the options"
eq "$(status_of nacre --version)" 0 "version"
has "$(cat "$T/out")" "nacre version" "the version"
leaves_nothing "after wrong calls"

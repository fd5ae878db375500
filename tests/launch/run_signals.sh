#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Signals reach the command; orphans are reaped; what runs in the background ends
# with the command.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"

mkdir "$T/shared"
for signal in TERM INT HUP USR1 QUIT; do
	rm -f "$T/shared/up"
	start -b "$T/shared:/shared" -- sh -c "trap 'echo got $signal; exit 9' $signal
		touch /shared/up; while :; do sleep 0.1; done"
	await path "$T/shared/up"
	kill -"$signal" "$nacre"
	status=0
	wait "$nacre" || status=$?
	eq "$status" 9 "status after a handled SIG$signal"
	has "$(cat "$T/log")" "got $signal" "SIG$signal reached the command"
done

# A command without a handler ends as it would outside.
rm "$T/shared/up"
start -b "$T/shared:/shared" -- sh -c 'touch /shared/up; exec sleep 1000'
await path "$T/shared/up"
kill -TERM "$nacre"
status=0
wait "$nacre" || status=$?
eq "$status" 143 "status after SIGTERM without a handler"

# Orphans become children of pid 1, which must not keep them as zombies.
eq "$(run -- sh -c '
	for i in 1 2 3 4 5; do (sh -c "exit 0" & ) ; done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		zombies=$(grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l)
		[ "$zombies" = 0 ] && break
		sleep 0.1
	done
	echo $zombies')" 0 "zombies left by orphans"

# nohup does not outlive the container.
run -b "$T/shared:/shared" -- sh -c 'sh -c "trap \"\" TERM HUP; echo \$\$ >/shared/pid; sleep 1000" >/dev/null 2>&1 &
	while [ ! -s /shared/pid ]; do sleep 0.05; done'
leaves_nothing "after signals"

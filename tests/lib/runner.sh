#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The runner passes a script's answer on, and fails a script that hangs or that
# leaves a process, a mount, a cgroup or a sanitizer report behind.
. "$(dirname "$0")/test.sh"

# run BODY - a script of these lines under the runner; prints its status
run() {
	printf '#!/usr/bin/env bash\n%s\n' "$1" >"$T/script"
	chmod +x "$T/script"
	TMPDIR=$T NACRE_TEST_GRACE=1 status_of "$LIB/runner" "$T/script"
}

eq "$(run 'exit 0')" 0 "a script that passes"
eq "$(run 'exit 77')" 77 "a script that skips"
eq "$(run 'exit 3')" 3 "a script that fails"
eq "$(run 'kill -SEGV $$')" 1 "a script that is killed"

eq "$(run 'if read -r line; then exit 1; fi')" 0 "stdin is empty, not the terminal"
eq "$(run '[ -d "$NACRE_TEST_TMP" ] && [ -z "$(ls "$NACRE_TEST_TMP")" ]')" 0 \
	"an empty directory of its own"

eq "$(run '# timeout: 1
sleep 1000')" 1 "a script that hangs is ended"
has "$(cat "$T/err")" "not done after" "a hang is told"
has "$(cat "$T/err")" "sleep 1000" "the process it hung in is named"

eq "$(run '# timeout: 1
trap "" TERM; while :; do read -t 1000 <> <(:); done')" 1 "a script that ignores SIGTERM is killed"

# setsid and a second fork are what a daemon does; a clean environment too.
eq "$(run 'setsid env -i /bin/sh -c "/bin/sleep 1001 & exit 0"')" 1 "a daemon left behind"
has "$(cat "$T/err")" "sleep 1001" "the daemon is named"
if grep -lz '^1001$' /proc/[0-9]*/cmdline 2>/dev/null; then
	fail "the daemon still runs"
fi

eq "$(run 'echo "ERROR: leak" >"$NACRE_TEST_TMP/san.1"')" 1 "a sanitizer report fails the script"
has "$(cat "$T/err")" "ERROR: leak" "the report is shown"

eq "$(ls -d "$T"/nacre-test-* 2>/dev/null)" "" "the private directory is removed"
[ "$(id -u)" = 0 ] || exit 0

eq "$(run 'mount -t tmpfs tmpfs /mnt')" 1 "a mount left behind"
has "$(cat "$T/err")" "left mounted: /mnt" "the mount is named"
if grep -q " $T" /proc/self/mountinfo; then
	fail "a mount made by a script reached the outside"
fi

for hierarchy in /sys/fs/cgroup/pids /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -e "$hierarchy/cgroup.procs" ] || continue
	eq "$(run "mkdir $hierarchy/\$NACRE_TEST_ID")" 1 "a cgroup left behind in $hierarchy"
	has "$(cat "$T/err")" "left a cgroup" "the cgroup is named"
	eq "$(run true)" 0 "it was removed"
	break
done

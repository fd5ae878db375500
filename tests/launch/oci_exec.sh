#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# More commands in a running container: same namespaces, cgroups and rights, own
# status; detached with a pid file; pausing, resuming and changing limits.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/launch.sh"
. "$(dirname "$0")/../lib/oci.sh"

bundle sh -c 'exec sleep 1000'
config 's|"noNewPrivileges": true|"noNewPrivileges": false|'
create
defer oci delete --force "$ID"
oci start "$ID"
pid=$(oci state "$ID" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')

for ns in pid net ipc uts mnt cgroup; do
	eq "$(oci exec "$ID" readlink /proc/self/ns/$ns)" "$(readlink "/proc/$pid/ns/$ns")" "$ns namespace"
done
eq "$(oci exec "$ID" cat /proc/self/cgroup)" "$(oci exec "$ID" cat /proc/1/cgroup)" "cgroups"
eq "$(oci exec "$ID" grep -E 'Cap|NoNew' /proc/self/status)" "$(oci exec "$ID" grep -E 'Cap|NoNew' /proc/1/status)" \
	"rights"
eq "$(oci exec "$ID" grep CapInh /proc/self/status | tr -dc '0-9a-f' | tail -c 16)" 0000000000000000 \
	"nothing is inheritable"
eq "$(status_of oci exec "$ID" sh -c 'exit 6')" 6 "status"
eq "$(status_of oci exec "$ID" sh -c 'kill -9 $$')" 137 "status of a killed command"
eq "$(status_of oci exec "$ID" no-such-command)" 127 "a command that is not there"
has "$(cat "$T/err")" "executable file not found" "message about it"
eq "$(status_of oci exec "$ID" /proc)" 126 "a directory"
eq "$(oci exec --cwd /bin "$ID" pwd)" /bin "--cwd"
eq "$(oci exec --env A=b "$ID" sh -c 'echo $A')" b "--env"
eq "$(oci exec --user 5:6 "$ID" sh -c 'echo $(id -u):$(id -g)')" 5:6 "--user"
for user in 1x 4294967295 4294967296 '' 1:2:3 :1 root -1; do
	eq "$(status_of oci exec --user "$user" "$ID" true)" 255 "--user '$user'"
done
eq "$(oci exec "$ID" ls /proc/self/fd | tr '\n' ' ')" "0 1 2 3 " "no descriptor of the host's"

# A capability more: in three sets, for this command alone, and never inheritable.
caps() { oci exec "$@" "$ID" grep Cap /proc/self/status; }
# bit SET NUMBER - 1 if the set of the text on stdin has the capability
bit() { echo $((0x$(sed -n "s/^Cap$1:\t//p") >> $2 & 1)); }
before=$(caps)
more=$(caps --cap CAP_SYS_PTRACE --cap sys_nice)
for set in Prm Eff Bnd; do
	eq "$(bit $set 19 <<<"$before")" 0 "$set has no CAP_SYS_PTRACE"
	eq "$(bit $set 19 <<<"$more")" 1 "$set with --cap CAP_SYS_PTRACE"
	eq "$(bit $set 23 <<<"$more")" 1 "$set with a second --cap"
done
eq "$(bit Inh 19 <<<"$more")" 0 "--cap and what is inheritable"
eq "$(caps)" "$before" "the next command's capabilities"
eq "$(bit Eff 19 <<<"$(caps --cap CAP_SYS_PTRACE --user 5)")" 0 "--cap for another user"
eq "$(status_of oci exec --cap CAP_NONE "$ID" true)" 255 "a capability that there is not"
has "$(cat "$T/err")" "CAP_NONE" "message about it"

eq "$(oci exec --apparmor unconfined "$ID" echo yes)" yes "--apparmor unconfined"
eq "$(status_of oci exec --apparmor no-such-profile "$ID" true)" 255 "a profile that there is not"
has "$(cat "$T/err")" "'no-such-profile'" "message about it"

eq "$(oci exec -g 20 --additional-gids 30 "$ID" sed -n 's/^Groups:\t//p' /proc/self/status | tr -d ' ')" 2030 \
	"--additional-gids"
eq "$(status_of oci exec -g staff "$ID" true)" 255 "a group that is no number"
eq "$(oci exec "$ID" sed -n 's/^NoNewPrivs:\t//p' /proc/self/status)" 0 "as the bundle has it"
eq "$(oci exec --no-new-privs "$ID" sed -n 's/^NoNewPrivs:\t//p' /proc/self/status)" 1 "--no-new-privs"

# A cgroup below the container's, made by somebody in the hierarchies he needs.
for own in /sys/fs/cgroup/{memory,pids}/nacre/"$ID" /sys/fs/cgroup/nacre/"$ID"; do
	[ ! -d "$own" ] || mkdir "$own/below"
done
has "$(oci exec --cgroup below "$ID" cat /proc/self/cgroup)" ":/below" "--cgroup"
case $(oci exec "$ID" cat /proc/self/cgroup) in *:/below*) fail "joined without --cgroup" ;; esac
for path in none ../..; do
	eq "$(status_of oci exec --cgroup "$path" "$ID" true)" 255 "--cgroup $path"
	has "$(cat "$T/err")" "'$path'" "message about it"
done

cat >"$T/process.json" <<'END'
{ "args": [ "sh", "-c", "echo $V; exec sleep 1000" ], "env": [ "V=from-file", "PATH=/bin" ], "cwd": "/", "user": { "uid": 7, "gid": 8 } }
END
oci exec --detach --pid-file "$T/pid" --process "$T/process.json" "$ID" >"$T/detached" 2>&1
detached=$(cat "$T/pid")
has "$(oci ps --format json "$ID")" "$detached" "the detached process"
eq "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$detached/status")" 7 "its user"

oci pause "$ID"
eq "$(status_in_state)" paused "after pause"
eq "$(status_of oci exec "$ID" true)" 255 "exec while paused"
has "$(cat "$T/err")" resume "the next step"
eq "$(status_of oci pause "$ID")" 1 "a second pause"
oci exec --ignore-paused --detach --pid-file "$T/pid" "$ID" sleep 1000 &
paused=$!
oci resume "$ID"
eq "$(status_in_state)" running "after resume"
wait "$paused" || fail "exec --ignore-paused failed"
has "$(oci ps --format json "$ID")" "$(cat "$T/pid")" "exec --ignore-paused, after resume"
eq "$(status_of oci resume "$ID")" 1 "a second resume"

limit() { cat "/sys/fs/cgroup/memory/nacre/$ID/memory.limit_in_bytes" "/sys/fs/cgroup/nacre/$ID/memory.max" 2>/dev/null || true; }
oci update --memory 64M "$ID"
eq "$(limit)" $((64 << 20)) "update --memory"
echo '{ "memory": { "limit": 134217728 }, "pids": { "limit": 50 } }' | oci update --resources=- "$ID"
eq "$(limit)" $((128 << 20)) "update --resources"

oci kill --all "$ID" 9
await exit "$pid"
await exit "$detached"
oci delete "$ID"
oci_leaves_nothing "at the end"

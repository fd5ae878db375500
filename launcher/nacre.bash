# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of nacre's command line for bash. Verbs and options are those that
# the program itself prints, so the two cannot differ.

# Options in the help of a verb; of nacre itself without one.
_nacre_options() {
	command nacre "$@" --help 2>/dev/null |
		sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p'
}

_nacre_verbs() {
	command nacre --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# What an option takes.
_nacre_value() {
	case $1 in
	--image | -i) mapfile -t COMPREPLY < <(compgen -W "$(command nacre images -q 2>/dev/null)" -f -- "$2") ;;
	--net) mapfile -t COMPREPLY < <(compgen -W "none bridge host" -f -- "$2") ;;
	--restart) mapfile -t COMPREPLY < <(compgen -W "no on-failure unless-stopped always" -- "$2") ;;
	--rootfs-driver) mapfile -t COMPREPLY < <(compgen -W "unionfs overlay btrfs vfs" -- "$2") ;;
	--lower | -l | --upper | -u | --root | --bundle | -b) mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	--log | --pid-file | --console-socket | --process | --resources | --seccomp | --device | --io | --bind)
		mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	--log-format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$2") ;;
	--compress) mapfile -t COMPREPLY < <(compgen -W "none gzip zstd" -- "$2") ;;
	--cap-add | --cap-drop)
		mapfile -t COMPREPLY < <(compgen -W "ALL CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_ADMIN NET_BIND_SERVICE NET_RAW SETGID SETUID SETPCAP SETFCAP SYS_ADMIN SYS_CHROOT SYS_PTRACE MKNOD AUDIT_WRITE" -- "$2") ;;
	*) return 1 ;;
	esac
}

# Options that take a value have a word in capitals or a choice behind their name.
_nacre_takes_value() {
	command nacre ${1:+"$1"} --help 2>/dev/null |
		grep -qE -- "^ *(-., )?$2[ =][^ ]|^ *$2, --[a-z-]+[ =][^ ]"
}

_nacre() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb= i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --log | --log-format) i=$((i + 1)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $previous in
	-*) _nacre_value "$previous" "$word" && return ;;
	esac
	case $word in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_nacre_options ${verb:+"$verb"})" -- "$word")
		return
		;;
	esac
	case $previous in
	-*) _nacre_takes_value "$verb" "$previous" && return ;;
	esac
	case $verb in
	'') mapfile -t COMPREPLY < <(compgen -W "$(_nacre_verbs)" -- "$word") ;;
	exec | logs | wait | stop | kill | stats | inspect | diff | pause | resume | update | rm | delete | start | state | ps)
		mapfile -t COMPREPLY < <(compgen -W "$(command nacre ps -aq 2>/dev/null)" -- "$word") ;;
	rmi | export)
		mapfile -t COMPREPLY < <(compgen -W "$(command nacre images -q 2>/dev/null)" -- "$word") ;;
	commit)
		mapfile -t COMPREPLY < <(compgen -W "$(command nacre ps -aq 2>/dev/null)" -- "$word") ;;
	import) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	esac
}

complete -o filenames -F _nacre nacre

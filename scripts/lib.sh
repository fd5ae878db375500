# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# scripts/lib.sh - what scripts/check and scripts/quickstart share: packages,
# building out of tree, and ending what they started when interrupted.

set -eu

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
JOBS=$(nproc 2>/dev/null || echo 2)

say() { printf '%s\n' "== $*"; }

die() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	shift
	[ $# = 0 ] || printf '%s\n' "$@" >&2
	exit 1
}

# --- packages ------------------------------------------------------------------

# Debian package, and how to see on any distribution that its content is there.
BUILD_PACKAGES='
autoconf        command autoreconf
automake        command automake
make            command make
gcc             command gcc
libc6-dev       file /usr/include/stdio.h
pkg-config      command pkg-config
libfuse3-dev    library fuse3
libcgroup-dev   library libcgroup
libjson-c-dev   library json-c
libseccomp-dev  library libseccomp
uuid-dev        library uuid
libcap-dev      library libcap
libarchive-dev  library libarchive
libssl-dev      library libcrypto
fuse3           command fusermount3
'

is_there() {	# KIND NAME
	case $1 in
	command) PATH=$PATH:/usr/sbin:/sbin command -v "$2" >/dev/null ;;
	library) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
	file) [ -e "$2" ] ;;
	esac
}

missing_packages() {	# TABLE
	local package kind name
	while read -r package kind name; do
		[ -z "$package" ] || is_there "$kind" "$name" || echo "$package"
	done <<<"$1"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# need_packages TABLE - install what is missing, or name it and stop
need_packages() {
	local missing
	missing=$(missing_packages "$1" | tr '\n' ' ')
	[ -n "$missing" ] || return 0

	command -v apt-get >/dev/null ||
		die "missing, by their names in Debian: $missing" \
			"Install your distribution's packages of these and run $0 again."
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		die "missing packages, and no sudo to install them: $missing" \
			"As root: apt-get install $missing"

	say "installing: $missing"
	# shellcheck disable=SC2086
	apt_install $missing || {
		as_root apt-get -q update
		apt_install $missing
	} || die "apt-get could not install: $missing"
	missing=$(missing_packages "$1" | tr '\n' ' ')
	[ -z "$missing" ] || die "still missing after apt-get install: $missing"
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y install --no-install-recommends "$@"
}

# --- jobs ------------------------------------------------------------------------

job=
exec {terminal}>&2	# where the user reads, also while a step's output goes to a log

# run_job COMMAND... - in a process group of its own, which end_job() can end
run_job() {
	local status=0
	set -m
	"$@" </dev/null &
	job=$!
	set +m
	wait "$job" || status=$?
	job=
	return $status
}

# What a job does to clean up after SIGTERM may take a while: wait for all of it.
end_job() {
	local i
	[ -n "$job" ] || return 0
	kill -TERM -- "-$job" 2>/dev/null || return 0
	for ((i = 0; i < 600; i++)); do
		kill -0 -- "-$job" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$job" 2>/dev/null || true
}

interrupted() {
	trap '' INT TERM HUP
	printf '\n%s: interrupted, cleaning up\n' "${0##*/}" >&$terminal
	end_job
	exit 130
}
trap interrupted INT TERM HUP

# --- building ----------------------------------------------------------------------

# build DIRECTORY [CONFIGURE-ARGUMENT...] - configure when needed, then make.
# Says nothing unless it fails; everything is in DIRECTORY/build.log.
build() {
	local dir=$1 status=0
	shift
	[ ! -e "$TOP/config.status" ] ||
		die "the source tree itself is configured, so nothing can be built beside it" \
			"Run 'make distclean' in $TOP first."
	mkdir -p "$dir"
	run_job build_steps "$dir" "$*" "$@" >"$dir/build.log" 2>&1 || status=$?
	if [ $status != 0 ]; then
		tail -n 40 "$dir/build.log" >&2
		echo "${0##*/}: cannot build; all of it is in $dir/build.log" >&2
	fi
	return $status
}

build_steps() {		# DIRECTORY ARGUMENTS-AS-TEXT ARGUMENT...
	local dir=$1 text=$2
	shift 2
	# Called where `set -e` has no effect: each step says what failure means.
	if [ ! -e "$TOP/configure" ] || [ "$TOP/configure.ac" -nt "$TOP/configure" ]; then
		(cd "$TOP" && autoreconf -i) || return
	fi
	cd "$dir" || return
	if [ ! -e Makefile ] || [ "$(cat configured-with 2>/dev/null)" != "$text" ]; then
		rm -f configured-with
		"$TOP/configure" "$@" || return
		printf '%s\n' "$text" >configured-with
	fi
	make -j"$JOBS" all
}

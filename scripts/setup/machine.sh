# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the machine itself must offer: architecture, system, disk, memory.

NEEDED_DISK_GIB=15
NEEDED_MEMORY_GIB=3

# check_machine CHECKOUT
check_machine() {
	local free memory

	[[ $(uname -m) == x86_64 ]] ||
		die "needs an x86-64 machine; this is $(uname -m)"

	# Neither make nor the kernel's build can cope with a space in a path.
	[[ $1$CACHE != *[[:space:]]* ]] ||
		die "no path may contain a space: '$1', '$CACHE' (move the checkout or set XDG_CACHE_HOME)"

	if ! mkdir -p "$CACHE" 2>/dev/null || [[ ! -w $CACHE ]]; then
		die "cannot write to $CACHE; set XDG_CACHE_HOME to a directory of yours"
	fi

	# With the kernel built there is little more to come.
	if ! compgen -G "$CACHE/kernel/*/.complete" >/dev/null; then
		free=$(df --output=avail -BG "$CACHE" | tail -n 1 | tr -dc 0-9)
		((free >= NEEDED_DISK_GIB)) ||
			die "needs $NEEDED_DISK_GIB GiB free in $CACHE, found $free; free some or set XDG_CACHE_HOME"
	fi

	memory=$(awk '/^MemTotal:/ { print int($2 / 1024 / 1024 + 0.5) }' /proc/meminfo)
	((memory >= NEEDED_MEMORY_GIB)) ||
		die "needs $NEEDED_MEMORY_GIB GiB of memory, found $memory"
}

# Sets DEBIAN to 12 or 13 and CODENAME, or says what a person on another system can do.
# Only called when something has to be installed.
require_debian() {
	local system
	system=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-unknown}")
	DEBIAN=$(. /etc/os-release && [[ $ID == debian ]] && printf '%s' "${VERSION_ID:-}") || DEBIAN=
	CODENAME=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
	case $DEBIAN in
	12 | 13) ;;
	*) die "can install on Debian 12 and 13 only, this is $system; install yourself: $*" ;;
	esac
}

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Brings a Debian 12 or 13 machine to what the project needs, and writes down
# in <cache>/toolchain.env where the tools are. Does nothing, quickly, where all
# is there already. Removes no package and leaves apt's sources as they are.
#
#   scripts/setup.sh [--update]    --update: take a newer kernel source if apt has one

# shellcheck source-path=SCRIPTDIR
set -Eeuo pipefail

# With it, cd prints where it went.
unset CDPATH
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=setup/say.sh
. "$here/setup/say.sh"
# shellcheck source=setup/machine.sh
. "$here/setup/machine.sh"
# shellcheck source=setup/apt.sh
. "$here/setup/apt.sh"
# shellcheck source=setup/packages.sh
. "$here/setup/packages.sh"
# shellcheck source=setup/rust.sh
. "$here/setup/rust.sh"
# shellcheck source=setup/guest.sh
. "$here/setup/guest.sh"
# shellcheck source=setup/source.sh
. "$here/setup/source.sh"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/iomap-rs
TOOLS=$CACHE/tools
LOGS=$CACHE/logs
# Debian leaves the sbin directories, where mkfs and fsck are, out of PATH.
PATH=$PATH:/usr/sbin:/sbin

# No command fails without a word.
trap 'die "${BASH_SOURCE[0]##*/} line $LINENO: \"$BASH_COMMAND\" failed; logs are in $LOGS"' ERR

update=no
case ${1:-} in
'') ;;
--update) update=yes ;;
*) die "unknown argument $1; usage: scripts/setup.sh [--update]" ;;
esac

# Two of these would build and download into the same places. By fd 9, until the end; a run
# that has nothing to do is over before anything is said.
take_lock() {
	exec 9>"$CACHE/setup.lock"
	flock -w 3 9 && return
	say "waiting for another set-up"
	flock 9 || die "cannot lock $CACHE/setup.lock"
}

write_environment() {
	local new=$CACHE/toolchain.env.new
	cat >"$new" <<-END
		TOOLS_BIN=$TOOLS/bin
		LLVM_BIN=$LLVM_BIN
		LLVM_SUFFIX=$LLVM_SUFFIX
		RUSTC=$TOOLS/bin/rustc
		RUSTDOC=$TOOLS/bin/rustdoc
		RUSTFMT=$TOOLS/bin/rustfmt
		CLIPPY_DRIVER=$TOOLS/bin/clippy-driver
		CARGO=$TOOLS/bin/cargo
		BINDGEN=$TOOLS/bin/bindgen
		RUSTC_VERSION=$RUSTC_VERSION
		BINDGEN_VERSION=$BINDGEN_VERSION
		CLANG_VERSION=$CLANG_VERSION
		QEMU_VERSION=$QEMU_VERSION
		LINUX_SOURCE=$LINUX_SOURCE
		LINUX_SOURCE_VERSION=$LINUX_SOURCE_VERSION
	END
	[[ -z ${OWN_CARGO_HOME:-} ]] || printf 'CARGO_HOME=%s\n' "$OWN_CARGO_HOME" >>"$new"
	if cmp -s "$new" "$CACHE/toolchain.env"; then
		rm -f "$new"
	else
		mv "$new" "$CACHE/toolchain.env"
		say "rustc $RUSTC_VERSION, bindgen $BINDGEN_VERSION, clang $CLANG_VERSION," \
			"QEMU $QEMU_VERSION, kernel source $LINUX_SOURCE_VERSION"
	fi
}

check_machine "${here%/*}"
mkdir -p "$TOOLS/bin" "$LOGS" "$CACHE/packages"
take_lock
choose_cargo_home
ensure_packages
ensure_rust
ensure_bindgen
ensure_guest_programs
ensure_source "$update"
write_environment

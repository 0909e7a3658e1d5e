# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# fsx, the exerciser of single files, for the guest: a static program, since the
# guest has no libraries.

FSX_VERSION=0.3.2

build_fsx() {
	# With a target named, the flags do not reach build scripts, which cannot be static.
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-feature=+crt-static' \
		PATH=$TOOLS/bin:$PATH cargo install fsx --version "$FSX_VERSION" --locked --force \
		--target x86_64-unknown-linux-gnu --root "$TOOLS/guest"
}

ensure_fsx() {
	local program=$TOOLS/guest/bin/fsx
	if [[ ! -x $program || $("$program" --version) != "fsx $FSX_VERSION" ]]; then
		step "building fsx $FSX_VERSION" build_fsx ||
			die "cannot build fsx from crates.io: is there a network?"
	fi
}

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# pjdfstest, which knows what POSIX says of files, for the guest: a static program,
# since the guest has no libraries.

PJDFSTEST_VERSION=0.2.2

build_pjdfstest() {
	# With a target named, the flags do not reach build scripts, which cannot be static.
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-feature=+crt-static' \
		PATH=$TOOLS/bin:$PATH cargo install pjdfstest --version "$PJDFSTEST_VERSION" \
		--locked --force --target x86_64-unknown-linux-gnu --root "$TOOLS/guest"
}

ensure_pjdfstest() {
	local program=$TOOLS/guest/bin/pjdfstest
	if [[ ! -x $program || $("$program" --version) != "pjdfstest $PJDFSTEST_VERSION" ]]; then
		step "building pjdfstest $PJDFSTEST_VERSION" build_pjdfstest ||
			die "cannot build pjdfstest from crates.io: is there a network?"
	fi
}

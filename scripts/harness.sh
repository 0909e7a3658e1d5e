#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the test harness if need be and runs it. scripts/setup.sh has to have run.

set -euo pipefail

# With it, cd prints where it went.
unset CDPATH
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=setup/say.sh
. "$here/setup/say.sh"

LOGS=${XDG_CACHE_HOME:-$HOME/.cache}/iomap-rs/logs
workspace=$here/../tests/qemu

step "building the test harness" "$here/with-tools.sh" \
	env -u CARGO_TARGET_DIR -u CARGO_BUILD_TARGET_DIR -u CARGO_BUILD_TARGET \
	cargo build --release --locked --manifest-path "$workspace/Cargo.toml" --package iomap-qemu \
	--target-dir "$workspace/target"
program=$workspace/target/release/iomap-qemu
# A person's configuration may name a target (build.target), which nothing unsets: then it is
# in a directory of that name, newer than what was built without.
for built in "$workspace"/target/*/release/iomap-qemu; do
	[[ ! $built -nt $program ]] || program=$built
done
exec "$here/with-tools.sh" "$program" "$@"

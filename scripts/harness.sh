#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the test harness if need be and runs it. scripts/setup.sh has to have run.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=setup/say.sh
. "$here/setup/say.sh"

LOGS=${XDG_CACHE_HOME:-$HOME/.cache}/iomap-rs/logs
workspace=$here/../tests/qemu

step "building the test harness" "$here/with-tools.sh" env -u CARGO_TARGET_DIR \
	cargo build --release --locked --manifest-path "$workspace/Cargo.toml" --package iomap-qemu
exec "$here/with-tools.sh" "$workspace/target/release/iomap-qemu" "$@"

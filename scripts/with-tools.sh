#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs a command with the tools that scripts/setup.sh found or fetched first on PATH.

set -euo pipefail

environment=${XDG_CACHE_HOME:-$HOME/.cache}/iomap-rs/toolchain.env
if [[ ! -r $environment ]]; then
	printf '%s is missing: run scripts/setup.sh first\n' "$environment" >&2
	exit 1
fi

set -a
# shellcheck disable=SC1090 # written by setup.sh
. "$environment"
set +a
PATH=$TOOLS_BIN:$LLVM_BIN:$PATH:/usr/sbin:/sbin
exec "$@"

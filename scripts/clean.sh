#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Removes what was built in the checkout: by Kbuild next to the sources, by cargo
# and by the harness. Works without any tool being set up.
#
#   scripts/clean.sh [--cache]    --cache: kernels, sources and tools in the cache too

set -euo pipefail

case ${1:-} in
'' | --cache) ;;
*)
	printf 'usage: scripts/clean.sh [--cache]\n' >&2
	exit 1
	;;
esac

# With it, cd may go elsewhere.
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rm -rf target tests/qemu/target tests/host/target tests/host_ext2/target
rm -rf iomap-rs/sys/live
rm -f Module.symvers modules.order rust-project.json .module-common.o
find . -maxdepth 1 -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
	-o -name '.*.cmd' \) -delete
for dir in iomap-rs ext2-rs tests/qemu/script_fs; do
	[[ ! -d $dir ]] || find "$dir" -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '*.cmd' -o -name '*.rmeta' -o -name '.*.d' \
		-o -name Module.symvers -o -name modules.order -o -name bindings_generated.rs -o -name private_layouts.h \
		-o -name rust_exports_generated.h -o -name live_build_id.h \) -delete
done

if [[ ${1:-} == --cache ]]; then
	rm -rf "${XDG_CACHE_HOME:-$HOME/.cache}/iomap-rs"
fi

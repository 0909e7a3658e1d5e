// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of what filesystems in Rust link against: functions and statics of
 * the engine that their copies of its generic code refer to, by their mangled
 * names, and the C that inline functions call. Kbuild makes the list.
 */
#include <linux/export.h>

/* What it is does not matter: an export is an address. */
#define EXPORT_RUST(symbol) extern int symbol; EXPORT_SYMBOL_GPL(symbol)

#include "rust_exports_generated.h"

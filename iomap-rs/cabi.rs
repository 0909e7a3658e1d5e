// SPDX-License-Identifier: GPL-2.0

//! The C interface: `<linux/iomap.h>` as C filesystems call it.
//!
//! One thin function per symbol; `exports.c` exports them, or `live.c` has a running
//! kernel call them instead of the C engine's. A C table of
//! operations becomes an implementation of the traits that Rust filesystems
//! implement, so that there is one engine.

mod buffered;
mod checks;
mod direct;
#[cfg(any(not(MODULE), iomap_rs_live))]
mod iter;
#[cfg(iomap_rs_live)]
mod live;
mod module;
mod ops;
mod report;
mod writeback;

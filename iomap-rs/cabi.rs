// SPDX-License-Identifier: GPL-2.0

//! The C interface: `<linux/iomap.h>` as C filesystems call it.
//!
//! One thin function per symbol; `exports.c` exports them. A C table of
//! operations becomes an implementation of the traits that Rust filesystems
//! implement, so that there is one engine.

mod buffered;
mod checks;
mod direct;
#[cfg(not(MODULE))]
mod iter;
mod module;
mod ops;
mod report;
mod writeback;

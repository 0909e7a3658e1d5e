// SPDX-License-Identifier: GPL-2.0

//! The files of the engine that decide and do nothing else, as the module
//! compiles them, at the paths that they have there.
//!
//! Nothing is copied: what `tests/` finds holds for the module. `no_std`, since
//! a file that needs more than `core` would not compile in the kernel.

#![no_std]

#[path = "../../../iomap-rs/mapping.rs"]
pub mod mapping;

/// The iterator.
#[path = "../../../iomap-rs/iter"]
pub mod iter {
    pub mod advance;
}

/// Blocks of a folio.
#[path = "../../../iomap-rs/folio_state"]
pub mod folio_state {
    pub mod bits;
    pub mod pending;
    pub mod ranges;
}

/// I/O through the page cache.
#[path = "../../../iomap-rs/buffered"]
pub mod buffered {
    pub mod reserved;
    pub mod rules;
}

/// Direct I/O.
#[path = "../../../iomap-rs/direct"]
pub mod direct {
    pub mod plan;
    pub mod refs;
}

/// Extents told to others.
#[path = "../../../iomap-rs/report"]
pub mod report {
    pub mod fiemap_extents;
    pub mod swap_extents;
}

/// Writing dirty folios back.
#[path = "../../../iomap-rs/writeback"]
pub mod writeback {
    pub mod rules;
}

#[path = "../../../iomap-rs/sync.rs"]
mod sync;

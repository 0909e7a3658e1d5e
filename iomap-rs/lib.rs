// SPDX-License-Identifier: GPL-2.0

//! Linux's iomap engine in Rust.
//!
//! iomap is a space-mapping library: a filesystem says where a range of a file
//! lies (on a block device, a dax device, inline in memory, nowhere), and the
//! engine walks the range mapping by mapping. I/O is one use of that; reporting
//! extents, `llseek()` and swap files are others.
//!
//! Counterpart of `fs/iomap/` of Linux 6.12. Terms are those of the kernel's
//! `Documentation/filesystems/iomap/`.
//!
//! # Map of the crate
//!
//! | where | what | may use `unsafe` |
//! | --- | --- | --- |
//! | [`operations`] | traits that a filesystem implements | no |
//! | [`mapping`], [`iter`] | a mapping; walking a range | no |
//! | [`buffered`], [`folio_state`] | I/O through the page cache | no |
//! | [`writeback`] | writing dirty folios back | no |
//! | [`direct`] | direct I/O | no |
//! | [`report`] | FIEMAP, FIBMAP, SEEK_DATA/SEEK_HOLE, swap files | no |
//! | `sync` | the atomics, which models replace on the host | no |
//! | [`vfs`] | safe types for kernel objects | yes |
//! | `cabi` | the C interface: one function per symbol, and the C that exports or livepatches them | yes |
//! | `sys` | what bindgen read from the C headers, and C helpers | yes |
//!
//! The engine (the rows that say no) is generic over the traits: a Rust
//! filesystem is dispatched statically, a C one through the function pointers
//! of its `struct iomap_ops`, for which `cabi` implements the same traits.
//! Decisions are pure functions in files of their own, which also compile on
//! the host, where `tests/host` checks them.

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::indexing_slicing)]
// The kernel's minimum Rust version is lower than this crate's, 1.85.
#![allow(clippy::incompatible_msrv)]

pub mod buffered;
#[allow(unsafe_code)]
mod cabi;
pub mod direct;
pub mod folio_state;
pub mod iter;
pub mod mapping;
pub mod operations;
pub mod report;
mod sync;
#[allow(unsafe_code)]
mod sys;
#[allow(unsafe_code)]
pub mod vfs;
pub mod writeback;

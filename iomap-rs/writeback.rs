// SPDX-License-Identifier: GPL-2.0

//! Writing dirty folios back.
//!
//! ```text
//!   writepages()                    pages.rs   each dirty folio of a range
//!     for each dirty run of blocks             map_blocks()
//!       append to the ioend at hand ioend.rs   or submit that, open another
//!   ... the device ...
//!   end of an ioend's bio           finish.rs  ends writeback of its folios
//! ```
//!
//! An ioend is a bio with what a filesystem needs to know of it. A filesystem
//! may take over its completion, collect several, sort and merge those that are
//! next to each other (`merge.rs`) and finish them together in a task.
//!
//! A folio is under writeback until the last byte of it has been dealt with:
//! bytes are counted in the folio's state, with a bias of one while they are
//! submitted.
//!
//! Stands for the last third of `fs/iomap/buffered-io.c`.

mod finish;
mod ioend;
mod merge;
mod pages;
pub mod rules;

pub(crate) use finish::Ended;
pub use finish::{finish_ioend, finish_ioends};
pub use merge::take_adjoining;
pub(crate) use merge::{sort, try_merge};
pub use pages::writepages;

// SPDX-License-Identifier: GPL-2.0

//! Direct I/O: between user memory and the device, past the page cache.
//!
//! ```text
//!   start()                     start.rs    [`Dio`] is the request that bios share
//!     flush or drop page cache
//!     for each mapping          plan.rs     what is to be done (decisions)
//!       zero, copy, or bios     transfer.rs, bios.rs
//!     drop the submitter's reference, or wait
//!   BioOwner::end_io()          end_io.rs   a bio has ended
//!   complete()                  complete.rs after the last bio
//! ```
//!
//! Locking is the filesystem's: `i_rwsem` as it sees fit. The engine counts the
//! request in `i_dio_count`, so that truncation can wait for it.
//!
//! Stands for `fs/iomap/direct-io.c`.

mod bios;
mod complete;
mod end_io;
pub mod plan;
pub mod refs;
mod start;
mod transfer;

pub use crate::vfs::Dio;
pub use complete::complete;
pub use start::{start, Started};

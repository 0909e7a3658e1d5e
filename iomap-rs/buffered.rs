// SPDX-License-Identifier: GPL-2.0

//! I/O through the page cache.
//!
//! | file | what |
//! | --- | --- |
//! | `read.rs` | filling folios: `read_folio`, readahead |
//! | `write.rs` | `write()` into folios, growing the file |
//! | `in_place.rs` | small writes over what is there, without a walk |
//! | `begin.rs`, `end.rs` | getting a folio ready to be written into, and after |
//! | `zero.rs`, `unshare.rs`, `rewrite.rs` | writes of zeros, or of what is there |
//! | `mkwrite.rs` | the first store through a shared mapping |
//! | `punch.rs`, `reserved.rs` | giving back reservations that a failed write left |
//! | `rules.rs` | what a write has to bring in first, and how much it tries |
//! | `folio.rs` | dirtying, releasing and invalidating folios |
//!
//! Lock order: `i_rwsem`, `invalidate_lock`, folio lock, the lock of a folio's
//! state. The filesystem holds the first two as it sees fit; its own locks are
//! taken in the hooks, under none of the engine's but where a hook says so.
//!
//! Stands for the first two thirds of `fs/iomap/buffered-io.c`; the rest is
//! [`writeback`](crate::writeback).

mod begin;
mod end;
mod folio;
mod in_place;
mod mkwrite;
mod punch;
mod read;
pub mod reserved;
mod rewrite;
pub mod rules;
mod unshare;
mod write;
mod zero;

pub use folio::{dirty_folio, invalidate_folio, is_partially_uptodate, release_folio};
pub use in_place::write_in_place;
pub use mkwrite::page_mkwrite;
pub use punch::release_delalloc;
pub use read::{read_folio, readahead};
pub use unshare::unshare;
pub use write::write;
pub use zero::{truncate_page, zero_range};

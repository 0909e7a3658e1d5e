// SPDX-License-Identifier: GPL-2.0

//! Blocks that stores through mappings allocate, beside direct reads.
//!
//! A direct read writes dirty pages out, and then looks where blocks are. A store to a
//! hole in between allocates a block that the disk has old data in yet, as what was
//! stored is in the page cache alone:
//!
//! ```text
//! direct read                     store through a mapping
//! -----------                     -----------------------
//! writes out dirty pages
//!                                 allocates a block
//!                                 makes the folio dirty
//! finds the block
//! reads what somebody deleted
//! ```
//!
//! Writes cannot do that: reads have the inode locked, if shared. Stores do not lock it,
//! so they are counted here, and a read that one may have got in the way of goes on
//! through the page cache. Nothing in C ext2 is like it: that allocates for stores when
//! it writes the folio out, which leaves the same window open for as long as the
//! write takes.

use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

/// Stores to holes of a file, counted. They wrap.
pub(crate) struct Stores {
    /// Those that have allocated, before anybody can find the block.
    begun: AtomicU32,
    /// Those of them whose folio is dirty.
    over: AtomicU32,
}

/// What there was of them before dirty pages were written out.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    begun: u32,
    over: u32,
}

impl Stores {
    pub(crate) fn new() -> Self {
        Self {
            begun: AtomicU32::new(0),
            over: AtomicU32::new(0),
        }
    }

    /// A store has allocated. The tree is locked exclusively.
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    /// So many of those are over: what they stored to is dirty, or was given up.
    pub(crate) fn end(&self, count: u32) {
        if count > 0 {
            self.over.fetch_add(count, Release);
        }
    }

    /// To be called before dirty pages are written out.
    pub(crate) fn seen(&self) -> Seen {
        // In this order: if both are the same, all that had begun were over.
        let over = self.over.load(Acquire);
        Seen {
            begun: self.begun.load(Relaxed),
            over,
        }
    }

    /// Whether every block that was found before this call is on disk, as far as stores
    /// are concerned. It was found with the tree locked.
    pub(crate) fn none_since(&self, seen: Seen) -> bool {
        seen.over == seen.begun && self.begun.load(Relaxed) == seen.begun
    }
}

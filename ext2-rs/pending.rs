// SPDX-License-Identifier: GPL-2.0

//! Blocks that were allocated for a write which has not reached them.
//!
//! On disk they hold what others left there, and they are read as a hole; see
//! [`map`](crate::map). C ext2 has nothing like it, as it allocates block by block.

use core::{
    ops::Range,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

/// Blocks of a file that are pending: one range of them, as there is one writer.
///
/// The writer, who holds the inode's lock, sets it with the tree of blocks locked
/// exclusively. It shrinks it from below while it goes on, without that, under the lock of
/// the folio that it has written. Who looks at the tree looks here before; what is in a
/// folio that it has locked does not change meanwhile.
pub(crate) struct Pending(AtomicU64);

impl Pending {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Which blocks are pending.
    #[inline]
    pub(crate) fn get(&self) -> Range<u32> {
        let both = self.0.load(Acquire);
        (both >> 32) as u32..both as u32
    }

    /// Says which blocks are pending.
    #[inline]
    pub(crate) fn set(&self, blocks: Range<u32>) {
        let both = u64::from(blocks.start) << 32 | u64::from(blocks.end);
        self.0.store(both, Release);
    }
}

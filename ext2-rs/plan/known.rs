// SPDX-License-Identifier: GPL-2.0

//! What was found out before of where a file's blocks are, so that not every write
//! to a block that is there, and not every store to its page, walks the tree.
//!
//! Relies on plain values only: this file also compiles on the host. Nothing in C
//! ext2 is like it: that keeps the place of a block with each page, in a buffer
//! head.
//!
//! # Who may do what
//!
//! What is learned was looked up in the tree under its lock, shared at least, which is
//! still held. Whoever frees blocks holds that lock exclusively, and forgets first.
//! So somebody who looks under that lock finds what a lookup would.
//!
//! Who keeps blocks from being freed otherwise may look and learn without the lock: writers,
//! by the inode's, and stores through mappings, by that of the page cache.

use core::sync::atomic::{
    fence, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

/// How many stretches are kept.
const SLOTS: u32 = 4;

/// Log2 of how many blocks of a file share a slot: as many as there are pointers in
/// the largest block of pointers.
const SLOT_BITS: u32 = 10;

/// How many pointers may be scanned for a block that was not known: about as much
/// work again as to look it up.
const CREDIT: u32 = 64;

/// Blocks that follow each other, in the file and on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first one, in the file.
    pub block: u32,
    /// The first one, on the device.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Stretch {
    /// What of it is at `block` of the file and behind.
    #[inline]
    fn at(self, block: u32) -> Option<Self> {
        let before = block.wrapping_sub(self.block);
        (before < self.count).then(|| Self {
            block,
            first: self.first.wrapping_add(before),
            count: self.count.wrapping_sub(before),
        })
    }

    /// Both in one, if `other` goes on where this one ends, or before.
    fn joined(self, other: Self) -> Option<Self> {
        let before = other.block.wrapping_sub(self.block);
        let goes_on = before <= self.count
            && self.count > 0
            && other.first.wrapping_sub(self.first) == before;
        goes_on.then(|| Self {
            count: self.count.max(before.saturating_add(other.count)),
            ..self
        })
    }
}

/// A stretch that is changed as a whole.
struct Slot {
    /// Odd while it is changed.
    version: AtomicU32,
    block: AtomicU32,
    first: AtomicU32,
    /// 0: nothing is known.
    count: AtomicU32,
    /// How many pointers may be scanned by now.
    credit: AtomicU32,
}

impl Slot {
    const fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            block: AtomicU32::new(0),
            first: AtomicU32::new(0),
            count: AtomicU32::new(0),
            credit: AtomicU32::new(0),
        }
    }

    #[inline]
    fn load(&self) -> Stretch {
        Stretch {
            block: self.block.load(Relaxed),
            first: self.first.load(Relaxed),
            count: self.count.load(Relaxed),
        }
    }

    /// The stretch; [`None`] while it is changed.
    #[inline]
    fn read(&self) -> Option<Stretch> {
        let version = self.version.load(Acquire);
        let stretch = self.load();
        fence(Acquire);
        let whole = version & 1 == 0 && self.version.load(Relaxed) == version;
        whole.then_some(stretch)
    }

    /// Puts what `change` makes of the stretch in its place, if that is anything.
    /// Nothing happens if somebody else is at it: what is known need not be all.
    fn change(&self, change: impl FnOnce(Stretch) -> Option<Stretch>) {
        let version = self.version.load(Relaxed);
        let busy = version.wrapping_add(1);
        if version & 1 != 0
            || self
                .version
                .compare_exchange(version, busy, Acquire, Relaxed)
                .is_err()
        {
            return;
        }
        fence(Release);
        if let Some(stretch) = change(self.load()) {
            self.block.store(stretch.block, Relaxed);
            self.first.store(stretch.first, Relaxed);
            self.count.store(stretch.count, Relaxed);
        }
        self.version.store(version.wrapping_add(2), Release);
    }
}

/// What is known of a file.
pub struct Known([Slot; SLOTS as usize]);

impl Known {
    /// Nothing.
    pub const fn new() -> Self {
        Self([const { Slot::new() }; SLOTS as usize])
    }

    #[inline]
    fn slot(&self, block: u32) -> Option<&Slot> {
        self.0.get((block >> SLOT_BITS & (SLOTS - 1)) as usize)
    }

    /// Where `block` of the file is, and what goes on there. Any context.
    #[inline]
    pub fn get(&self, block: u32) -> Option<Stretch> {
        self.slot(block)?.read()?.at(block)
    }

    /// Takes note of what was looked up, unless more is known.
    pub fn learn(&self, found: Stretch) {
        let Some(slot) = self.slot(found.block) else {
            return;
        };
        // Mostly: a block, and a slot with more.
        let now = slot.load();
        if found.count < now.count && now.block.wrapping_add(now.count) != found.block {
            return;
        }
        slot.change(|now| {
            now.joined(found)
                .or((found.count >= now.count).then_some(found))
        });
    }

    /// As [`Self::learn`], for what will be wanted: blocks that were written last,
    /// or that were scanned for.
    ///
    /// `block`, one of them, chooses the slot.
    pub fn prefer(&self, block: u32, found: Stretch) {
        if let Some(slot) = self.slot(block) {
            slot.change(|now| now.joined(found).or(Some(found)));
        }
    }

    /// Counts that `block` was not known. Whether it is time to scan all pointers of
    /// its block of pointers, of which there are `pointers`: so seldom that this is
    /// less work than the lookups before it.
    pub fn missed(&self, block: u32, pointers: u32) -> bool {
        let Some(slot) = self.slot(block) else {
            return false;
        };
        // No matter if two do this at once.
        let credit = slot.credit.load(Relaxed).saturating_add(CREDIT);
        let enough = credit >= pointers;
        slot.credit.store(if enough { 0 } else { credit }, Relaxed);
        enough
    }

    /// Forgets all, before blocks are freed. Nobody learns meanwhile, as the locks above
    /// are held exclusively.
    pub fn forget(&self) {
        for slot in self.0.iter().filter(|slot| slot.load().count > 0) {
            slot.change(|now| Some(Stretch { count: 0, ..now }));
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::new()
    }
}

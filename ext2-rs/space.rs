// SPDX-License-Identifier: GPL-2.0

//! What is free, group by group.
//!
//! Stands for the counters of `struct ext2_sb_info`, and for its `s_debts`.

use crate::{
    format::group::Counts,
    plan::place::{self, Groups},
};
use kernel::prelude::*;

/// What is free, group by group, and what else is decided by that. There may be hundreds
/// of thousands of groups.
pub(crate) struct Space {
    /// What the descriptors count.
    counts: KVVec<Counts>,
    /// The sum of that.
    total: Counts,
    /// By how many directories groups are ahead of other files.
    debts: KVVec<u8>,
    /// What the bitmaps of blocks are worth.
    bitmaps: KVVec<Bitmap>,
}

/// Whether a group's block bitmap can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bitmap {
    /// Nobody has looked yet.
    Unknown,
    /// It has the group's own metadata in use.
    Good,
    /// It has not: nothing is to be allocated there.
    Bad,
}

impl Space {
    /// What the descriptors count, of bitmaps that nobody has looked at.
    pub(crate) fn new(counts: KVVec<Counts>) -> Result<Self> {
        let groups = counts.len();
        let total = place::total(counts.iter().copied());
        Ok(Self {
            counts,
            total,
            debts: KVVec::from_elem(0, groups, GFP_KERNEL)?,
            bitmaps: KVVec::from_elem(Bitmap::Unknown, groups, GFP_KERNEL)?,
        })
    }

    /// Sets what a group has free.
    pub(crate) fn set_counts(&mut self, group: u32, counts: Counts) {
        if let Some(place) = self.counts.as_mut_slice().get_mut(group as usize) {
            self.total = self.total.minus(*place).plus(counts);
            *place = counts;
        }
    }

    /// An inode was allocated in a group.
    pub(crate) fn add_to_debt(&mut self, group: u32, directory: bool) {
        if let Some(debt) = self.debts.as_mut_slice().get_mut(group as usize) {
            *debt = place::debt_after(*debt, directory);
        }
    }

    /// Whether a group's block bitmap can be used; [`Bitmap::Bad`] if there is no such
    /// group.
    pub(crate) fn bitmap(&self, group: u32) -> Bitmap {
        let known = self.bitmaps.get(group as usize);
        known.copied().unwrap_or(Bitmap::Bad)
    }

    /// Somebody has looked at a group's block bitmap.
    pub(crate) fn set_bitmap(&mut self, group: u32, found: Bitmap) {
        if let Some(known) = self.bitmaps.as_mut_slice().get_mut(group as usize) {
            *known = found;
        }
    }
}

impl Groups for Space {
    fn count(&self) -> u32 {
        self.counts.len() as u32
    }

    fn counts(&self, group: u32) -> Counts {
        self.counts.get(group as usize).copied().unwrap_or_default()
    }

    fn debt(&self, group: u32) -> u8 {
        self.debts.get(group as usize).copied().unwrap_or(0)
    }

    fn total(&self) -> Counts {
        self.total
    }
}

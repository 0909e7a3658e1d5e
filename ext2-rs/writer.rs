// SPDX-License-Identifier: GPL-2.0

//! A file's tree of blocks, for what is written through the page cache: by `write()`
//! and through mappings.
//!
//! Stands for the part of `ext2_get_block()` that allocates. What others may see of
//! blocks that are allocated and not written yet is in [`map`](crate::map).

use crate::{
    blocks::Run,
    grow::grow,
    map::{blocks_of, find_known, mapped},
    mount::Ext2,
    plan::known::Stretch,
    tree::Tree,
    truncate,
    vfs::Inode,
};
use core::cell::Cell;
use iomap_rs::{
    mapping::MapFlags,
    operations::{Fault, FolioHooks, Map, Range, Write, WriteRequest},
    vfs::{Inode as EngineInode, IterState, Mapping, Maps, WriteFolio},
};
use kernel::prelude::*;

/// Blocks that are allocated at most for one mapping of a write.
const MAX_RUN_BYTES: u64 = 4 << 20;

/// Takes note of where `block` is that was not known, and of what is around it if
/// that pays.
fn learn(inode: &Inode<Ext2>, tree: &Tree, found: Stretch) {
    let known = &inode.data().known;
    // What is pending is not to be known.
    if inode.data().pending.get().is_empty() {
        let pointers = inode.sb().block_size() / size_of::<u32>();
        if known.missed(found.block, pointers as u32) {
            let around = tree.around(inode, found.block).unwrap_or(found);
            known.prefer(found.block, around);
            return;
        }
    }
    known.learn(found);
}

/// Allocates for writes into the page cache. The inode is locked.
pub(crate) struct Writer<'a> {
    inode: &'a Inode<Ext2>,
    /// Whether anything is pending: it was not there when it was mapped.
    pending: Cell<bool>,
    /// Whether a chunk ended within a block that was not there when it was mapped.
    torn: Cell<bool>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            inode,
            pending: Cell::new(false),
            torn: Cell::new(false),
        }
    }
}

impl Map<Write> for Writer<'_> {
    // Its frame would be under that of allocating, which goes deep.
    #[inline(always)]
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        _: WriteRequest,
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        let range = Range {
            len: range.len.min(MAX_RUN_BYTES),
            ..range
        };
        self.torn.set(false);
        if let Some(map) = find_known(self.inode, range) {
            maps.set(map);
            return Ok(());
        }
        let found = self.find_or_allocate(range)?;
        // This cannot fail for blocks that a file may have: nothing stays pending by it.
        let map = mapped(self.inode, found.block, found.first, found.count)?;
        maps.set(match self.pending.get() {
            true => map.with_flags(MapFlags::NEW),
            false => map,
        });
        Ok(())
    }

    /// Gives back what was allocated and not written.
    fn end(&self, _: &IterState<'_>, _: Range, _: u64, _: WriteRequest) -> Result {
        if self.pending.get() {
            self.give_back();
            self.pending.set(false);
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// Blocks that are not known, or were not there: then they are pending.
    #[inline(never)]
    fn find_or_allocate(&self, range: Range) -> Result<Stretch> {
        let inode = self.inode;
        let (block, count) = blocks_of(inode, range)?;
        let mut tree = inode.data().tree.write();
        let grown = grow(inode, &mut tree, block, count)?;
        let Run { first, count } = grown.run;
        let found = Stretch {
            block,
            first,
            count,
        };
        if grown.new {
            let pending = block..block.saturating_add(count);
            inode.data().pending.set(pending);
            self.pending.set(true);
        } else {
            learn(inode, &tree, found);
        }
        Ok(found)
    }

    /// Frees what is pending. Nobody has it mapped, and no I/O is on its way to it: it
    /// was a hole to all others. That it may be dirty in the page cache does not matter.
    #[cold]
    fn give_back(&self) {
        let inode = self.inode;
        let pending = &inode.data().pending;
        let left = pending.get();
        truncate::punch(inode, left.start, left.end.saturating_sub(left.start));
        pending.set(0..0);
        let start = u64::from(left.start) << inode.sb().block_bits();
        if start >= inode.size() {
            // Blocks of pointers behind the end of the file are for nothing.
            let _cache = inode.lock_cache();
            truncate::truncate(inode, inode.size());
        }
    }
}

impl FolioHooks for Writer<'_> {
    /// What was written is in the folio: while that is locked, it stops to be
    /// pending. What was there before never was.
    #[inline]
    fn put_folio(&self, state: &IterState<'_>, pos: i64, copied: usize, folio: WriteFolio<'_>) {
        if copied > 0 && self.pending.get() {
            let bits = self.inode.sb().block_bits();
            let mask = (1u64 << bits).wrapping_sub(1);
            let end = (pos as u64).saturating_add(copied as u64);
            self.torn.set(end & mask != 0);
            let written = (end.saturating_add(mask) >> bits) as u32;
            self.written((pos as u64 >> bits) as u32..written, state.map());
        }
        drop(folio);
    }

    /// A mapping of new blocks has what a write leaves of them zeroed. Once the write has
    /// put something into a block that is not for that any more: its folio may have been
    /// written out and dropped before the next chunk.
    #[inline]
    fn is_valid(&self, _: &IterState<'_>) -> bool {
        !self.torn.get()
    }
}

impl Writer<'_> {
    /// `blocks` have their data, in a folio that is locked still.
    #[inline(never)]
    fn written(&self, blocks: core::ops::Range<u32>, map: &Mapping<'_>) {
        let node = self.inode.data();
        let pending = node.pending.get();
        let start = pending.start;
        let end = blocks.end.min(pending.end);
        if start < blocks.start || end <= start {
            // In a block of which the start was written just before.
            return;
        }
        node.pending.set(end..pending.end);
        self.pending.set(end < pending.end);
        if let Some(addr) = map.addr() {
            let bits = self.inode.sb().block_bits();
            let behind = start.wrapping_sub((map.offset() >> bits) as u32);
            let written = Stretch {
                block: start,
                first: ((addr >> bits) as u32).wrapping_add(behind),
                count: end.wrapping_sub(start),
            };
            node.known.prefer(start, written);
        }
    }
}

/// Allocates for stores through a mapping of the file. The folio is locked, and dirty
/// when this is dropped.
pub(crate) struct Faulter<'a> {
    inode: &'a Inode<Ext2>,
    /// How many times it has allocated.
    allocated: Cell<u32>,
}

impl<'a> Faulter<'a> {
    pub(crate) fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            inode,
            allocated: Cell::new(0),
        }
    }
}

impl Drop for Faulter<'_> {
    fn drop(&mut self) {
        self.inode.data().stores.end(self.allocated.get());
    }
}

impl Map<Fault> for Faulter<'_> {
    /// # Errors
    ///
    /// [`EAGAIN`] makes the task fault again: a write is about to get there.
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        (): (),
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        if let Some(map) = find_known(self.inode, range) {
            maps.set(map);
            return Ok(());
        }
        self.find_or_allocate(range, &mut maps)
    }
}

impl Faulter<'_> {
    /// Maps blocks that are not known.
    #[inline(never)]
    fn find_or_allocate<'a>(&'a self, range: Range, maps: &mut Maps<'_, 'a>) -> Result {
        let inode = self.inode;
        let (block, count) = blocks_of(inode, range)?;
        let mut tree = inode.data().tree.write();
        let end = block.saturating_add(count);
        let pending = inode.data().pending.get();
        if !pending.is_empty() && block < pending.end && pending.start < end {
            return Err(EAGAIN);
        }
        let grown = grow(inode, &mut tree, block, count)?;
        if grown.new {
            inode.data().stores.begin();
            self.allocated.set(self.allocated.get().wrapping_add(1));
        }
        let Run { first, count } = grown.run;
        let found = Stretch {
            block,
            first,
            count,
        };
        learn(inode, &tree, found);
        maps.set(mapped(inode, block, first, count)?);
        Ok(())
    }
}

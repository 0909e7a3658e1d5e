// SPDX-License-Identifier: GPL-2.0

//! A file's tree of blocks, for the engine.
//!
//! A type per way to map: [`Reader`] allocates nothing, [`Writer`], [`Faulter`]
//! and [`DirectWriter`] do. Stands for `ext2_iomap_begin()` and
//! `ext2_iomap_end()`, and for the `ext2_get_block()` of buffered I/O.
//!
//! # Blocks that were never written
//!
//! ext2 cannot say on disk that a block is allocated but not written. So what
//! was allocated must not be read before its data is in the page cache:
//!
//! - A write into the page cache allocates a run, and notes it as pending in the
//!   tree; what is pending reads as a hole. The writer takes the blocks of a
//!   folio off before it unlocks the folio, in which they are dirty then. What
//!   is left at the end is given back. A store through a mapping to what is
//!   pending faults again and again until the write is over.
//! - A store through a mapping allocates under the lock of the folio, which has
//!   the data.
//! - Direct writes allocate behind the end of the file alone, where nobody reads.
//!   Holes are filled through the page cache.

use crate::{grow::grow, mount::Ext2, node::block_at, tree::Lookup, truncate, vfs::Inode};
use core::cell::Cell;
use iomap_rs::{
    buffered,
    mapping::{Extent, Kind, MapFlags},
    operations::{
        Direct, DirectRequest, Fault, FolioHooks, Map, Range, Read, Report, Write, WriteRequest,
        WritebackHooks, Zero,
    },
    vfs::{Inode as EngineInode, IterState, Mapping, Maps, WriteFolio, WritebackCtx},
};
use kernel::prelude::*;

/// Blocks that are allocated at most for one mapping of a write.
const MAX_RUN_BYTES: u64 = 4 << 20;

/// Bytes of the file from the start of `block` on that `count` blocks are.
fn extent(inode: &Inode<Ext2>, block: u32, count: u32) -> Result<Extent> {
    let bits = inode.sb().block_bits();
    let offset = i64::from(block) << bits;
    Extent::new(offset, u64::from(count) << bits).ok_or(EIO)
}

/// A mapping to blocks of the device.
fn mapped(inode: &Inode<Ext2>, block: u32, first: u32, count: u32) -> Result<Mapping<'_>> {
    let addr = u64::from(first) << inode.sb().block_bits();
    Ok(Mapping::mapped(
        extent(inode, block, count)?,
        inode.sb().device(),
        addr,
    ))
}

/// What a lookup found, as a mapping.
fn to_mapping(inode: &Inode<Ext2>, block: u32, found: Lookup) -> Result<Mapping<'_>> {
    match found {
        Lookup::Mapped { first, count } => mapped(inode, block, first, count),
        Lookup::Hole { count } => Ok(Mapping::hole(
            extent(inode, block, count)?,
            Some(inode.sb().device()),
        )),
    }
}

/// The first block that a range touches, and how many it touches.
fn blocks_of(inode: &Inode<Ext2>, range: Range) -> Result<(u32, u32)> {
    let sb = inode.sb();
    let pos = u64::try_from(range.pos).map_err(|_| EINVAL)?;
    let first = block_at(sb, pos)?;
    let last = pos.saturating_add(range.len.saturating_sub(1)) >> sb.block_bits();
    let count = last.saturating_sub(first.into()).saturating_add(1);
    Ok((first, count.min(u32::MAX.into()) as u32))
}

/// Looks up what there is, and allocates nothing: for reads through the page
/// cache, reports, direct reads and zeroing.
pub(crate) struct Reader<'a>(pub(crate) &'a Inode<Ext2>);

impl Reader<'_> {
    fn find(&self, range: Range) -> Result<Mapping<'_>> {
        let (block, count) = blocks_of(self.0, range)?;
        let tree = self.0.data().tree.read();
        to_mapping(self.0, block, tree.lookup_written(self.0, block, count)?)
    }
}

impl Map<Read> for Reader<'_> {
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        (): (),
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        maps.set(self.find(range)?);
        Ok(())
    }
}

impl Map<Report> for Reader<'_> {
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        (): (),
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        let found = self.find(range)?;
        // As C has it: a mapping may be several of what is on disk.
        maps.set(match found.kind() {
            Kind::Mapped => found.with_flags(MapFlags::MERGED),
            _ => found,
        });
        Ok(())
    }
}

impl Map<Zero> for Reader<'_> {
    /// Holes read as zeros: what is there is zeroed.
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        (): (),
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        maps.set(self.find(range)?);
        Ok(())
    }
}

impl Map<Direct> for Reader<'_> {
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        _: DirectRequest,
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        maps.set(self.find(range)?);
        Ok(())
    }
}

/// Allocates for writes into the page cache. The inode is locked.
pub(crate) struct Writer<'a>(pub(crate) &'a Inode<Ext2>);

impl Map<Write> for Writer<'_> {
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
        let (block, count) = blocks_of(self.0, range)?;
        let mut tree = self.0.data().tree.write();
        let grown = grow(self.0, &mut tree, block, count)?;
        let map = mapped(self.0, block, grown.run.first, grown.run.count)?;
        if grown.new {
            tree.pending = block..block.saturating_add(grown.run.count);
            maps.set(map.with_flags(MapFlags::NEW));
        } else {
            maps.set(map);
        }
        Ok(())
    }

    /// Gives back what was allocated and not written.
    fn end(&self, state: &IterState<'_>, _: Range, _: u64, _: WriteRequest) -> Result {
        if !state.map().flags().contains(MapFlags::NEW) {
            return Ok(());
        }
        let left = self.0.data().tree.read().pending.clone();
        if left.is_empty() {
            return Ok(());
        }
        self.give_back(state, &left);
        self.0.data().tree.write().pending = 0..0;
        Ok(())
    }
}

impl Writer<'_> {
    #[cold]
    fn give_back(&self, state: &IterState<'_>, blocks: &core::ops::Range<u32>) {
        let inode = self.0;
        let bits = inode.sb().block_bits();
        let start = i64::from(blocks.start) << bits;
        let end = i64::from(blocks.end) << bits;
        let _cache = inode.lock_cache();
        buffered::release_delalloc(inode.cache(), state.map(), start..end, |pos, len| {
            let first = (pos >> bits) as u32;
            truncate::punch(inode, first, (len >> bits) as u32);
        });
        if start as u64 >= inode.size() {
            // Blocks of pointers behind the end of the file are for nothing.
            truncate::truncate(inode, inode.size());
        }
    }
}

impl FolioHooks for Writer<'_> {
    /// What was written is in the folio: while that is locked, it stops to be
    /// pending.
    fn put_folio(&self, _: &IterState<'_>, pos: i64, copied: usize, folio: WriteFolio<'_>) {
        let bits = self.0.sb().block_bits();
        let mask = (1u64 << bits).wrapping_sub(1);
        let end = (pos as u64).saturating_add(copied as u64);
        let written = (end.saturating_add(mask) >> bits) as u32;
        if copied > 0 {
            let pending = &mut self.0.data().tree.write().pending;
            if pending.contains(&((pos as u64 >> bits) as u32)) {
                pending.start = written.min(pending.end);
            }
        }
        drop(folio);
    }
}

/// Allocates for stores through a mapping of the file. The folio is locked.
pub(crate) struct Faulter<'a>(pub(crate) &'a Inode<Ext2>);

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
        let (block, count) = blocks_of(self.0, range)?;
        let mut tree = self.0.data().tree.write();
        let end = block.saturating_add(count);
        let pending = &tree.pending;
        if !pending.is_empty() && block < pending.end && pending.start < end {
            return Err(EAGAIN);
        }
        let grown = grow(self.0, &mut tree, block, count)?;
        maps.set(mapped(self.0, block, grown.run.first, grown.run.count)?);
        Ok(())
    }
}

/// Maps direct writes: overwrites, and behind the end of the file allocates. The
/// inode is locked.
pub(crate) struct DirectWriter<'a>(pub(crate) &'a Inode<Ext2>);

impl Map<Direct> for DirectWriter<'_> {
    /// # Errors
    ///
    /// [`ENOTBLK`] where there is a hole: the page cache fills it.
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        request: DirectRequest,
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        let inode = self.0;
        let (block, count) = blocks_of(inode, range)?;
        let bits = inode.sb().block_bits();
        let size = inode.size();
        let end = (range.pos as u64).saturating_add(range.len);
        // The size goes with the data.
        let mut flags = MapFlags::MERGED.with_if(end > size, MapFlags::DIRTY);
        let behind_end = u64::from(block) << bits >= size;
        let map = if behind_end && !request.overwrite_only {
            let mut tree = inode.data().tree.write();
            let grown = grow(inode, &mut tree, block, count)?;
            flags = flags.with_if(grown.new, MapFlags::NEW);
            mapped(inode, block, grown.run.first, grown.run.count)?
        } else {
            let tree = inode.data().tree.read();
            match tree.lookup(inode, block, count)? {
                Lookup::Mapped { first, count } => mapped(inode, block, first, count)?,
                Lookup::Hole { .. } if request.overwrite_only => return Err(EAGAIN),
                Lookup::Hole { .. } => return Err(ENOTBLK),
            }
        };
        maps.set(map.with_flags(flags));
        Ok(())
    }

    /// What could not be written at all goes through the page cache.
    fn end(&self, _: &IterState<'_>, _: Range, written: u64, _: DirectRequest) -> Result {
        if written == 0 {
            return Err(ENOTBLK);
        }
        Ok(())
    }
}

/// Maps for writeback: all blocks are there already.
pub(crate) struct Flusher<'a> {
    inode: &'a Inode<Ext2>,
    /// [`Tree::frees`](crate::tree::Tree::frees) when the mapping at hand was
    /// got.
    frees: Cell<u64>,
}

impl<'a> Flusher<'a> {
    pub(crate) fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            inode,
            frees: Cell::new(0),
        }
    }
}

impl WritebackHooks for Flusher<'_> {
    /// A mapping from before holds on as long as nothing was freed: the blocks of
    /// a folio that is locked and in the page cache are not.
    ///
    /// Under a dirty block that is a hole there is nothing to be kept: it was
    /// behind the end of the file when it was stored to through a mapping.
    fn map_blocks<'a>(
        &'a self,
        ctx: &mut WritebackCtx<'a>,
        _: &EngineInode,
        pos: i64,
        _: u32,
    ) -> Result {
        let inode = self.inode;
        let tree = inode.data().tree.read();
        let map = ctx.map();
        let covered = map.offset() <= pos && (pos as u64) < map.end();
        if covered && map.kind() == Kind::Mapped && self.frees.get() == tree.frees {
            return Ok(());
        }
        self.frees.set(tree.frees);
        let block = block_at(inode.sb(), pos as u64)?;
        let found = tree.lookup(inode, block, u32::MAX)?;
        ctx.set_map(to_mapping(inode, block, found)?);
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! A file's tree of blocks, for the engine.
//!
//! A type per way to map: [`Reader`], [`Reporter`] and [`DirectReader`] allocate nothing,
//! [`DirectWriter`], [`Writer`](crate::writer::Writer) and
//! [`Faulter`](crate::writer::Faulter) do. Stands for `ext2_iomap_begin()` and
//! `ext2_iomap_end()`, and for the `ext2_get_block()` of buffered I/O.
//!
//! # Blocks that were never written
//!
//! ext2 cannot say on disk that a block is allocated but not written. So what
//! was allocated must not be read before its data is in the page cache:
//!
//! - A write into the page cache allocates a run, and notes it as
//!   [`pending`](crate::pending); what is pending reads as a hole. The writer takes the
//!   blocks of a folio off before it unlocks the folio, in which they are dirty then. What
//!   is left at the end is given back. A store through a mapping to what is
//!   pending faults again and again until the write is over, or the task is
//!   killed. It may make the folio dirty, and with it what is pending: writeback, which
//!   locks the folio, leaves that out.
//! - A store through a mapping allocates under the lock of the folio, which has
//!   the data. Direct reads do not look there: see [`stores`](crate::stores).
//! - Direct writes allocate behind the end of the file alone, where nobody reads.
//!   Holes are filled through the page cache.

use crate::{
    grow::grow,
    mount::Ext2,
    node::{self, block_at},
    plan::known::Stretch,
    stores::{Seen, Stores},
    tree::{Leaf, Lookup},
    vfs::Inode,
};
use core::cell::Cell;
use iomap_rs::{
    mapping::{Extent, Kind, MapFlags},
    operations::{Direct, DirectRequest, Map, Range, Read, Report, WritebackHooks, Zero},
    vfs::{Inode as EngineInode, IterState, Mapping, Maps, WritebackCtx},
};
use kernel::prelude::*;

/// Bytes of the file from the start of `block` on that `count` blocks are.
#[inline]
fn extent(inode: &Inode<Ext2>, block: u32, count: u32) -> Result<Extent> {
    let bits = inode.sb().block_bits();
    let offset = i64::from(block) << bits;
    Extent::new(offset, u64::from(count) << bits).ok_or(EIO)
}

/// A mapping to blocks of the device.
#[inline]
pub(crate) fn mapped(
    inode: &Inode<Ext2>,
    block: u32,
    first: u32,
    count: u32,
) -> Result<Mapping<'_>> {
    let addr = u64::from(first) << inode.sb().block_bits();
    Ok(Mapping::mapped(
        extent(inode, block, count)?,
        inode.sb().device(),
        addr,
    ))
}

/// A mapping of the start of `range`, and as much of the rest as is known without a look
/// at the tree; [`None`] if nothing is. See [`known`].
#[inline]
pub(crate) fn find_known(inode: &Inode<Ext2>, range: Range) -> Option<Mapping<'_>> {
    let (block, count) = blocks_of(inode, range).ok()?;
    to_mapping(inode, block, known(inode, block, count)?).ok()
}

/// `block` and as much as is known of the `count` blocks from there on; [`None`] if
/// nothing is. They are not pending; the caller keeps them from being freed.
#[inline]
fn known(inode: &Inode<Ext2>, block: u32, count: u32) -> Option<Lookup> {
    let found = inode.data().known.get(block)?;
    Some(Lookup::Mapped {
        first: found.first,
        count: found.count.min(count),
    })
}

/// What a lookup found, as a mapping.
#[inline]
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
///
/// # Errors
///
/// [`EFBIG`] if the first block's number exceeds 32 bits. That no file has the block
/// is found by the lookup.
#[inline]
pub(crate) fn blocks_of(inode: &Inode<Ext2>, range: Range) -> Result<(u32, u32)> {
    let bits = inode.sb().block_bits();
    let pos = u64::try_from(range.pos).map_err(|_| EINVAL)?;
    let first = u32::try_from(pos >> bits).map_err(|_| EFBIG)?;
    let last = pos.saturating_add(range.len.saturating_sub(1)) >> bits;
    let count = last.saturating_sub(first.into()).saturating_add(1);
    Ok((first, count.min(u32::MAX.into()) as u32))
}

/// Looks up what there is, and allocates nothing: for reads through the page
/// cache, zeroing, and [`DirectReader`].
pub(crate) struct Reader<'a>(pub(crate) &'a Inode<Ext2>);

impl Reader<'_> {
    #[inline]
    fn find(&self, range: Range) -> Result<Mapping<'_>> {
        let (block, count) = blocks_of(self.0, range)?;
        to_mapping(self.0, block, self.look_up(block, count)?)
    }

    // Where pointers are read from disk: the mapping is not to be under that.
    #[inline(never)]
    fn look_up(&self, block: u32, count: u32) -> Result<Lookup> {
        let node = self.0.data();
        let tree = node.tree.read();
        if let Some(found) = known(self.0, block, count) {
            return Ok(found);
        }
        let found = tree.lookup_written(self.0, block, count)?;
        if let Lookup::Mapped { first, count } = found {
            node.known.learn(Stretch {
                block,
                first,
                count,
            });
        }
        Ok(found)
    }
}

impl Map<Read> for Reader<'_> {
    #[inline]
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

impl Map<Zero> for Reader<'_> {
    /// Holes read as zeros: what is there is zeroed.
    #[inline]
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

/// Looks up what there is for a report, which goes from block to block.
pub(crate) struct Reporter<'a> {
    inode: &'a Inode<Ext2>,
    /// Where the last lookup ended. None of them is wanted twice: there is nothing to be
    /// learned.
    leaf: Cell<Option<Leaf>>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            inode,
            leaf: Cell::new(None),
        }
    }
}

impl Map<Report> for Reporter<'_> {
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        (): (),
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        let inode = self.inode;
        let (block, count) = blocks_of(inode, range)?;
        let mut leaf = self.leaf.take();
        let tree = inode.data().tree.read();
        let found = tree.lookup_beside(inode, block, count, &mut leaf)?;
        drop(tree);
        self.leaf.set(leaf);
        let map = to_mapping(inode, block, found)?;
        // As C has it: a mapping may be several of what is on disk.
        maps.set(match found {
            Lookup::Mapped { .. } => map.with_flags(MapFlags::MERGED),
            Lookup::Hole { .. } => map,
        });
        Ok(())
    }
}

/// Looks up what there is for a direct read. The inode is locked, if shared.
pub(crate) struct DirectReader<'a> {
    reader: Reader<'a>,
    /// Stores to holes before dirty pages were written out.
    before: Seen,
    gave_up: Cell<bool>,
}

impl<'a> DirectReader<'a> {
    /// To be called before the read begins.
    pub(crate) fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            reader: Reader(inode),
            before: inode.data().stores.seen(),
            gave_up: Cell::new(false),
        }
    }

    fn stores(&self) -> &Stores {
        &self.reader.0.data().stores
    }

    /// Whether the rest has to be read through the page cache.
    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up.get()
    }
}

impl Map<Direct> for DirectReader<'_> {
    /// # Errors
    ///
    /// [`ENOTBLK`] where a store may have allocated what is not on disk yet.
    fn begin<'a>(
        &'a self,
        _: &'a EngineInode,
        range: Range,
        _: DirectRequest,
        mut maps: Maps<'_, 'a>,
    ) -> Result {
        let map = self.reader.find(range)?;
        // A hole reads as zeros, which was right before any store to it.
        let written = map.kind() == Kind::Hole || self.stores().none_since(self.before);
        if !written {
            self.gave_up.set(true);
            return Err(ENOTBLK);
        }
        maps.set(map);
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
        // The size goes with the data, and so does what leads there.
        let dirty = end > size || !node::is_durable(inode);
        let mut flags = MapFlags::MERGED.with_if(dirty, MapFlags::DIRTY);
        let behind_end = u64::from(block) << bits >= size;
        let map = if behind_end && !request.overwrite_only {
            let mut tree = inode.data().tree.write();
            let grown = grow(inode, &mut tree, block, count)?;
            flags = flags.with_if(grown.new, MapFlags::NEW);
            mapped(inode, block, grown.run.first, grown.run.count)?
        } else {
            let found = match known(inode, block, count) {
                Some(found) => found,
                None => inode.data().tree.read().lookup(inode, block, count)?,
            };
            match found {
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

/// Maps for writeback: all blocks are there already. Those that are pending have no data
/// yet, and may be freed any time.
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
    /// Under a dirty block that is a hole there is nothing to be kept: it is dirty as
    /// others of its folio are, or was stored to behind the end of the file. A file
    /// that grows has stores to its last page fault again, to allocate; what is stored
    /// between the two is lost.
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
        let found = tree.lookup_written(inode, block, u32::MAX)?;
        ctx.set_map(to_mapping(inode, block, found)?);
        Ok(())
    }
}

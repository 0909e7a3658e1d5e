// SPDX-License-Identifier: GPL-2.0

//! The tree of blocks under an inode, and looking up in it.
//!
//! Stands for `ext2_get_branch()` and the part of `ext2_get_blocks()` that
//! allocates nothing.

use crate::{
    format::inode::{Content, POINTERS},
    mount::Ext2,
    plan::{
        known::Stretch,
        path::{blocks_below, Path},
    },
    vfs::{Buffer, Inode, SuperBlock},
};
use kernel::prelude::*;

/// The tree under an inode, and what is known of its growth. Under
/// [`Node::tree`](crate::node::Node::tree).
pub(crate) struct Tree {
    content: Content,
    /// The block of the file that was allocated last, and where.
    pub(crate) last: Option<(u32, u32)>,
    /// Counts how often blocks were freed: a mapping that was got before may not
    /// hold any more.
    pub(crate) frees: u64,
}

/// What is behind a block of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// That many blocks, which follow each other on the device from `first` on.
    Mapped { first: u32, count: u32 },
    /// That many blocks are not there.
    Hole { count: u32 },
}

/// Where a pointer is.
pub(crate) enum Parent {
    /// One of the inode's.
    Inode,
    /// One in a block of pointers.
    Block(Buffer),
}

/// A pointer, and where it is.
pub(crate) struct Slot {
    pub(crate) parent: Parent,
    pub(crate) index: u32,
    /// How many blocks of pointers are between it and data.
    pub(crate) depth: u32,
    /// What it says.
    pub(crate) pointer: u32,
}

/// The block of pointers to data that was looked at last: what is beside can be looked up
/// without the way down from the inode.
pub(crate) struct Leaf {
    buffer: Buffer,
    /// The block of the file that the first pointer is for.
    block: u32,
    /// [`Tree::frees`] then. As long as that is the same, this is part of the tree.
    frees: u64,
}

impl Leaf {
    /// Where the pointer of `block` is, and how many there are from there on; [`None`] if
    /// it is elsewhere.
    #[inline]
    fn slot(self, block: u32) -> Option<(Slot, u32)> {
        let index = block.wrapping_sub(self.block);
        let pointer = self.buffer.le32(index as usize)?;
        let all = (self.buffer.size() / size_of::<u32>()) as u32;
        let slot = Slot {
            parent: Parent::Block(self.buffer),
            index,
            depth: 0,
            pointer,
        };
        Some((slot, all.wrapping_sub(index)))
    }
}

/// Whether a block may be read from disk.
enum Written {
    /// That many blocks are pending.
    No(u32),
    /// Not more than that many blocks are to be looked up.
    UpTo(u32),
}

impl Tree {
    /// The tree of an inode that was read, or that is new.
    pub(crate) fn new(content: Content) -> Self {
        Self {
            content,
            last: None,
            frees: 0,
        }
    }

    /// What the inode has in the place of its pointers.
    pub(crate) fn content(&self) -> Content {
        self.content
    }

    /// The inode's pointers; [`None`] if it has no blocks.
    pub(crate) fn pointers(&self) -> Option<&[u32; POINTERS]> {
        match &self.content {
            Content::Blocks(pointers) => Some(pointers),
            _ => None,
        }
    }

    /// As [`Self::pointers`], to change them.
    pub(crate) fn pointers_mut(&mut self) -> Option<&mut [u32; POINTERS]> {
        match &mut self.content {
            Content::Blocks(pointers) => Some(pointers),
            _ => None,
        }
    }

    /// Pointer `index` of the inode's or of a block.
    pub(crate) fn pointer(&self, parent: &Parent, index: u32) -> Option<u32> {
        match parent {
            Parent::Inode => self.pointers()?.get(index as usize).copied(),
            Parent::Block(buffer) => buffer.le32(index as usize),
        }
    }

    /// Goes down towards a block of the file, as far as there are blocks of
    /// pointers.
    pub(crate) fn walk(&self, inode: &Inode<Ext2>, path: &Path) -> Result<Slot> {
        let sb = inode.sb();
        let mut parent = Parent::Inode;
        let mut left = path.offsets().len() as u32;
        for &index in path.offsets() {
            left = left.saturating_sub(1);
            let pointer = self.pointer(&parent, index).ok_or(EIO)?;
            if left == 0 || pointer == 0 {
                return Ok(Slot {
                    parent,
                    index,
                    depth: left,
                    pointer,
                });
            }
            parent = Parent::Block(read_pointers(sb, inode.ino(), pointer)?);
        }
        Err(EIO)
    }

    /// What is behind block `block` of the file and those after it, up to `max`
    /// of them. Holes are told as large as is known. What is [pending](crate::pending)
    /// is as on disk.
    ///
    /// # Errors
    ///
    /// [`EFBIG`] if no file has such a block; [`EIO`] if a block of pointers
    /// cannot be read; `EFSCORRUPTED` for a pointer that leads out of the
    /// filesystem or into its metadata.
    pub(crate) fn lookup(&self, inode: &Inode<Ext2>, block: u32, max: u32) -> Result<Lookup> {
        if self.pointers().is_none() {
            return Ok(Lookup::Hole { count: max.max(1) });
        }
        let path = Path::to(block, inode.sb().block_bits()).ok_or(EFBIG)?;
        let slot = self.walk(inode, &path)?;
        self.found_on(inode, block, max, &path, &slot)
    }

    /// As [`Self::lookup`], but what is [pending](crate::pending) is a hole.
    pub(crate) fn lookup_written(
        &self,
        inode: &Inode<Ext2>,
        block: u32,
        max: u32,
    ) -> Result<Lookup> {
        match written(inode, block, max) {
            Written::No(count) => Ok(Lookup::Hole { count }),
            Written::UpTo(max) => self.lookup(inode, block, max),
        }
    }

    /// As [`Self::lookup_written`], for one who goes from block to block: `leaf` is from
    /// the lookup before, and for the next one.
    pub(crate) fn lookup_beside(
        &self,
        inode: &Inode<Ext2>,
        block: u32,
        max: u32,
        leaf: &mut Option<Leaf>,
    ) -> Result<Lookup> {
        let max = match written(inode, block, max) {
            Written::No(count) => return Ok(Lookup::Hole { count }),
            Written::UpTo(max) => max,
        };
        let last = leaf.take().filter(|leaf| leaf.frees == self.frees);
        if let Some((slot, left)) = last.and_then(|leaf| leaf.slot(block)) {
            let found = self.found(inode, block, left.min(max), &slot);
            *leaf = self.leaf(block, slot);
            return found;
        }
        if self.pointers().is_none() {
            return Ok(Lookup::Hole { count: max.max(1) });
        }
        let path = Path::to(block, inode.sb().block_bits()).ok_or(EFBIG)?;
        let slot = self.walk(inode, &path)?;
        let found = self.found_on(inode, block, max, &path, &slot);
        *leaf = self.leaf(block, slot);
        found
    }

    /// What is behind `block`, to which `path` goes as far as `slot`, and behind up to `max`
    /// blocks.
    #[inline]
    fn found_on(
        &self,
        inode: &Inode<Ext2>,
        block: u32,
        max: u32,
        path: &Path,
        slot: &Slot,
    ) -> Result<Lookup> {
        let max = max.max(1);
        if slot.pointer == 0 && slot.depth > 0 {
            let rest = hole_below(path, slot.depth, inode.sb().block_bits());
            return Ok(Lookup::Hole {
                count: rest.min(max.into()).max(1) as u32,
            });
        }
        self.found(inode, block, path.left_in_leaf().min(max), slot)
    }

    /// What the pointer of `block`, in `slot`, says together with those behind it, up to
    /// `limit` of them.
    #[inline]
    fn found(&self, inode: &Inode<Ext2>, block: u32, limit: u32, slot: &Slot) -> Result<Lookup> {
        let count = self.run_length(slot, limit);
        if slot.pointer == 0 {
            return Ok(Lookup::Hole { count });
        }
        if !inode.sb().data().is_file_data(slot.pointer, count) {
            return Err(no_place_for_data(inode, block, slot.pointer));
        }
        Ok(Lookup::Mapped {
            first: slot.pointer,
            count,
        })
    }

    /// The block of pointers that the pointer of `block`, in `slot`, is in, if that leads
    /// to data.
    #[inline]
    fn leaf(&self, block: u32, slot: Slot) -> Option<Leaf> {
        match slot.parent {
            Parent::Block(buffer) if slot.depth == 0 => Some(Leaf {
                buffer,
                block: block.wrapping_sub(slot.index),
                frees: self.frees,
            }),
            _ => None,
        }
    }

    /// How many pointers from `slot` on, at most `limit`, go on as it begins: to
    /// blocks that follow each other, or to none.
    pub(crate) fn run_length(&self, slot: &Slot, limit: u32) -> u32 {
        let next = slot.index.saturating_add(1) as usize;
        let more = limit.saturating_sub(1);
        let more = match &slot.parent {
            Parent::Inode => {
                let pointers = self.pointers().and_then(|pointers| pointers.get(next..));
                goes_on(slot.pointer, more, pointers.unwrap_or(&[]).iter().copied())
            }
            Parent::Block(buffer) => goes_on(slot.pointer, more, buffer.le32s(next..)),
        };
        more.saturating_add(1)
    }

    /// All that is known to follow each other around `block`, which is there, by the
    /// block of pointers, or the inode's, that leads to it.
    pub(crate) fn around(&self, inode: &Inode<Ext2>, block: u32) -> Option<Stretch> {
        let path = Path::to(block, inode.sb().block_bits())?;
        let slot = self.walk(inode, &path).ok()?;
        if slot.pointer == 0 || slot.depth != 0 {
            return None;
        }
        let behind = self.run_length(&slot, path.left_in_leaf());
        let before = match &slot.parent {
            Parent::Inode => 0,
            Parent::Block(buffer) => {
                let steps = (1..=slot.index).take_while(|&step| {
                    let index = slot.index.wrapping_sub(step) as usize;
                    buffer.le32(index) == slot.pointer.checked_sub(step).filter(|&at| at != 0)
                });
                steps.count() as u32
            }
        };
        let found = Stretch {
            block: block.checked_sub(before)?,
            first: slot.pointer.checked_sub(before)?,
            count: behind.checked_add(before)?,
        };
        let checked = inode.sb().data().is_file_data(found.first, found.count);
        checked.then_some(found)
    }
}

/// Whether `block` may be read from disk.
#[inline]
fn written(inode: &Inode<Ext2>, block: u32, max: u32) -> Written {
    let pending = inode.data().pending.get();
    if pending.contains(&block) {
        let count = pending.end.saturating_sub(block).min(max).max(1);
        return Written::No(count);
    }
    match pending.start.checked_sub(block) {
        Some(before) if !pending.is_empty() => Written::UpTo(max.min(before)),
        _ => Written::UpTo(max),
    }
}

/// How many of `pointers`, at most `limit`, go on behind one that is `first`.
fn goes_on(first: u32, limit: u32, pointers: impl Iterator<Item = u32>) -> u32 {
    let step = u32::from(first != 0);
    let mut last = first;
    let mut count = 0u32;
    for pointer in pointers.take(limit as usize) {
        // The largest number is no block's, so that it does not matter what follows.
        last = last.wrapping_add(step);
        if pointer != last {
            break;
        }
        count = count.wrapping_add(1);
    }
    count
}

/// How many blocks of the file, from that of `path` on, are below a pointer with
/// `depth` blocks of pointers between it and data.
fn hole_below(path: &Path, depth: u32, block_bits: u32) -> u64 {
    let offsets = path.offsets();
    let above = offsets.len().saturating_sub(depth as usize);
    let inside =
        offsets
            .iter()
            .skip(above)
            .zip((0..depth).rev())
            .fold(0u64, |sum, (&offset, level)| {
                sum.saturating_add(
                    u64::from(offset).saturating_mul(blocks_below(level, block_bits)),
                )
            });
    blocks_below(depth, block_bits).saturating_sub(inside)
}

/// Says that `block` of the file is at `place`, where there is metadata, or nothing. A
/// function of its own, as the text takes room on the stack.
#[cold]
#[inline(never)]
pub(crate) fn no_place_for_data(inode: &Inode<Ext2>, block: u32, place: u32) -> Error {
    inode.sb().error(format_args!(
        "inode {}: block {block} of the file is at {place}, which is no place for data",
        inode.ino()
    ))
}

/// Reads a block of pointers.
pub(crate) fn read_pointers(sb: &SuperBlock<Ext2>, ino: u32, block: u32) -> Result<Buffer> {
    if !sb.data().is_file_data(block, 1) {
        return Err(sb.error(format_args!(
            "inode {ino}: pointers at {block}, which is no place for them"
        )));
    }
    sb.read_block(block).inspect_err(|_| {
        sb.error(format_args!("inode {ino}: cannot read pointers at {block}"));
    })
}

// SPDX-License-Identifier: GPL-2.0

//! Taking blocks from a file.
//!
//! Stands for `ext2_truncate_blocks()` and `ext2_free_branches()`.

use crate::{
    blocks::{self, Run},
    mount::Ext2,
    plan::path::{depth_below, Cut, Path},
    tree::{read_pointers, Parent, Tree},
    vfs::{Buffer, Inode},
};
use kernel::prelude::*;

/// Frees blocks of a file, as many at once as follow each other.
struct Freeing<'a> {
    inode: &'a Inode<Ext2>,
    run: Run,
}

impl<'a> Freeing<'a> {
    fn new(inode: &'a Inode<Ext2>) -> Self {
        Self {
            inode,
            run: Run { first: 0, count: 0 },
        }
    }

    fn add(&mut self, block: u32) {
        if self.run.count > 0 && self.run.end() == block {
            self.run.count = self.run.count.saturating_add(1);
        } else {
            self.flush();
            self.run = Run {
                first: block,
                count: 1,
            };
        }
    }

    fn flush(&mut self) {
        let run = core::mem::replace(&mut self.run, Run { first: 0, count: 0 });
        if run.count > 0 {
            let freed = blocks::free(self.inode.sb(), run);
            let shift = self.inode.sb().block_bits().saturating_sub(9);
            self.inode
                .add_sectors((u64::from(freed) << shift).wrapping_neg() as i64);
        }
    }

    /// Frees what a pointer leads to, with `depth` blocks of pointers on the way:
    /// three at most, which limits the recursion. Each is cleared before it is followed,
    /// in memory alone: whatever leads back to a block, as only damage does, finds it
    /// empty, so that each pointer is followed once.
    fn free(&mut self, pointer: u32, depth: u32) {
        if pointer == 0 {
            return;
        }
        let Some(below) = depth.checked_sub(1) else {
            self.add(pointer);
            return;
        };
        // What cannot be read is lost until the next check, as in C.
        let Ok(buffer) = read_pointers(self.inode.sb(), self.inode.ino(), pointer) else {
            return;
        };
        for (index, pointer) in buffer.le32s(..).enumerate() {
            if pointer != 0 && buffer.set_le32(index, 0).is_ok() {
                self.free(pointer, below);
            }
        }
        self.flush();
        buffer.forget();
        self.add(pointer);
    }
}

impl Drop for Freeing<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Frees all blocks of the file behind byte `size`. The page cache has nothing
/// there, and is kept so by its lock; or the inode is at its end.
/// C: `ext2_truncate_blocks()`.
pub(crate) fn truncate(inode: &Inode<Ext2>, size: u64) {
    let bits = inode.sb().block_bits();
    let mut tree = inode.data().tree.write();
    if tree.pointers().is_none() {
        return;
    }
    let block_size = 1u64 << bits;
    let first = size.saturating_add(block_size.saturating_sub(1)) >> bits;
    let Some(cut) = u32::try_from(first)
        .ok()
        .and_then(|first| Cut::at(first, bits))
    else {
        // No file reaches as far.
        return;
    };
    inode.data().start_freeing(&mut tree);
    cut_off(inode, &mut tree, &cut);
    inode.mark_dirty();
}

/// Cuts the tree level by level, from the inode down. Blocks of pointers on the way
/// that are of no use any more go as well.
fn cut_off(inode: &Inode<Ext2>, tree: &mut Tree, cut: &Cut) {
    let mut freeing = Freeing::new(inode);
    let mut parent = Parent::Inode;
    // Where the way down went on, from the top; three blocks of pointers at most.
    let mut way = [const { None }; 3];
    let mut steps = way.iter_mut();
    for level in cut.levels() {
        match &parent {
            Parent::Inode => {
                let Some(pointers) = tree.pointers_mut() else {
                    return;
                };
                let dead = (0u32..)
                    .zip(pointers.iter_mut())
                    .skip(level.dead_from as usize);
                for (slot, place) in dead {
                    freeing.free(core::mem::take(place), depth_below(slot));
                }
            }
            Parent::Block(buffer) => {
                cut_block(inode, buffer, level.dead_from, level.depth, &mut freeing);
            }
        }
        let (Some(index), Some(step)) = (level.through, steps.next()) else {
            break;
        };
        let Some(pointer) = tree.pointer(&parent, index).filter(|&at| at != 0) else {
            break;
        };
        let Ok(buffer) = read_pointers(inode.sb(), inode.ino(), pointer) else {
            break;
        };
        let above = core::mem::replace(&mut parent, Parent::Block(buffer));
        *step = Some((above, index));
    }
    for (above, index) in way.into_iter().flatten().rev() {
        let Parent::Block(buffer) = parent else {
            return;
        };
        if !is_empty(&buffer) || clear(inode, tree, &above, index).is_err() {
            return;
        }
        freeing.flush();
        let block = buffer.block();
        buffer.forget();
        freeing.add(block);
        parent = above;
    }
}

/// Whether a block of pointers leads nowhere.
fn is_empty(buffer: &Buffer) -> bool {
    (0..buffer.size() / size_of::<u32>()).all(|index| buffer.le32(index) == Some(0))
}

/// Lets pointer `index` lead nowhere.
fn clear(inode: &Inode<Ext2>, tree: &mut Tree, parent: &Parent, index: u32) -> Result {
    match parent {
        Parent::Inode => {
            let place = tree
                .pointers_mut()
                .and_then(|pointers| pointers.get_mut(index as usize));
            *place.ok_or(EIO)? = 0;
        }
        Parent::Block(buffer) => {
            buffer.set_le32(index as usize, 0)?;
            buffer.mark_dirty_for(inode);
        }
    }
    Ok(())
}

/// Cuts off the pointers of a block from `from` on.
fn cut_block(
    inode: &Inode<Ext2>,
    buffer: &Buffer,
    from: u32,
    depth: u32,
    freeing: &mut Freeing<'_>,
) {
    let mut changed = false;
    for (index, pointer) in (from as usize..).zip(buffer.le32s(from as usize..)) {
        if pointer != 0 && buffer.set_le32(index, 0).is_ok() {
            changed = true;
            freeing.free(pointer, depth);
        }
    }
    if changed {
        buffer.mark_dirty_for(inode);
    }
}

/// Frees `count` blocks of data from block `first` of the file on; blocks of
/// pointers stay. For what a write that failed had allocated, and that is pending: no
/// I/O is on its way there.
pub(crate) fn punch(inode: &Inode<Ext2>, first: u32, count: u32) {
    let bits = inode.sb().block_bits();
    let mut tree = inode.data().tree.write();
    inode.data().start_freeing(&mut tree);
    let mut freeing = Freeing::new(inode);
    for block in first..first.saturating_add(count) {
        let slot = Path::to(block, bits).and_then(|path| tree.walk(inode, &path).ok());
        let Some(slot) = slot.filter(|slot| slot.depth == 0 && slot.pointer != 0) else {
            continue;
        };
        if clear(inode, &mut tree, &slot.parent, slot.index).is_ok() {
            freeing.add(slot.pointer);
        }
    }
    drop(freeing);
    inode.mark_dirty();
}

// SPDX-License-Identifier: GPL-2.0

//! Giving blocks to a file.
//!
//! Stands for the part of `ext2_get_blocks()` that allocates.

use crate::{
    blocks::{self, Run},
    mount::Ext2,
    node,
    plan::{
        path::Path,
        place::{goal, next, Nearby},
    },
    tree::{no_place_for_data, Parent, Slot, Tree},
    vfs::{Buffer, Inode, SuperBlock, WriteGuard},
};
use kernel::prelude::*;

/// Blocks that a file has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grown {
    /// Where they are.
    pub(crate) run: Run,
    /// Whether they were just allocated: they hold what others left there.
    pub(crate) new: bool,
}

/// Sees to it that the file has block `block`, and as many of the `wanted` ones
/// from there on as can be had in a run. Never a mix of blocks that were there and
/// new ones. Whoever writes has set the file's times.
///
/// # Errors
///
/// [`EFBIG`], [`ENOSPC`], [`ENOMEM`], [`EIO`], `EFSCORRUPTED`.
pub(crate) fn grow(
    inode: &Inode<Ext2>,
    tree: &mut WriteGuard<'_, Tree>,
    block: u32,
    wanted: u32,
) -> Result<Grown> {
    let sb = inode.sb();
    let path = Path::to(block, sb.block_bits()).ok_or(EFBIG)?;
    if tree.pointers().is_none() {
        return Err(EIO);
    }
    let slot = tree.walk(inode, &path)?;
    let limit = path.left_in_leaf().min(wanted).max(1);
    let count = match slot.depth {
        0 => tree.run_length(&slot, limit),
        _ => limit,
    };
    if slot.pointer != 0 {
        let run = Run {
            first: slot.pointer,
            count,
        };
        if !sb.data().is_file_data(run.first, run.count) {
            return Err(no_place_for_data(inode, block, run.first));
        }
        return Ok(Grown { run, new: false });
    }
    let run = add(inode, tree, &path, &slot, block, count)?;
    Ok(Grown { run, new: true })
}

/// Where blocks should be that are missing at `slot`. C: `ext2_find_goal()`.
fn find_goal(inode: &Inode<Ext2>, tree: &Tree, slot: &Slot, block: u32) -> u32 {
    if let Some(next) = next(block, tree.last) {
        return next;
    }
    let index = slot.index as usize;
    let before = match &slot.parent {
        Parent::Inode => {
            let pointers = tree.pointers().and_then(|pointers| pointers.get(..index));
            pointers.and_then(|pointers| pointers.iter().copied().rfind(|&block| block != 0))
        }
        Parent::Block(buffer) => buffer.last_le32_before(index),
    };
    goal(Nearby {
        before,
        pointers: match &slot.parent {
            Parent::Inode => None,
            Parent::Block(buffer) => Some(buffer.block()),
        },
        group: (
            node::group_start(inode),
            inode.sb().data().geometry.blocks_per_group(),
        ),
        colour: inode.ino(),
    })
}

/// Blocks that were allocated and are in no tree yet: freed unless they are kept.
struct Loose<'a> {
    sb: &'a SuperBlock<Ext2>,
    /// Blocks of pointers, from the top down.
    pointers: [u32; 3],
    data: Run,
}

impl Loose<'_> {
    #[cold]
    fn give_back(self) {
        for first in self.pointers.into_iter().filter(|&block| block != 0) {
            blocks::free(self.sb, Run { first, count: 1 });
        }
        if self.data.count > 0 {
            blocks::free(self.sb, self.data);
        }
    }
}

/// Allocates `depth` blocks of pointers and up to `count` of data, one behind the
/// other if possible.
fn allocate(sb: &SuperBlock<Ext2>, goal: u32, depth: u32, count: u32) -> Result<Loose<'_>> {
    let mut loose = Loose {
        sb,
        pointers: [0; 3],
        data: Run {
            first: goal,
            count: 0,
        },
    };
    let mut left = depth;
    for place in loose.pointers.iter_mut().take(depth as usize) {
        if loose.data.count == 0 {
            let wanted = left.saturating_add(count);
            match blocks::allocate(sb, loose.data.first, wanted) {
                Ok(run) => loose.data = run,
                Err(error) => {
                    loose.data.count = 0;
                    loose.give_back();
                    return Err(error);
                }
            }
        }
        *place = loose.data.take_first().unwrap_or(0);
        left = left.saturating_sub(1);
    }
    if loose.data.count == 0 {
        match blocks::allocate(sb, loose.data.first, count) {
            Ok(run) => loose.data = run,
            Err(error) => {
                loose.give_back();
                return Err(error);
            }
        }
    }
    Ok(loose)
}

/// Adds up to `count` blocks at `slot`, where there are none, for the file's
/// blocks from `block` on.
fn add(
    inode: &Inode<Ext2>,
    tree: &mut Tree,
    path: &Path,
    slot: &Slot,
    block: u32,
    count: u32,
) -> Result<Run> {
    let sb = inode.sb();
    let goal = find_goal(inode, tree, slot, block);
    let loose = allocate(sb, goal, slot.depth, count)?;
    let run = loose.data;
    // What the cache has of these blocks as metadata must not be written any
    // more.
    sb.forget_blocks(run.first, run.count);
    let top = match slot.depth {
        0 => run.first,
        depth => match branch(inode, path, depth, &loose) {
            Ok(top) => top,
            Err(error) => {
                loose.give_back();
                return Err(error);
            }
        },
    };
    if let Err(error) = splice(inode, tree, slot, top, run) {
        loose.give_back();
        return Err(error);
    }
    let blocks = u64::from(slot.depth).saturating_add(run.count.into());
    inode.add_sectors((blocks << (sb.block_bits().saturating_sub(9))) as i64);
    let behind = run.count.saturating_sub(1);
    tree.last = Some((
        block.saturating_add(behind),
        run.first.saturating_add(behind),
    ));
    inode.mark_dirty();
    Ok(run)
}

/// Fills the blocks of pointers between `slot` and data, and returns what the
/// pointer in `slot` is to be.
#[inline(never)]
fn branch(inode: &Inode<Ext2>, path: &Path, depth: u32, loose: &Loose<'_>) -> Result<u32> {
    let mut child = loose.data.first;
    let mut count = loose.data.count;
    let pointers = loose.pointers.iter().take(depth as usize).rev();
    for (&block, &index) in pointers.zip(path.offsets().iter().rev()) {
        let buffer = inode.sb().new_block(block)?;
        fill(&buffer, index, child, count)?;
        buffer.mark_dirty_for(inode);
        child = block;
        count = 1;
    }
    Ok(child)
}

/// Sets `count` pointers from `index` on to blocks that follow each other.
fn fill(buffer: &Buffer, index: u32, first: u32, count: u32) -> Result {
    for step in 0..count {
        let place = index.saturating_add(step) as usize;
        buffer.set_le32(place, first.saturating_add(step))?;
    }
    Ok(())
}

/// Puts a branch into the tree: from now on others see it.
fn splice(inode: &Inode<Ext2>, tree: &mut Tree, slot: &Slot, top: u32, data: Run) -> Result {
    let count = if slot.depth == 0 { data.count } else { 1 };
    match &slot.parent {
        Parent::Block(buffer) => {
            fill(buffer, slot.index, top, count)?;
            buffer.mark_dirty_for(inode);
        }
        Parent::Inode => {
            let pointers = tree.pointers_mut().ok_or(EIO)?;
            let start = slot.index as usize;
            let end = start.saturating_add(count as usize);
            let places = pointers.get_mut(start..end).ok_or(EIO)?;
            for (place, block) in places.iter_mut().zip(top..) {
                *place = block;
            }
        }
    }
    Ok(())
}

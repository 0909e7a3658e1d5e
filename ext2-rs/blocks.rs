// SPDX-License-Identifier: GPL-2.0

//! Allocating and freeing blocks.
//!
//! Stands for `fs/ext2/balloc.c`. Blocks are allocated in runs: as many as are
//! wanted and follow each other. So there are no reservation windows.

use crate::{
    format::group::{Counts, Group},
    mount::Ext2,
    plan::{
        bitmap,
        place::{self, Groups},
    },
    space::{Bitmap, Space},
    vfs::{is_current_fsuid, is_in_current_groups, may_use_reserved, Buffer, SuperBlock},
    volume::Volume,
};
use core::ops::Range;
use kernel::prelude::*;

/// Blocks of the device that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first one.
    pub(crate) first: u32,
    /// How many.
    pub(crate) count: u32,
}

impl Run {
    /// The block behind the last one.
    pub(crate) fn end(self) -> u32 {
        self.first.saturating_add(self.count)
    }

    /// Takes the first block away, if there is one.
    pub(crate) fn take_first(&mut self) -> Option<u32> {
        self.count = self.count.checked_sub(1)?;
        let first = self.first;
        self.first = first.saturating_add(1);
        Some(first)
    }
}

/// Whether the current task may take the last free blocks, too.
/// C: `ext2_has_free_blocks()`.
fn is_privileged(volume: &Volume) -> bool {
    let options = volume.options();
    is_current_fsuid(options.reserved_uid)
        || options.reserved_gid != 0 && is_in_current_groups(options.reserved_gid)
        || may_use_reserved()
}

/// How many blocks the current task may take of what is free, if it wants `wanted`.
fn available(volume: &Volume, space: &Space, wanted: u32) -> u32 {
    let free = space.total().free_blocks;
    let reserved = volume.reserved_blocks();
    let open = place::available(free, reserved, false);
    if open >= wanted {
        // Mostly so. Who asks does not matter then.
        return open;
    }
    place::available(free, reserved, is_privileged(volume))
}

/// Allocates up to `wanted` blocks in a run, at least one, at `goal` or not far
/// behind it.
///
/// # Errors
///
/// [`ENOSPC`] if none is left; those of reading a bitmap.
pub(crate) fn allocate(sb: &SuperBlock<Ext2>, goal: u32, wanted: u32) -> Result<Run> {
    let volume = sb.data();
    let (home, at) = volume.geometry.block_group(goal).unwrap_or((0, 0));
    let mut space = volume.space.lock();
    let wanted = wanted.min(available(volume, &space, wanted));
    if wanted == 0 {
        return Err(ENOSPC);
    }
    for free in place::rounds(wanted) {
        for group in place::circle(home, space.count()) {
            if !free.contains(&space.counts(group).free_blocks) {
                continue;
            }
            let goal = if group == home { at } else { 0 };
            // A group whose bitmap does not have what its descriptor says is passed over.
            if let Some(run) = allocate_in(sb, &mut space, group, goal, wanted)? {
                return Ok(run);
            }
        }
    }
    Err(ENOSPC)
}

/// Allocates in a group; `goal` counts from its first block.
fn allocate_in(
    sb: &SuperBlock<Ext2>,
    space: &mut Space,
    index: u32,
    goal: u32,
    wanted: u32,
) -> Result<Option<Run>> {
    let volume = sb.data();
    let geometry = &volume.geometry;
    let Some(group) = volume.group(index) else {
        return Ok(None);
    };
    let buffer = block_bitmap(sb, group)?;
    if !is_usable(sb, space, group, &buffer) {
        return Ok(None);
    }
    let found = {
        let mut bits = buffer.lock();
        bitmap::find_run(&bits, 0..geometry.group_blocks(index), goal, wanted)
            .filter(|run| bitmap::set(&mut bits, run.clone()).is_ok())
    };
    let Some(found) = found else {
        return Ok(None);
    };
    buffer.mark_dirty();
    let run = Run {
        first: geometry
            .group_first_block(index)
            .saturating_add(found.start),
        count: found.end.saturating_sub(found.start),
    };
    let before = space.counts(index);
    volume.set_counts(
        space,
        index,
        Counts {
            free_blocks: before.free_blocks.saturating_sub(run.count),
            ..before
        },
    );
    if sb.is_synchronous() {
        if let Err(error) = buffer.sync() {
            // Nobody will have them. The buffer does not count any more: it is read again.
            volume.set_counts(space, index, before);
            return Err(error);
        }
    }
    Ok(Some(run))
}

/// Reads a group's block bitmap.
fn block_bitmap(sb: &SuperBlock<Ext2>, group: &Group) -> Result<Buffer> {
    sb.read_block(group.block_bitmap())
        .inspect_err(|_| cannot_read(sb, group))
}

#[cold]
#[inline(never)]
fn cannot_read(sb: &SuperBlock<Ext2>, group: &Group) {
    sb.error(format_args!(
        "cannot read block bitmap {} of group {}",
        group.block_bitmap(),
        group.index()
    ));
}

/// Whether blocks may be allocated by a group's bitmap: it has the group's
/// metadata in use. C: `ext2_valid_block_bitmap()`.
fn is_usable(sb: &SuperBlock<Ext2>, space: &mut Space, group: &Group, buffer: &Buffer) -> bool {
    let mut known = space.bitmap(group.index());
    if known == Bitmap::Unknown {
        known = check_bitmap(sb, group, buffer);
        space.set_bitmap(group.index(), known);
    }
    known == Bitmap::Good
}

#[cold]
#[inline(never)]
fn check_bitmap(sb: &SuperBlock<Ext2>, group: &Group, buffer: &Buffer) -> Bitmap {
    let checked = group.check_bitmap(&sb.data().geometry, &buffer.lock());
    match checked {
        Ok(()) => Bitmap::Good,
        Err(wrong) => {
            sb.error(format_args!("group {}: {wrong}", group.index()));
            Bitmap::Bad
        }
    }
}

/// Frees a run; returns how many blocks it were. What is wrong is reported, and
/// left as it is. C: `ext2_free_blocks()`.
pub(crate) fn free(sb: &SuperBlock<Ext2>, run: Run) -> u32 {
    let volume = sb.data();
    if !volume.is_file_data(run.first, run.count) {
        sb.error(format_args!(
            "freeing blocks not of data: block {}, count {}",
            run.first, run.count
        ));
        return 0;
    }
    let mut space = volume.space.lock();
    let mut freed = 0u32;
    let mut left = run;
    while left.count > 0 {
        let Some((index, at)) = volume.geometry.block_group(left.first) else {
            break;
        };
        let room = volume.geometry.group_blocks(index).saturating_sub(at);
        let count = left.count.min(room);
        if count == 0 {
            break;
        }
        let bits = at..at.saturating_add(count);
        freed = freed.saturating_add(free_in(sb, &mut space, index, bits));
        left.first = left.first.saturating_add(count);
        left.count = left.count.saturating_sub(count);
    }
    freed
}

/// Frees blocks of a group, counted in it.
fn free_in(sb: &SuperBlock<Ext2>, space: &mut Space, index: u32, blocks: Range<u32>) -> u32 {
    let volume = sb.data();
    let Some(group) = volume.group(index) else {
        return 0;
    };
    let Ok(buffer) = block_bitmap(sb, group) else {
        return 0;
    };
    let mut freed = 0u32;
    let mut wrong = None;
    {
        let mut bits = buffer.lock();
        if bitmap::clear(&mut bits, blocks.clone()).is_ok() {
            freed = blocks.end.saturating_sub(blocks.start);
        } else {
            for block in blocks {
                match bitmap::clear(&mut bits, block..block.saturating_add(1)) {
                    Ok(()) => freed = freed.saturating_add(1),
                    Err(_) => wrong = wrong.or(Some(block)),
                }
            }
        }
    }
    buffer.mark_dirty();
    if let Some(block) = wrong {
        sb.error(format_args!(
            "block {block} of group {index} is free already"
        ));
    }
    let counts = space.counts(index);
    volume.set_counts(
        space,
        index,
        Counts {
            free_blocks: counts
                .free_blocks
                .saturating_add(freed)
                .min(volume.geometry.group_blocks(index)),
            ..counts
        },
    );
    if sb.is_synchronous() && buffer.sync().is_err() {
        sb.error(format_args!("cannot write block bitmap of group {index}"));
    }
    freed
}

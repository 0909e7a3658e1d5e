// SPDX-License-Identifier: GPL-2.0

//! Allocating and freeing numbers of inodes.
//!
//! Stands for `fs/ext2/ialloc.c`.

use crate::{
    format::{flags, group::Counts, superblock::ROOT_INODE},
    mount::Ext2,
    node::Node,
    plan::{
        bitmap,
        place::{self, Groups, Shape},
    },
    space::Space,
    vfs::{self, Inode, SuperBlock},
    volume::Volume,
};
use core::sync::atomic::Ordering::Relaxed;
use kernel::prelude::*;

/// The group to look for a free inode in first.
fn choose(volume: &Volume, space: &Space, dir: &Inode<Ext2>, directory: bool) -> Option<u32> {
    let node: &Node = dir.data();
    let parent = node.group.load(Relaxed);
    if !directory {
        return place::file_group(space, parent, dir.ino());
    }
    if volume.options().old_allocator {
        return place::old_directory_group(space);
    }
    let geometry = &volume.geometry;
    let shape = Shape {
        blocks: geometry.blocks_count(),
        blocks_per_group: geometry.blocks_per_group(),
        inodes_per_group: geometry.inodes_per_group(),
    };
    let top = dir.ino() == ROOT_INODE || node.flags.load(Relaxed) & flags::TOPDIR != 0;
    place::directory_group(space, shape, parent, top, vfs::random())
}

/// Allocates a number for an inode in `dir`; returns its group as well.
///
/// # Errors
///
/// [`ENOSPC`] if none is left; [`EIO`] if a bitmap cannot be read.
pub(crate) fn allocate(dir: &Inode<Ext2>, directory: bool) -> Result<(u32, u32)> {
    let sb = dir.sb();
    let volume = sb.data();
    let mut space = volume.space.lock();
    let first = choose(volume, &space, dir, directory).ok_or(ENOSPC)?;
    for index in place::circle(first, space.count()) {
        if let Some(ino) = allocate_in(sb, &mut space, index, directory)? {
            return Ok((ino, index));
        }
    }
    Err(ENOSPC)
}

/// Allocates a number in a group.
fn allocate_in(
    sb: &SuperBlock<Ext2>,
    space: &mut Space,
    index: u32,
    directory: bool,
) -> Result<Option<u32>> {
    let volume = sb.data();
    let geometry = &volume.geometry;
    let Some(group) = volume.group(index) else {
        return Ok(None);
    };
    let buffer = sb.read_block(group.inode_bitmap()).map_err(|_| {
        sb.error(format_args!("cannot read inode bitmap of group {index}"));
        EIO
    })?;
    let found = {
        let mut bits = buffer.lock();
        bitmap::find_zero(&bits, 0..geometry.inodes_per_group())
            .filter(|&bit| bitmap::set(&mut bits, bit..bit.saturating_add(1)).is_ok())
    };
    let Some(bit) = found else {
        return Ok(None);
    };
    buffer.mark_dirty();
    let ino = geometry.inode_number(index, bit);
    let Some(ino) = ino.filter(|&ino| ino >= geometry.first_inode()) else {
        // It stays marked as in use, which it should have been.
        sb.error(format_args!(
            "reserved inode {bit} of group {index} was marked free"
        ));
        return Err(EIO);
    };
    let before = space.counts(index);
    let counts = Counts {
        free_inodes: before.free_inodes.saturating_sub(1),
        directories: before.directories.saturating_add(directory.into()),
        ..before
    };
    volume.set_counts(space, index, counts);
    if sb.is_synchronous() {
        if let Err(error) = buffer.sync() {
            // Nobody will have it. The buffer does not count any more: it is read again.
            volume.set_counts(space, index, before);
            return Err(error);
        }
    }
    space.add_to_debt(index, directory);
    Ok(Some(ino))
}

/// Frees a number. What is wrong is reported. C: `ext2_free_inode()`.
pub(crate) fn free(sb: &SuperBlock<Ext2>, ino: u32, directory: bool) {
    let volume = sb.data();
    let place = volume
        .geometry
        .inode_group(ino)
        .filter(|_| ino >= volume.geometry.first_inode());
    let Some((index, bit)) = place else {
        sb.error(format_args!("freeing reserved or nonexistent inode {ino}"));
        return;
    };
    let Some(group) = volume.group(index) else {
        return;
    };
    let mut space = volume.space.lock();
    let Ok(buffer) = sb.read_block(group.inode_bitmap()) else {
        sb.error(format_args!("cannot read inode bitmap of group {index}"));
        return;
    };
    let cleared = bitmap::clear(&mut buffer.lock(), bit..bit.saturating_add(1));
    if cleared.is_err() {
        sb.error(format_args!("inode {ino} is free already"));
        return;
    }
    buffer.mark_dirty();
    let counts = space.counts(index);
    let counts = Counts {
        free_inodes: counts
            .free_inodes
            .saturating_add(1)
            .min(volume.geometry.inodes_per_group()),
        directories: counts.directories.saturating_sub(directory.into()),
        ..counts
    };
    volume.set_counts(&mut space, index, counts);
    if sb.is_synchronous() && buffer.sync().is_err() {
        sb.error(format_args!("cannot write inode bitmap of group {index}"));
    }
}

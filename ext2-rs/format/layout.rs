// SPDX-License-Identifier: GPL-2.0

//! Where things are, by the shape of the filesystem.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! the `EXT2_*(sb)` macros of `fs/ext2/ext2.h`, for
//! `ext2_group_first_block_no()`, `descriptor_loc()`, `ext2_bg_has_super()`,
//! `ext2_bg_num_gdb()` and `ext2_data_block_valid()`.

use core::ops::Range;

use crate::format::features::{Features, RO_COMPAT_SPARSE_SUPER};
use crate::format::superblock::{Superblock, DESCRIPTOR_SIZE, ROOT_INODE};

/// Some bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The block's number on the device.
    pub block: u32,
    /// The first byte, in that block.
    pub offset: u32,
}

/// Whether two ranges of blocks have one in common.
pub(super) fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// `count` blocks from `first` on, in numbers that do not overflow.
pub(super) fn blocks(first: u32, count: u32) -> Range<u64> {
    let first = u64::from(first);
    first..first + u64::from(count)
}

/// Numbers of the filesystem as a whole.
impl Superblock {
    /// log2 of the block size in bytes: 10, 11 or 12.
    pub const fn block_bits(&self) -> u32 {
        self.block_bits
    }

    /// Bytes of a block.
    pub const fn block_size(&self) -> u32 {
        1 << self.block_bits
    }

    /// Blocks of the filesystem.
    pub const fn blocks_count(&self) -> u32 {
        self.blocks_count
    }

    /// The first group's first block.
    pub const fn first_data_block(&self) -> u32 {
        self.first_data_block
    }

    /// Inodes of the filesystem, which are also the numbers that they can have.
    pub const fn inodes_count(&self) -> u32 {
        self.inodes_count
    }

    /// Blocks of each group but the last.
    pub const fn blocks_per_group(&self) -> u32 {
        self.blocks_per_group.get()
    }

    /// Inodes of each group.
    pub const fn inodes_per_group(&self) -> u32 {
        self.inodes_per_group.get()
    }

    /// How many groups there are, at least one.
    pub const fn groups(&self) -> u32 {
        self.groups
    }

    /// Bytes of an inode.
    pub const fn inode_size(&self) -> u32 {
        1 << self.inode_bits
    }

    /// The first inode that a new file may get.
    pub const fn first_inode(&self) -> u32 {
        self.first_inode
    }

    /// The features in use when it was mounted.
    pub const fn features(&self) -> Features {
        self.features
    }

    /// 0: inodes of 128 bytes, no features.
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// Who may take reserved blocks.
    pub const fn reserved_uid(&self) -> u16 {
        self.reserved_uid
    }

    /// Whose group may take reserved blocks.
    pub const fn reserved_gid(&self) -> u16 {
        self.reserved_gid
    }

    /// Mount options to start from, as bits.
    pub const fn default_mount_options(&self) -> u32 {
        self.default_mount_options
    }

    /// Whether it had been unmounted, and whether errors had been seen.
    pub const fn state(&self) -> u16 {
        self.state
    }

    /// Blocks of a group's inode table.
    pub const fn inode_table_blocks(&self) -> u32 {
        // The inode is no larger than a block.
        self.inodes_per_group.get() >> (self.block_bits - self.inode_bits)
    }

    /// Descriptors in a block.
    pub const fn descriptors_per_block(&self) -> u32 {
        1 << self.descriptor_bits()
    }

    /// log2 of the descriptors in a block.
    const fn descriptor_bits(&self) -> u32 {
        self.block_bits - DESCRIPTOR_SIZE.ilog2()
    }

    /// Which block of descriptors a group's is in, and which one it is there.
    pub const fn descriptor_of(&self, group: u32) -> (u32, u32) {
        let nth = group >> self.descriptor_bits();
        (nth, group - (nth << self.descriptor_bits()))
    }

    /// Blocks that hold the descriptors of all groups.
    pub const fn descriptor_blocks(&self) -> u32 {
        // There is at least one group.
        ((self.groups - 1) >> self.descriptor_bits()) + 1
    }

    /// Blocks that no file can ever have, for `statfs()`. Looks at each group.
    pub fn overhead(&self) -> u32 {
        let per_group = self.inode_table_blocks().saturating_add(2);
        (0..self.groups).fold(self.first_data_block, |sum, group| {
            let copies = self.copies(group);
            let copies = (copies.end - copies.start) as u32;
            sum.saturating_add(copies).saturating_add(per_group)
        })
    }
}

/// Groups and what they begin with.
impl Superblock {
    /// A group's first block; for a group that does not exist, the first block
    /// behind the filesystem.
    pub const fn group_first_block(&self, group: u32) -> u32 {
        if group >= self.groups {
            return self.blocks_count;
        }
        // Less than the number of blocks.
        self.first_data_block + group * self.blocks_per_group.get()
    }

    /// Blocks of a group: the last one may have fewer; 0 if it does not exist.
    pub const fn group_blocks(&self, group: u32) -> u32 {
        let left = self.blocks_count - self.group_first_block(group);
        if left < self.blocks_per_group.get() {
            left
        } else {
            self.blocks_per_group.get()
        }
    }

    /// The group that a block lies in, and which of its blocks it is.
    pub fn block_group(&self, block: u32) -> Option<(u32, u32)> {
        if block >= self.blocks_count {
            return None;
        }
        let grouped = block.checked_sub(self.first_data_block)?;
        Some((
            grouped / self.blocks_per_group,
            grouped % self.blocks_per_group,
        ))
    }

    /// The group that an inode lies in, and which of its inodes it is, from 0.
    pub fn inode_group(&self, inode: u32) -> Option<(u32, u32)> {
        if inode > self.inodes_count {
            return None;
        }
        let index = inode.checked_sub(1)?;
        Some((index / self.inodes_per_group, index % self.inodes_per_group))
    }

    /// The number of inode `index`, from 0, of a group.
    pub fn inode_number(&self, group: u32, index: u32) -> Option<u32> {
        if group >= self.groups || index >= self.inodes_per_group.get() {
            return None;
        }
        Some(group * self.inodes_per_group.get() + index + 1)
    }

    /// Whether a directory may name this inode: the root, or one that is not
    /// reserved.
    pub const fn is_file_inode(&self, inode: u32) -> bool {
        (inode == ROOT_INODE || inode >= self.first_inode) && inode <= self.inodes_count
    }

    /// Whether a group begins with a copy of the superblock, or the original.
    pub const fn has_superblock(&self, group: u32) -> bool {
        if let Some([a, b]) = self.backup_groups {
            return group == 0 || group == a || group == b;
        }
        if self.features.ro_compat & RO_COMPAT_SPARSE_SUPER == 0 {
            return true;
        }
        group <= 1 || is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7)
    }

    /// Where a group's descriptor is, if the superblock in use is in block
    /// `superblock`.
    pub fn descriptor_place(&self, superblock: u32, group: u32) -> Option<Place> {
        if group >= self.groups {
            return None;
        }
        let (nth, index) = self.descriptor_of(group);
        let block = if self.features.meta_bg() && nth >= self.first_meta_bg {
            let first = group - index;
            self.group_first_block(first) + u32::from(self.has_superblock(first))
        } else {
            superblock.checked_add(nth)?.checked_add(1)?
        };
        if block >= self.blocks_count {
            return None;
        }
        Some(Place {
            block,
            offset: index * DESCRIPTOR_SIZE,
        })
    }

    /// Blocks of the superblock and of descriptors that a group begins with.
    pub(super) fn copies(&self, group: u32) -> Range<u64> {
        let superblock = u32::from(self.has_superblock(group));
        let (nth, index) = self.descriptor_of(group);
        let descriptors = if !self.features.meta_bg() {
            superblock * self.descriptor_blocks()
        } else if nth < self.first_meta_bg {
            superblock * self.first_meta_bg
        } else {
            // The first two groups and the last that such a block describes.
            u32::from(index <= 1 || index == self.descriptors_per_block() - 1)
        };
        let first = self.group_first_block(group);
        let all = blocks(first, superblock.saturating_add(descriptors));
        // However many descriptors there are: not another group's blocks.
        let end = blocks(first, self.group_blocks(group)).end;
        all.start..all.end.min(end)
    }

    /// Whether `count` blocks from `first` on lie in the filesystem, behind the
    /// superblock, and are any. Metadata of groups is not looked at here, see
    /// [`Group::overlaps`](crate::format::group::Group::overlaps).
    pub fn is_data(&self, first: u32, count: u32) -> bool {
        first > self.first_data_block
            && count > 0
            && blocks(first, count).end <= u64::from(self.blocks_count)
    }
}

/// Whether `number` is a power of `base`, which is at least 2.
const fn is_power_of(number: u32, base: u32) -> bool {
    let mut rest = number;
    while rest > base && rest % base == 0 {
        rest /= base;
    }
    rest == base
}

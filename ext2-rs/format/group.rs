// SPDX-License-Identifier: GPL-2.0

//! Group descriptors: where a group's bitmaps and inodes are.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `struct ext2_group_desc`, `ext2_check_descriptors()`, the arithmetic of
//! `ext2_get_inode()` and `ext2_valid_block_bitmap()`.

use core::fmt;
use core::ops::Range;

use crate::format::bytes::on_disk;
use crate::format::layout::{blocks, overlap, Place};
use crate::format::superblock::Superblock;

/// Bytes of a descriptor.
pub const SIZE: usize = 32;
/// 32-bit numbers of a descriptor.
pub const WORDS: usize = SIZE / 4;
/// Which of them is [`Counts::free_word`].
pub const FREE: usize = 3;
/// Which of them is [`Counts::directories_word`].
pub const DIRECTORIES: usize = 4;

on_disk! {
    /// A group descriptor as the disk has it. C: `struct ext2_group_desc`.
    RawGroup, RawGroupMut of SIZE bytes;
    /// The block with a bit per block of the group.
    0: block_bitmap as u32;
    /// The block with a bit per inode of the group.
    4: inode_bitmap as u32;
    /// The first block of the inode table.
    8: inode_table as u32;
    /// Free blocks, as far as the descriptor knows.
    12: free_blocks as u16;
    /// Free inodes, as far as the descriptor knows.
    14: free_inodes as u16;
    /// Directories, as far as the descriptor knows.
    16: directories as u16;
}

/// What a descriptor counts, none of it more than the group can have. Still it
/// may be wrong: only the bitmaps decide what is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Free blocks.
    pub free_blocks: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Directories.
    pub directories: u32,
}

impl Counts {
    /// Both added up.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            free_blocks: self.free_blocks.wrapping_add(other.free_blocks),
            free_inodes: self.free_inodes.wrapping_add(other.free_inodes),
            directories: self.directories.wrapping_add(other.directories),
        }
    }

    /// What is left of a sum without `part` of it.
    pub const fn minus(self, part: Self) -> Self {
        Self {
            free_blocks: self.free_blocks.wrapping_sub(part.free_blocks),
            free_inodes: self.free_inodes.wrapping_sub(part.free_inodes),
            directories: self.directories.wrapping_sub(part.directories),
        }
    }

    /// What a descriptor has for what is free.
    pub const fn free_word(self) -> u32 {
        self.free_inodes << 16 | self.free_blocks & 0xffff
    }

    /// What a descriptor that has `old` there is to have for directories. The upper half
    /// is not theirs.
    pub const fn directories_word(self, old: u32) -> u32 {
        old & 0xffff_0000 | self.directories & 0xffff
    }

    /// The counts of group `index`.
    pub fn read(superblock: &Superblock, index: u32, raw: RawGroup<'_>) -> Self {
        let inodes = superblock.inodes_per_group();
        Self {
            free_blocks: u32::from(raw.free_blocks()).min(superblock.group_blocks(index)),
            free_inodes: u32::from(raw.free_inodes()).min(inodes),
            directories: u32::from(raw.directories()).min(inodes),
        }
    }
}

/// A group whose bitmaps and inode table lie in the group, apart from each other
/// and from the copies of the superblock and of the descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    index: u32,
    block_bitmap: u32,
    inode_bitmap: u32,
    inode_table: u32,
    /// The longest run of its blocks without metadata: nearly all of them are there.
    data_start: u32,
    data_end: u32,
}

/// What is wrong with a group, and the block that the descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// There is no such group.
    Index(u32),
    /// The block bitmap is not in the group.
    BlockBitmap(u32),
    /// The inode bitmap is not in the group.
    InodeBitmap(u32),
    /// The inode table is not in the group.
    InodeTable(u32),
    /// A bitmap or the table lies where something else is.
    Overlap(u32),
    /// The block bitmap says that this block of metadata is free.
    Free(u32),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Index(index) => write!(f, "no such group: {index}"),
            Self::BlockBitmap(block) => write!(f, "block bitmap not in group (block {block})"),
            Self::InodeBitmap(block) => write!(f, "inode bitmap not in group (block {block})"),
            Self::InodeTable(block) => write!(f, "inode table not in group (block {block})"),
            Self::Overlap(block) => write!(f, "metadata overlaps (block {block})"),
            Self::Free(block) => write!(f, "metadata marked free in block bitmap (block {block})"),
        }
    }
}

impl Group {
    /// Checks the descriptor of group `index`.
    pub fn parse(
        superblock: &Superblock,
        index: u32,
        raw: RawGroup<'_>,
    ) -> Result<Self, GroupError> {
        if index >= superblock.groups() {
            return Err(GroupError::Index(index));
        }
        let mut group = Self {
            index,
            block_bitmap: raw.block_bitmap(),
            inode_bitmap: raw.inode_bitmap(),
            inode_table: raw.inode_table(),
            data_start: 0,
            data_end: 0,
        };
        let first = superblock.group_first_block(index);
        let all = blocks(first, superblock.group_blocks(index));
        let inside = |part: &Range<u64>| all.start <= part.start && part.end <= all.end;

        let [copies, block_bitmap, inode_bitmap, table] = group.metadata(superblock);
        if !inside(&block_bitmap) {
            return Err(GroupError::BlockBitmap(group.block_bitmap));
        }
        if !inside(&inode_bitmap) {
            return Err(GroupError::InodeBitmap(group.inode_bitmap));
        }
        if !inside(&table) {
            return Err(GroupError::InodeTable(group.inode_table));
        }
        if overlap(&block_bitmap, &copies) {
            return Err(GroupError::Overlap(group.block_bitmap));
        }
        if overlap(&inode_bitmap, &copies) || inode_bitmap == block_bitmap {
            return Err(GroupError::Overlap(group.inode_bitmap));
        }
        if [copies, block_bitmap, inode_bitmap]
            .iter()
            .any(|other| overlap(&table, other))
        {
            return Err(GroupError::Overlap(group.inode_table));
        }
        let data = longest_gap(&all, &group.metadata(superblock));
        // Blocks of the filesystem, whose numbers have 32 bits.
        group.data_start = data.start as u32;
        group.data_end = data.end as u32;
        Ok(group)
    }

    /// Which group it is.
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The block with a bit per block of the group.
    pub const fn block_bitmap(&self) -> u32 {
        self.block_bitmap
    }

    /// The block with a bit per inode of the group.
    pub const fn inode_bitmap(&self) -> u32 {
        self.inode_bitmap
    }

    /// The first block of the inode table.
    pub const fn inode_table(&self) -> u32 {
        self.inode_table
    }

    /// All metadata: copies of the superblock and of descriptors, the bitmaps,
    /// the inode table.
    fn metadata(&self, superblock: &Superblock) -> [Range<u64>; 4] {
        [
            superblock.copies(self.index),
            blocks(self.block_bitmap, 1),
            blocks(self.inode_bitmap, 1),
            blocks(self.inode_table, superblock.inode_table_blocks()),
        ]
    }

    /// Whether one of `count` blocks from `first` on is metadata of this group,
    /// and so no file's.
    pub fn overlaps(&self, superblock: &Superblock, first: u32, count: u32) -> bool {
        let asked = blocks(first, count);
        self.metadata(superblock)
            .iter()
            .any(|part| overlap(part, &asked))
    }

    /// Whether `count` blocks from `first` on, any at all, lie in that part of this
    /// group where there is no metadata. `false` says nothing: ask [`Self::overlaps`].
    #[inline]
    pub const fn is_plain_data(&self, first: u32, count: u32) -> bool {
        self.data_start <= first
            && first < self.data_end
            && count != 0
            && count <= self.data_end - first
    }

    /// Where inode `index`, from 0, of this group is.
    pub fn inode_place(&self, superblock: &Superblock, index: u32) -> Option<Place> {
        if index >= superblock.inodes_per_group() {
            return None;
        }
        let byte = u64::from(index) << superblock.inode_bits;
        let block = byte >> superblock.block_bits;
        Some(Place {
            // Inside the table, which is inside the group.
            block: self.inode_table + block as u32,
            offset: (byte - (block << superblock.block_bits)) as u32,
        })
    }

    /// Checks that the group's block bitmap has its own metadata in use, so that
    /// none of it is ever given to a file.
    pub fn check_bitmap(&self, superblock: &Superblock, bitmap: &[u8]) -> Result<(), GroupError> {
        let first = u64::from(superblock.group_first_block(self.index));
        for part in self.metadata(superblock) {
            for block in part {
                let bit = (block - first) as usize;
                let byte = bitmap.get(bit / 8).copied().unwrap_or(0);
                if byte >> (bit % 8) & 1 == 0 {
                    return Err(GroupError::Free(block as u32));
                }
            }
        }
        Ok(())
    }
}

/// The longest run of `all` that none of `parts`, which lie in there apart from each
/// other, has a block of.
fn longest_gap(all: &Range<u64>, parts: &[Range<u64>; 4]) -> Range<u64> {
    let parts = || parts.iter().filter(|part| !part.is_empty());
    let starts = [all.start].into_iter().chain(parts().map(|part| part.end));
    starts
        .map(|start| {
            let next = parts().map(|part| part.start).filter(|&at| at >= start);
            let inside = parts().any(|part| part.contains(&start));
            let end = if inside {
                start
            } else {
                next.min().unwrap_or(all.end)
            };
            start..end
        })
        .max_by_key(|gap| gap.end.saturating_sub(gap.start))
        .unwrap_or(0..0)
}

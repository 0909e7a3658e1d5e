// SPDX-License-Identifier: GPL-2.0

//! A filesystem in memory, read through nothing but the files under test.

use ext2_rs::format::group::{Group, RawGroup};
use ext2_rs::format::inode::{Content, Inode, RawInode, POINTERS};
use ext2_rs::format::layout::Place;
use ext2_rs::format::superblock::{RawSuperblock, Superblock};
use ext2_rs::plan::path::Path;

/// Where the superblock is, in bytes.
pub const SUPERBLOCK: usize = 1024;

#[derive(Clone)]
pub struct Image {
    pub bytes: Vec<u8>,
}

impl Image {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub fn raw_superblock(&self) -> RawSuperblock<'_> {
        RawSuperblock::new(&self.bytes[SUPERBLOCK..]).unwrap()
    }

    pub fn superblock(&self) -> Superblock {
        Superblock::try_from(self.raw_superblock()).unwrap()
    }

    /// The bytes of a block; the test fails if it is not in the image.
    pub fn block(&self, superblock: &Superblock, block: u32) -> &[u8] {
        let size = superblock.block_size() as usize;
        &self.bytes[block as usize * size..][..size]
    }

    /// From a place on, up to the end of its block.
    pub fn at(&self, superblock: &Superblock, place: Place) -> &[u8] {
        &self.block(superblock, place.block)[place.offset as usize..]
    }

    /// The block that has the superblock.
    pub fn superblock_block(superblock: &Superblock) -> u32 {
        u32::from(superblock.block_bits() == 10)
    }

    pub fn group(&self, superblock: &Superblock, index: u32) -> Group {
        let own = Self::superblock_block(superblock);
        let place = superblock.descriptor_place(own, index).unwrap();
        let raw = RawGroup::new(self.at(superblock, place)).unwrap();
        Group::parse(superblock, index, raw).unwrap()
    }

    pub fn inode_place(&self, superblock: &Superblock, inode: u32) -> Place {
        let (group, index) = superblock.inode_group(inode).unwrap();
        let group = self.group(superblock, group);
        group.inode_place(superblock, index).unwrap()
    }

    pub fn inode(&self, superblock: &Superblock, inode: u32) -> Inode {
        let place = self.inode_place(superblock, inode);
        let raw = RawInode::new(self.at(superblock, place)).unwrap();
        Inode::parse(raw, superblock, false).unwrap()
    }

    /// The block of the device that a block of a file is at; 0 for a hole.
    pub fn map(&self, superblock: &Superblock, pointers: &[u32; POINTERS], block: u32) -> u32 {
        let path = Path::to(block, superblock.block_bits()).unwrap();
        let (first, rest) = path.offsets().split_first().unwrap();
        rest.iter().fold(pointers[*first as usize], |at, offset| {
            if at == 0 {
                return 0;
            }
            let entry = &self.block(superblock, at)[*offset as usize * 4..][..4];
            u32::from_le_bytes(entry.try_into().unwrap())
        })
    }

    /// All bytes of a file with blocks.
    pub fn data(&self, superblock: &Superblock, inode: &Inode) -> Vec<u8> {
        let Content::Blocks(pointers) = &inode.content else {
            panic!("{inode:?} has no blocks");
        };
        let size = superblock.block_size() as usize;
        let mut data = Vec::new();
        for block in 0..inode.size.div_ceil(size as u64) {
            match self.map(superblock, pointers, block as u32) {
                0 => data.resize(data.len() + size, 0),
                at => data.extend_from_slice(self.block(superblock, at)),
            }
        }
        data.truncate(inode.size as usize);
        data
    }
}

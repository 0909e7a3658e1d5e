// SPDX-License-Identifier: GPL-2.0

//! Where a small ext2 filesystem that mke2fs made has what: enough to damage it on
//! purpose. Of one group, and nothing is checked.

use std::ops::Range;

/// Ranges of bytes in the image.
#[derive(Clone, Debug, Default)]
pub struct Map {
    pub superblock: Range<usize>,
    pub descriptors: Range<usize>,
    pub bitmaps: Vec<Range<usize>>,
    /// Those in use, each by itself.
    pub inodes: Vec<Range<usize>>,
    /// Blocks of pointers, as far as they are in use.
    pub pointers: Vec<Range<usize>>,
    pub directories: Vec<Range<usize>>,
    pub attributes: Vec<Range<usize>>,
}

const SUPERBLOCK: usize = 1024;
/// Bytes of the superblock that mean something to ext2.
const SUPERBLOCK_USED: usize = 264;
/// Bytes of an inode that do.
const INODE_USED: usize = 128;
const DIRECT: usize = 12;
const POINTERS: usize = 15;

struct Image<'a> {
    bytes: &'a [u8],
    block: usize,
}

impl Image<'_> {
    fn le32(&self, at: usize) -> usize {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }

    fn le16(&self, at: usize) -> usize {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)))
    }

    fn block(&self, number: usize) -> Range<usize> {
        let start = number * self.block;
        start..start + self.block
    }

    /// Adds the blocks of pointers under one, `depth` levels of them.
    fn add_pointers(&self, block: usize, depth: usize, into: &mut Vec<Range<usize>>) {
        if block == 0 || depth == 0 {
            return;
        }
        let range = self.block(block);
        let used = range
            .clone()
            .step_by(4)
            .take_while(|&at| self.le32(at) != 0);
        let end = used.last().map_or(range.start + 8, |at| at + 8);
        for at in range.clone().step_by(4) {
            self.add_pointers(self.le32(at), depth - 1, into);
        }
        into.push(range.start..end.min(range.end));
    }
}

/// Reads the map of an image.
pub fn map(bytes: &[u8]) -> Map {
    let mut image = Image { bytes, block: 1024 };
    image.block = 1024 << image.le32(SUPERBLOCK + 24);
    let inodes = image.le32(SUPERBLOCK + 40);
    let inode_size = match image.le32(SUPERBLOCK + 76) {
        0 => INODE_USED,
        _ => image.le16(SUPERBLOCK + 88),
    };
    let descriptor = image.block(SUPERBLOCK / image.block + 1).start;
    let table = image.block(image.le32(descriptor + 8)).start;

    let mut map = Map {
        superblock: SUPERBLOCK..SUPERBLOCK + SUPERBLOCK_USED,
        descriptors: descriptor..descriptor + 20,
        bitmaps: [0, 4]
            .map(|field| image.block(image.le32(descriptor + field)))
            .to_vec(),
        ..Map::default()
    };
    for at in (0..inodes).map(|number| table + number * inode_size) {
        let mode = image.le16(at);
        if mode == 0 {
            continue;
        }
        map.inodes.push(at..at + INODE_USED);
        let attributes = image.le32(at + 104);
        if attributes != 0 {
            map.attributes.push(image.block(attributes));
        }
        let pointer = |slot: usize| image.le32(at + 40 + 4 * slot);
        let is_directory = mode >> 12 == 4;
        let is_regular = mode >> 12 == 8;
        if is_directory {
            let blocks = (0..DIRECT).map(pointer).filter(|&block| block != 0);
            map.directories
                .extend(blocks.map(|block| image.block(block)));
        }
        if is_directory || is_regular {
            for slot in DIRECT..POINTERS {
                image.add_pointers(pointer(slot), slot + 1 - DIRECT, &mut map.pointers);
            }
        }
    }
    map
}

// SPDX-License-Identifier: GPL-2.0

//! The tree of blocks under an inode: the way to a file's block, how large a file
//! can be, and what a truncation cuts off.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_block_to_path()`, `ext2_max_size()` and for what `ext2_find_shared()`
//! decides.
//!
//! An inode has 12 pointers to data, one to a block of pointers, one to a block
//! of pointers to such blocks, and one to a block of pointers to those.

/// Pointers from an inode to data.
pub const DIRECT: u32 = 12;
/// Steps of the longest way.
pub const MAX_DEPTH: usize = 4;

/// log2 of the pointers in a block.
const fn pointer_bits(block_bits: u32) -> u32 {
    block_bits - 2
}

/// Blocks of data that the subtree under a pointer can have, which leads to data
/// through `depth` blocks of pointers, at most 3.
pub const fn blocks_below(depth: u32, block_bits: u32) -> u64 {
    1 << (depth * pointer_bits(block_bits))
}

/// How many blocks of pointers there are between pointer `slot` of an inode and
/// data.
pub const fn depth_below(slot: u32) -> u32 {
    slot.saturating_sub(DIRECT - 1)
}

/// The way from an inode to a block of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    offsets: [u32; MAX_DEPTH],
    depth: usize,
    left_in_leaf: u32,
}

impl Path {
    /// The way to block `block` of a file, where blocks have `1 << block_bits`
    /// bytes, 1 KiB up to 4 KiB; [`None`] if no file has such a block.
    pub fn to(block: u32, block_bits: u32) -> Option<Self> {
        if block < DIRECT {
            return Some(Self {
                offsets: [block, 0, 0, 0],
                depth: 1,
                left_in_leaf: DIRECT - block,
            });
        }
        let bits = pointer_bits(block_bits);
        let mask = (1u32 << bits) - 1;
        let mut rest = u64::from(block - DIRECT);
        for indirect in 1..=3 {
            let below = blocks_below(indirect, block_bits);
            if rest >= below {
                rest -= below;
                continue;
            }
            let rest = rest as u32;
            let third = rest & mask;
            let second = rest >> bits & mask;
            // At most 30 bits.
            let first = rest >> (2 * bits);
            let root = DIRECT + indirect - 1;
            return Some(Self {
                offsets: match indirect {
                    1 => [root, third, 0, 0],
                    2 => [root, second, third, 0],
                    _ => [root, first, second, third],
                },
                depth: indirect as usize + 1,
                left_in_leaf: mask + 1 - third,
            });
        }
        None
    }

    /// Which pointer to take: first of the inode, then of each block of pointers.
    /// One to four.
    pub fn offsets(&self) -> &[u32] {
        self.offsets.get(..self.depth).unwrap_or(&[])
    }

    /// Blocks of the file from this one on, itself included, whose pointers
    /// follow each other up to the end of their block. At least one.
    pub const fn left_in_leaf(&self) -> u32 {
        self.left_in_leaf
    }
}

/// Bytes that the largest file can have: as many as the tree reaches, but no more
/// than a full file of which 32 bits can count the sectors, those of its blocks of
/// pointers included. C: `ext2_max_size()`.
pub const fn max_size(block_bits: u32) -> u64 {
    let direct = DIRECT as u64;
    let single = blocks_below(1, block_bits);
    let double = blocks_below(2, block_bits);
    let triple = blocks_below(3, block_bits);
    let limit = (u32::MAX >> (block_bits - 9)) as u64;

    let reach = direct + single + double + triple;
    // The blocks of pointers of a tree that is full.
    let pointers = 1 + (1 + single) + (1 + single + double);
    let blocks = if reach + pointers <= limit {
        reach
    } else {
        // Only with blocks of 4 KiB, and far into the tree of depth three.
        let rest = limit - direct - single - double;
        let pointers = 1 + (1 + single) + 1 + rest.div_ceil(single) + rest.div_ceil(double);
        limit - pointers
    };
    blocks << block_bits
}

/// What a truncation cuts off the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    path: Path,
    levels: usize,
}

/// What becomes of a block of pointers, or of the inode's pointers, that the cut
/// goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The pointer that the cut goes on through: what is under it is cut in part.
    /// [`None`] on the last level.
    pub through: Option<u32>,
    /// The first of the pointers that are cut off with all that is under them.
    /// One behind the last if there are none.
    pub dead_from: u32,
    /// How many blocks of pointers are between these pointers and data. In the
    /// inode that differs from pointer to pointer: see [`depth_below`].
    pub depth: u32,
}

impl Cut {
    /// Cuts off all from block `first` of the file on; [`None`] if no file has
    /// such a block.
    pub fn at(first: u32, block_bits: u32) -> Option<Self> {
        let path = Path::to(first, block_bits)?;
        // If the way leads through first pointers only from some level on, then
        // nothing is left under the pointer on that level.
        let zeros = path
            .offsets()
            .iter()
            .skip(1)
            .rev()
            .take_while(|&&offset| offset == 0)
            .count();
        Some(Self {
            path,
            levels: path.depth - zeros,
        })
    }

    /// The levels from the inode down, at least one.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        let last = self.levels - 1;
        let offsets = self.path.offsets().iter().take(self.levels);
        offsets.enumerate().map(move |(level, &offset)| Level {
            through: (level < last).then_some(offset),
            dead_from: offset + u32::from(level < last),
            depth: (self.path.depth - 1 - level) as u32,
        })
    }
}

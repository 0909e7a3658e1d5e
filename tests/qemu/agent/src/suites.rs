// SPDX-License-Identifier: GPL-2.0

//! Names of the suites, as the host knows them, in the groups that tests run in.

pub const SCRIPT: &[&str] = &["script"];
pub const SWAP: &[&str] = &["swap"];

pub const EXT2: &[&str] = &["ext2-1k", "ext2-2k", "ext2-4k"];
pub const EXT4: &[&str] = &["ext4-1k", "ext4-2k", "ext4-4k"];
pub const BTRFS: &[&str] = &["btrfs"];

/// The filesystems that overwrite blocks in place and pass requests that are
/// aligned to sectors only on to the engine.
pub const EXT: &[&str] = &[
    "ext2-1k", "ext2-2k", "ext2-4k", "ext4-1k", "ext4-2k", "ext4-4k",
];

/// Every filesystem whose direct I/O runs on the engine.
pub const ALL: &[&str] = &[
    "ext2-1k", "ext2-2k", "ext2-4k", "ext4-1k", "ext4-2k", "ext4-4k", "btrfs", "f2fs",
];

/// Filesystems that allocate blocks ahead of the data.
pub const UNWRITTEN: &[&str] = &["ext4-1k", "ext4-2k", "ext4-4k", "btrfs", "f2fs"];

/// Filesystems on which nobody can read a new block before its first write is
/// through; f2fs lets direct reads see what the disk held there.
pub const NO_EARLY_BLOCKS: &[&str] = &[
    "ext2-1k", "ext2-2k", "ext2-4k", "ext4-1k", "ext4-2k", "ext4-4k", "btrfs",
];

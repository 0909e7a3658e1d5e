// SPDX-License-Identifier: GPL-2.0

//! Names of the suites, as the host knows them, in the groups that tests run in.

pub const SCRIPT: &[&str] = &["script"];
pub const SWAP: &[&str] = &["swap", "swap-xfs"];
/// Where a swap file may be, preallocated or not.
pub const SWAP_WRITTEN: &[&str] = &["swap", "swap-ext2-rs", "swap-xfs"];
pub const SWAP_XFS: &[&str] = &["swap-xfs"];
pub const BDEV: &[&str] = &["bdev"];
pub const LIVE: &[&str] = &["live"];
pub const SOAK: &[&str] = &["soak"];
pub const UNPLUG: &[&str] = &["unplug-xfs", "unplug-ext4"];

/// Filesystems in persistent memory.
pub const DAX: &[&str] = &["ext2-dax", "ext4-dax", "xfs-dax"];
/// Those that know fallocate.
pub const DAX_FALLOCATE: &[&str] = &["ext4-dax", "xfs-dax"];
pub const EXT2_DAX: &[&str] = &["ext2-dax"];
pub const XFS_DAX: &[&str] = &["xfs-dax"];

pub const EXT2: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
];
/// Those of the Rust driver.
pub const EXT2_RS: &[&str] = &["ext2-rs-1k", "ext2-rs-2k", "ext2-rs-4k"];
/// Where other drivers are at hand that read the same disk.
pub const EXT2_CROSS: &[&str] = &["ext2-cross", "ext2-rs-cross"];
/// Where programs run that try everything.
pub const PROGRAMS: &[&str] = &["ext2-4k", "ext2-rs-4k"];
/// Where there is a disk of damaged filesystems.
pub const CORRUPT: &[&str] = &["ext2-corrupt", "ext2-rs-corrupt"];
/// Where the guest ends before its time.
pub const CRASH: &[&str] = &["ext2-crash", "ext2-rs-crash"];
pub const EXT4: &[&str] = &["ext4-1k", "ext4-2k", "ext4-4k"];
pub const EROFS: &[&str] = &["erofs-tails", "erofs-blocks", "erofs-chunks"];
pub const ZONEFS: &[&str] = &["zonefs"];
pub const BTRFS: &[&str] = &["btrfs"];

pub const XFS: &[&str] = &["xfs-1k", "xfs-4k"];
/// Filesystems whose page cache runs on the engine, too.
pub const PAGE_CACHE: &[&str] = &[
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

/// Of those, the ones that can be told to allocate ahead of the data.
pub const PAGE_CACHE_AHEAD: &[&str] = &["xfs-1k", "xfs-4k", "gfs2-1k", "gfs2-4k"];

/// Where disks fail under the page cache.
pub const PAGE_CACHE_FAULTS: &[&str] = &["ext2-rs-1k", "ext2-rs-4k", "xfs-1k", "xfs-4k"];

/// Filesystems with folios of many pages.
pub const LARGE_FOLIOS: &[&str] = &["xfs-1k", "xfs-4k", "ext2-rs-1k", "ext2-rs-2k", "ext2-rs-4k"];

pub const XFS_1K: &[&str] = &["xfs-1k"];

/// Where many threads at once work on a file.
pub const CROWD: &[&str] = &[
    "ext2-4k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-4k",
    "xfs-1k",
    "xfs-4k",
];

/// Where memory is counted.
pub const LEAKS: &[&str] = &[
    "ext2-4k",
    "ext2-rs-4k",
    "ext4-4k",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

/// Where fsx runs.
pub const FSX: &[&str] = &["ext2-4k", "ext2-rs-4k", "ext4-4k", "xfs-1k", "xfs-4k"];

/// Filesystems that find data, holes and blocks by the engine.
pub const EXT4_XFS: &[&str] = &["ext4-1k", "ext4-2k", "ext4-4k", "xfs-1k", "xfs-4k"];

/// As [`EXT4_XFS`], one that zeroes what it allocates ahead of the data, and one that
/// allocates nothing ahead.
pub const REPORTS: &[&str] = &[
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

/// Filesystems whose files can be polled for the end of a request.
pub const POLLED: &[&str] = &[
    "ext4-1k", "ext4-2k", "ext4-4k", "xfs-1k", "xfs-4k", "gfs2-1k", "gfs2-4k",
];

/// The filesystems that overwrite blocks in place and pass requests that are
/// aligned to sectors only on to the engine.
pub const EXT: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
];

/// As [`EXT`], and whatever else overwrites blocks in place.
pub const EXT_XFS: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "xfs-1k",
    "xfs-4k",
];

/// As [`EXT_XFS`], and gfs2.
pub const EXT_XFS_GFS2: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

/// Every filesystem whose disk the host has filled with files.
pub const FILLED: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "btrfs",
    "f2fs",
];

/// Every filesystem whose direct I/O runs on the engine.
pub const ALL: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "btrfs",
    "f2fs",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

/// As [`ALL`], without gfs2, which drops the pages that it is about to read and
/// tries again for ever if a direct write takes its data from where it goes, on
/// the C engine, too.
pub const OVERLAPPING: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "btrfs",
    "f2fs",
    "xfs-1k",
    "xfs-4k",
];

/// Filesystems that allocate blocks ahead of the data.
pub const UNWRITTEN: &[&str] = &[
    "ext4-1k", "ext4-2k", "ext4-4k", "btrfs", "f2fs", "xfs-1k", "xfs-4k", "gfs2-1k", "gfs2-4k",
];

/// Filesystems on which nobody can read a new block before its first write is
/// through; f2fs lets direct reads see what the disk held there.
pub const NO_EARLY_BLOCKS: &[&str] = &[
    "ext2-1k",
    "ext2-2k",
    "ext2-4k",
    "ext2-rs-1k",
    "ext2-rs-2k",
    "ext2-rs-4k",
    "ext4-1k",
    "ext4-2k",
    "ext4-4k",
    "btrfs",
    "xfs-1k",
    "xfs-4k",
    "gfs2-1k",
    "gfs2-4k",
];

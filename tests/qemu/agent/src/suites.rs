// SPDX-License-Identifier: GPL-2.0

//! Names of the suites, as the host knows them, in the groups that tests run in.

/// A group of all that these groups have.
macro_rules! join {
    ($($group:expr),+) => {{
        const GROUPS: &[&[&str]] = &[$($group),+];
        &concatenated::<{ total(GROUPS) }>(GROUPS)
    }};
}

pub const SCRIPT: &[&str] = &["script"];
pub const SWAP: &[&str] = &["swap", "swap-xfs"];
/// Where a swap file may be, preallocated or not.
pub const SWAP_WRITTEN: &[&str] = join!(SWAP, &["swap-ext2-rs"]);
pub const SWAP_XFS: &[&str] = &["swap-xfs"];
pub const BDEV: &[&str] = &["bdev"];
pub const LIVE: &[&str] = &["live"];
pub const LIVE_DAX: &[&str] = &["live-dax"];
pub const SOAK: &[&str] = &["soak"];
pub const LOG_WRITES: &[&str] = &["log-writes-xfs", "log-writes-ext4", "log-writes-ext2-rs"];
pub const UNPLUG: &[&str] = &["unplug-xfs", "unplug-ext4", "unplug-ext2-rs"];

/// Filesystems in persistent memory.
pub const DAX: &[&str] = join!(EXT2_DAX, DAX_FALLOCATE);
/// Those that know fallocate.
pub const DAX_FALLOCATE: &[&str] = &["ext4-dax", "xfs-dax"];
pub const EXT2_DAX: &[&str] = &["ext2-dax"];
pub const XFS_DAX: &[&str] = &["xfs-dax"];

pub const EXT2: &[&str] = join!(EXT2_C, EXT2_RS);
const EXT2_C: &[&str] = &["ext2-1k", "ext2-2k", "ext2-4k"];
/// Those of the Rust driver.
pub const EXT2_RS: &[&str] = &["ext2-rs-1k", "ext2-rs-2k", "ext2-rs-4k"];
/// Of the small blocks that make many groups of a large disk.
pub const EXT2_1K: &[&str] = &["ext2-1k", "ext2-rs-1k"];
/// Where the disk can fail under the Rust driver's own blocks.
pub const EXT2_RS_FAULTS: &[&str] = &["ext2-rs-4k"];
/// Where other drivers are at hand that read the same disk.
pub const EXT2_CROSS: &[&str] = &["ext2-cross", "ext2-rs-cross"];
/// Where programs run that try everything.
pub const PROGRAMS: &[&str] = &["ext2-4k", "ext2-rs-4k"];
/// Where there is a disk of damaged filesystems.
pub const CORRUPT: &[&str] = &["ext2-corrupt", "ext2-rs-corrupt"];
/// Where the guest ends before its time.
pub const EXT2_CRASH: &[&str] = &["ext2-crash", "ext2-rs-crash"];
/// As [`EXT2_CRASH`], and filesystems with a log.
pub const CRASH: &[&str] = &["ext2-crash", "ext2-rs-crash", "ext4-crash", "xfs-crash"];
pub const EXT4: &[&str] = &["ext4-1k", "ext4-2k", "ext4-4k"];
pub const EROFS: &[&str] = &["erofs-tails", "erofs-blocks", "erofs-chunks"];
pub const ZONEFS: &[&str] = &["zonefs"];
pub const BTRFS: &[&str] = &["btrfs"];
const F2FS: &[&str] = &["f2fs"];
const GFS2: &[&str] = &["gfs2-1k", "gfs2-4k"];

pub const XFS: &[&str] = &["xfs-1k", "xfs-4k"];
/// Filesystems whose page cache runs on the engine, too.
pub const PAGE_CACHE: &[&str] = join!(EXT2_RS, PAGE_CACHE_AHEAD);

/// Of those, the ones that can be told to allocate ahead of the data.
pub const PAGE_CACHE_AHEAD: &[&str] = join!(XFS, GFS2);

/// Where disks fail under the page cache.
pub const PAGE_CACHE_FAULTS: &[&str] = join!(&["ext2-rs-1k", "ext2-rs-4k"], XFS);

/// Where disks fail in all the ways that the device mapper knows.
pub const FAULT_KINDS: &[&str] = &["ext2-rs-4k", "ext4-4k", "xfs-1k", "xfs-4k"];

/// Of those, the ones that preallocate.
pub const UNWRITTEN_FAULTS: &[&str] = join!(&["ext4-4k"], XFS);

/// Where a disk is lost under a filesystem that recovers, or is mended.
pub const LOST: &[&str] = &["ext4-4k", "xfs-4k", "ext2-rs-4k"];

/// Filesystems with folios of many pages.
pub const LARGE_FOLIOS: &[&str] = join!(XFS, EXT2_RS);

pub const XFS_1K: &[&str] = &["xfs-1k"];

/// Where many threads at once work on a file.
pub const CROWD: &[&str] = join!(FSX, &["ext4-1k"]);

/// Where memory is counted.
pub const LEAKS: &[&str] = join!(FSX, GFS2);

/// Where fsx runs.
pub const FSX: &[&str] = join!(PROGRAMS, &["ext4-4k"], XFS);

/// Filesystems that find data, holes and blocks by the engine.
pub const EXT4_XFS: &[&str] = join!(EXT4, XFS);

/// As [`EXT4_XFS`], one that zeroes what it allocates ahead of the data, and one that
/// allocates nothing ahead.
pub const REPORTS: &[&str] = join!(EXT2_RS, EXT4_XFS, GFS2);

/// Filesystems whose files can be polled for the end of a request.
pub const POLLED: &[&str] = join!(EXT4_XFS, GFS2);

/// The filesystems that overwrite blocks in place and pass requests that are
/// aligned to sectors only on to the engine.
pub const EXT: &[&str] = join!(EXT2, EXT4);

/// As [`EXT`], and whatever else overwrites blocks in place.
pub const EXT_XFS: &[&str] = join!(EXT, XFS);

/// As [`EXT_XFS`], and gfs2.
pub const EXT_XFS_GFS2: &[&str] = join!(EXT_XFS, GFS2);

/// Every filesystem whose disk the host has filled with files.
pub const FILLED: &[&str] = join!(EXT, BTRFS, F2FS);

/// Every filesystem whose direct I/O runs on the engine.
pub const ALL: &[&str] = join!(OVERLAPPING, GFS2);

/// As [`ALL`], without gfs2, which drops the pages that it is about to read and
/// tries again for ever if a direct write takes its data from where it goes, on
/// the C engine, too.
pub const OVERLAPPING: &[&str] = join!(FILLED, XFS);

/// As [`ALL`], without btrfs: files with checksums it writes through the page cache, and
/// of that it drops what nobody uses at the moment.
pub const DROPPING: &[&str] = join!(EXT_XFS_GFS2, F2FS);

/// Filesystems that allocate blocks ahead of the data.
pub const UNWRITTEN: &[&str] = join!(EXT4, BTRFS, F2FS, XFS, GFS2);

/// Filesystems on which nobody can read a new block before its first write is
/// through; f2fs lets direct reads see what the disk held there.
pub const NO_EARLY_BLOCKS: &[&str] = join!(EXT, BTRFS, XFS, GFS2);

/// How many names the groups have, to be the `N` of [`concatenated`].
const fn total(mut groups: &[&[&str]]) -> usize {
    let mut total = 0;
    while let [group, rest @ ..] = groups {
        total += group.len();
        groups = rest;
    }
    total
}

/// One after the other. There are no iterators in constants.
const fn concatenated<const N: usize>(mut groups: &[&[&'static str]]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut count = 0;
    while let [group, others @ ..] = groups {
        let mut group = *group;
        while let [name, rest @ ..] = group {
            names[count] = *name;
            count += 1;
            group = rest;
        }
        groups = others;
    }
    names
}

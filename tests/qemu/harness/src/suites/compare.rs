// SPDX-License-Identifier: GPL-2.0

//! The suites of `make compare`.

use iomap_qemu_protocol::CompareSpec;

use super::{suite, Disk, Suite, MAIN};
use crate::image::Filesystem;

/// A filesystem to compare engines on. The disk is copied to memory; what is seen
/// of the workloads goes to another one.
const fn compare(
    name: &'static str,
    modules: &'static [&'static str],
    disks: &'static [Disk],
) -> Suite {
    Suite {
        // Room for the disk and for the page cache.
        memory_mib: 1536,
        ..suite(name, modules, disks)
    }
}

/// What no guest writes to takes no room.
const fn compare_disks(filesystem: Filesystem) -> [Disk; 4] {
    [
        Disk::empty(MAIN, filesystem, SIZE_MIB),
        Disk::blank(CompareSpec::FIRST_DISK, SIZE_MIB),
        Disk::blank(CompareSpec::LOG, 128),
        Disk::blank(CompareSpec::FIRST_LOG, 128),
    ]
}

/// XFS wants 300.
const SIZE_MIB: u64 = 320;

/// The suites of `make compare`.
pub const COMPARE: &[Suite] = &[
    compare(
        "compare-xfs-4k",
        &["null_blk", "xfs"],
        &compare_disks(Filesystem::xfs(4096)),
    ),
    compare(
        "compare-xfs-1k",
        &["null_blk", "xfs"],
        &compare_disks(Filesystem::xfs(1024)),
    ),
    compare(
        "compare-ext4-4k",
        &["null_blk", "ext4"],
        &compare_disks(Filesystem::ext4(4096)),
    ),
    compare(
        "compare-ext2-1k",
        &["null_blk", "ext2"],
        &compare_disks(Filesystem::ext2(1024)),
    ),
];

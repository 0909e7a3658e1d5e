// SPDX-License-Identifier: GPL-2.0

//! The suites of `make bench`.

use iomap_qemu_protocol::{Link, Needs};

use super::{suite, Disk, Suite, MAIN};
use crate::image::Filesystem;

/// A filesystem on both engines.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// In options, tables and names of files.
    pub name: &'static str,
    suite: Suite,
    /// Instead, on the C engine: where drivers are compared, too.
    in_c: Option<Suite>,
    /// What both have, and the Rust engine has a part in.
    pub offers: &'static [Needs],
}

impl Comparison {
    /// What is booted for an engine.
    pub fn on(&self, link: Link) -> &Suite {
        match &self.in_c {
            Some(suite) if link == Link::C => suite,
            _ => &self.suite,
        }
    }
}

/// Two disks in memory, as large as the disk that is copied.
const RAM_DISKS: &str = "brd rd_nr=2 rd_size=655360";

const fn bench(
    name: &'static str,
    modules: &'static [&'static str],
    disks: &'static [Disk],
) -> Suite {
    Suite {
        // Room for three RAM disks and for the page cache.
        memory_mib: 3072,
        ..suite(name, modules, disks)
    }
}

const fn bench_disk(filesystem: Filesystem) -> [Disk; 1] {
    // Room for 100,000 extents, and the agent's disk to poll is as large.
    [Disk::empty(MAIN, filesystem, 640)]
}

const fn engines(name: &'static str, suite: Suite, offers: &'static [Needs]) -> Comparison {
    Comparison {
        name,
        suite,
        in_c: None,
        offers,
    }
}

/// The comparisons of `make bench`; the first is that of QUICK=1.
pub const BENCH: &[Comparison] = &[
    engines(
        "xfs-4k",
        bench(
            "bench-xfs-4k",
            &[RAM_DISKS, "null_blk", "xfs"],
            &bench_disk(Filesystem::xfs(4096)),
        ),
        XFS,
    ),
    engines(
        "xfs-1k",
        bench(
            "bench-xfs-1k",
            &[RAM_DISKS, "null_blk", "xfs"],
            &bench_disk(Filesystem::xfs(1024)),
        ),
        XFS,
    ),
    engines(
        "ext4-4k",
        bench(
            "bench-ext4-4k",
            &[RAM_DISKS, "null_blk", "ext4"],
            &bench_disk(Filesystem::ext4(4096)),
        ),
        &[Needs::Direct, Needs::Polled, Needs::Seek],
    ),
    engines("ext2-4k", EXT2, &[Needs::Direct]),
    Comparison {
        name: "ext2-rs-4k",
        suite: bench(
            "bench-ext2-rs-4k",
            &[RAM_DISKS, "null_blk", "ext2_rs"],
            &bench_disk(Filesystem::ext2_rs(4096)),
        ),
        in_c: Some(EXT2),
        // To C ext2 all of a file is data.
        offers: &[Needs::Direct, Needs::Cached],
    },
];

const XFS: &[Needs] = &[
    Needs::Direct,
    Needs::Polled,
    Needs::Seek,
    Needs::Cached,
    Needs::Whole,
];

const EXT2: Suite = bench(
    "bench-ext2-4k",
    &[RAM_DISKS, "null_blk", "ext2"],
    &bench_disk(Filesystem::ext2(4096)),
);

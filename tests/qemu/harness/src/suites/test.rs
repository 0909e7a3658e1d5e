// SPDX-License-Identifier: GPL-2.0

//! The suites of `make test`.

use super::{disks, empty, filled, suite, About, Disk, Suite, MAIN, SCRATCH};
use crate::image::{Contents, Erofs, Filesystem};

/// A disk to mount, filled, a blank one, and a small one that tests fill and mount
/// in odd ways.
const fn ext2_disks(filesystem: Filesystem) -> [Disk; 3] {
    let [main, scratch] = disks(filesystem, 256);
    let small = Disk::empty("small", filesystem, 8);
    [main, scratch, small]
}

/// Disks without files, the main one of many groups.
const fn crash_disks(filesystem: Filesystem) -> [Disk; 2] {
    [
        Disk::empty(MAIN, filesystem, 128),
        Disk::empty("small", filesystem, 8),
    ]
}

/// Where a log of the filesystem's leads from a lost guest to a sound disk.
const XFS_CRASH: Disk = Disk::empty(MAIN, Filesystem::xfs(1024), 320);
const EXT4_CRASH: Disk = Disk::empty(MAIN, Filesystem::ext4(1024), 128);

/// A sound one that says which driver is under test.
const fn main_of(filesystem: Filesystem) -> Disk {
    Disk::empty(MAIN, filesystem, 8)
}

/// Damaged filesystems, which tests mount one after the other.
const CORPUS: Disk = Disk {
    role: "corpus",
    size_mib: 1100,
    contents: Contents::Corpus,
};

/// A suite in which fsx runs, on files and on loop devices over files.
const fn with_fsx(suite: Suite) -> Suite {
    Suite {
        programs: &["fsx"],
        ..suite
    }
}

/// A suite in which everything runs that there is to try a filesystem out.
const fn with_programs(suite: Suite) -> Suite {
    Suite {
        programs: &["fsx", "pjdfstest"],
        host_programs: &["stress-ng", "e2fsck"],
        ..suite
    }
}

/// A disk that no filesystem takes, small enough to be written as a whole.
const BARE: Disk = Disk::blank("bare", 16);

/// What runs on all filesystems at once.
const SOAK_DISKS: [Disk; 4] = [
    Disk::empty(MAIN, Filesystem::xfs(4096), 320),
    Disk::empty("ext4", Filesystem::ext4(1024), 320),
    Disk::empty("ext2", Filesystem::ext2(4096), 320),
    Disk::empty("ext2_rs", Filesystem::ext2_rs(1024), 320),
];

/// Filesystems whose disk is pulled out.
const UNPLUGGED_XFS: Disk = Disk::empty(MAIN, Filesystem::xfs(4096), 320);
const UNPLUGGED_EXT4: Disk = Disk::empty(MAIN, Filesystem::ext4(4096), 128);
const UNPLUGGED_EXT2_RS: Disk = Disk::empty(MAIN, Filesystem::ext2_rs(4096), 128);

/// A disk whose writes are logged, the log, the disk that it is replayed onto, and
/// one for what changes there when that is looked at.
const fn logged_disks(filesystem: Filesystem, size_mib: u64) -> [Disk; 4] {
    [
        Disk::empty(MAIN, filesystem, size_mib),
        Disk::blank("log", 192),
        Disk::blank("copy", size_mib),
        Disk::blank("changes", 64),
    ]
}

/// A suite whose disks can be pulled out.
const fn hot_plug(suite: Suite) -> Suite {
    Suite {
        hot_plug: true,
        ..suite
    }
}

/// A filesystem of each kind, and one more of XFS that is to be copied.
const LIVE_DISKS: [Disk; 8] = [
    Disk::empty(MAIN, Filesystem::xfs(1024), 512),
    Disk::empty("ext4", Filesystem::ext4(4096), 768),
    Disk::empty("ext2", Filesystem::ext2(1024), 128),
    Disk::empty("btrfs", Filesystem::Btrfs, 256),
    Disk::empty("f2fs", Filesystem::F2fs, 256),
    Disk::empty("slow", Filesystem::xfs(1024), 320),
    BARE,
    SCRATCH,
];

/// A suite about what the kernel image itself does by iomap.
const fn of_image(suite: Suite) -> Suite {
    Suite {
        about: About::Image,
        ..suite
    }
}

/// A disk whose copy in persistent memory is mounted.
const fn in_memory(filesystem: Filesystem) -> [Disk; 1] {
    // About the least that mkfs.xfs takes.
    [Disk::empty(MAIN, filesystem, 320)]
}

/// A suite whose filesystem lies in persistent memory.
const fn dax(suite: Suite) -> Suite {
    Suite {
        memory_mib: 1536,
        dax: true,
        ..of_image(suite)
    }
}

/// Filesystems with what their tests need besides: files as disks, disks that fail.
const EXT2: &[&str] = &["ext2", "loop", "dm_mod"];
const EXT2_RS: &[&str] = &["ext2_rs", "loop", "dm_flakey", "dm_dust", "null_blk"];
const EXT4: &[&str] = &["ext4", "loop", "dm_flakey", "dm_dust"];
const XFS: &[&str] = &["xfs", "loop", "dm_flakey", "dm_dust"];

/// A suite about the driver more than about the engine.
const fn driver(suite: Suite) -> Suite {
    Suite {
        about: About::Driver,
        ..suite
    }
}

/// A suite on the ext2 in Rust.
const fn rust(suite: Suite) -> Suite {
    Suite {
        about: About::RustFilesystem,
        ..suite
    }
}

/// The suites of `make test`, in the order in which they run.
pub const TEST: &[Suite] = &[
    suite("script", &["null_blk", "script_fs"], &[SCRATCH]),
    suite("ext2-1k", EXT2, &ext2_disks(Filesystem::ext2(1024))),
    suite("ext2-2k", EXT2, &ext2_disks(Filesystem::ext2(2048))),
    with_programs(suite("ext2-4k", EXT2, &ext2_disks(Filesystem::ext2(4096)))),
    driver(suite(
        "ext2-cross",
        &["ext2", "ext4"],
        &ext2_disks(Filesystem::ext2(1024)),
    )),
    driver(suite(
        "ext2-corrupt",
        EXT2,
        &[main_of(Filesystem::ext2(1024)), CORPUS],
    )),
    driver(suite(
        "ext2-crash",
        EXT2,
        &crash_disks(Filesystem::ext2(1024)),
    )),
    rust(suite(
        "ext2-rs-1k",
        EXT2_RS,
        &ext2_disks(Filesystem::ext2_rs(1024)),
    )),
    rust(suite(
        "ext2-rs-2k",
        EXT2_RS,
        &ext2_disks(Filesystem::ext2_rs(2048)),
    )),
    rust(with_programs(suite(
        "ext2-rs-4k",
        EXT2_RS,
        &ext2_disks(Filesystem::ext2_rs(4096)),
    ))),
    rust(suite(
        "ext2-rs-cross",
        // Whoever comes first has the name.
        &["ext2", "ext2_rs", "ext4"],
        &ext2_disks(Filesystem::ext2_rs(1024)),
    )),
    rust(suite(
        "ext2-rs-corrupt",
        EXT2_RS,
        &[main_of(Filesystem::ext2_rs(1024)), CORPUS],
    )),
    rust(suite(
        "ext2-rs-crash",
        EXT2_RS,
        &crash_disks(Filesystem::ext2_rs(1024)),
    )),
    suite("ext4-1k", EXT4, &disks(Filesystem::ext4(1024), 256)),
    suite("ext4-2k", EXT4, &disks(Filesystem::ext4(2048), 256)),
    Suite {
        host_programs: &["e2fsck"],
        ..with_fsx(suite("ext4-4k", EXT4, &disks(Filesystem::ext4(4096), 256)))
    },
    suite("btrfs", &["btrfs"], &disks(Filesystem::Btrfs, 256)),
    suite("f2fs", &["f2fs"], &disks(Filesystem::F2fs, 256)),
    with_fsx(suite("xfs-1k", XFS, &empty(Filesystem::xfs(1024)))),
    with_fsx(suite("xfs-4k", XFS, &empty(Filesystem::xfs(4096)))),
    of_image(suite("bdev", &[], &[BARE])),
    dax(suite(
        "ext2-dax",
        &["ext2"],
        &in_memory(Filesystem::ext2(4096)),
    )),
    dax(suite(
        "ext4-dax",
        &["ext4"],
        &in_memory(Filesystem::ext4(4096)),
    )),
    dax(suite(
        "xfs-dax",
        &["xfs"],
        &in_memory(Filesystem::xfs(4096)),
    )),
    suite("gfs2-1k", &["gfs2"], &empty(Filesystem::gfs2(1024))),
    suite("gfs2-4k", &["gfs2"], &empty(Filesystem::gfs2(4096))),
    suite(
        "erofs-tails",
        &["erofs"],
        &filled(Filesystem::Erofs(Erofs::InlineTails)),
    ),
    suite(
        "erofs-blocks",
        &["erofs"],
        &filled(Filesystem::Erofs(Erofs::Blocks)),
    ),
    suite(
        "erofs-chunks",
        &["erofs"],
        &filled(Filesystem::Erofs(Erofs::Chunks(4096))),
    ),
    suite("zonefs", &["null_blk", "zonefs"], &[]),
    suite("ext4-crash", &["ext4"], &[EXT4_CRASH]),
    suite("xfs-crash", &["xfs"], &[XFS_CRASH]),
    Suite {
        host_programs: &["xfs_repair"],
        ..suite(
            "log-writes-xfs",
            &["xfs", "dm_log_writes", "dm_snapshot"],
            &logged_disks(Filesystem::xfs(1024), 320),
        )
    },
    Suite {
        host_programs: &["e2fsck"],
        ..suite(
            "log-writes-ext4",
            &["ext4", "dm_log_writes", "dm_snapshot"],
            &logged_disks(Filesystem::ext4(1024), 128),
        )
    },
    Suite {
        host_programs: &["e2fsck"],
        ..rust(suite(
            "log-writes-ext2-rs",
            &["ext2_rs", "dm_log_writes", "dm_snapshot"],
            &logged_disks(Filesystem::ext2_rs(1024), 128),
        ))
    },
    hot_plug(suite("unplug-xfs", &["xfs"], &[UNPLUGGED_XFS])),
    hot_plug(suite("unplug-ext4", &["ext4"], &[UNPLUGGED_EXT4])),
    Suite {
        host_programs: &["e2fsck"],
        ..hot_plug(rust(suite(
            "unplug-ext2-rs",
            &["ext2_rs"],
            &[UNPLUGGED_EXT2_RS],
        )))
    },
    Suite {
        ages: true,
        programs: &["fsx"],
        host_programs: &["fio", "dbench", "/usr/share/dbench/client.txt", "stress-ng"],
        ..rust(suite(
            "soak",
            &["xfs", "ext4", "ext2", "ext2_rs"],
            &SOAK_DISKS,
        ))
    },
    Suite {
        loads_engine: true,
        ..suite(
            "live",
            &["btrfs", "f2fs", "dm_mod", "script_fs"],
            &LIVE_DISKS,
        )
    },
    Suite {
        loads_engine: true,
        ..dax(suite("live-dax", &[], &in_memory(Filesystem::xfs(4096))))
    },
    Suite {
        // Little memory, so that swapping takes little time.
        memory_mib: 256,
        ..suite("swap", &["ext4"], &empty(Filesystem::ext4(4096)))
    },
    rust(Suite {
        memory_mib: 256,
        ..suite(
            "swap-ext2-rs",
            &["ext2_rs"],
            &empty(Filesystem::ext2_rs(4096)),
        )
    }),
    Suite {
        memory_mib: 256,
        ..suite("swap-xfs", &["xfs"], &empty(Filesystem::xfs(4096)))
    },
];

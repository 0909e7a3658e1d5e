// SPDX-License-Identifier: GPL-2.0

//! The suites: what one boot of the guest gets to work with.

mod bench;
mod compare;
mod test;

pub use bench::{Comparison, BENCH};
pub use compare::COMPARE;
pub use test::TEST;

use iomap_qemu_protocol::{Link, TestInfo};

use crate::image::{Contents, Filesystem};
use crate::kernel::Kind;

/// One kind of boot.
#[derive(Clone, Debug)]
pub struct Suite {
    pub name: &'static str,
    /// Kernel modules besides the engine, without those they depend on; parameters
    /// follow after a space.
    pub modules: &'static [&'static str],
    /// What set-up built for the guest, besides the agent.
    pub programs: &'static [&'static str],
    /// Programs of the host, with the libraries that they need.
    pub host_programs: &'static [&'static str],
    pub disks: &'static [Disk],
    pub memory_mib: u32,
    pub about: About,
    /// Does the main filesystem lie in persistent memory?
    pub dax: bool,
    /// Do the tests put the engine into a running kernel themselves?
    pub loads_engine: bool,
    /// Do the tests have disks pulled out and put back?
    pub hot_plug: bool,
    /// Does a repetition go on with the disks as the one before has left them?
    pub ages: bool,
}

/// What is tested, besides the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A filesystem in C, which links against whatever engine there is.
    Filesystem,
    /// What such a filesystem does besides, for comparison: the same on any engine, so
    /// that one way to link is enough.
    Driver,
    /// What the kernel image does by iomap: with the engine as a module that is no
    /// business of the engine.
    Image,
    /// A filesystem in Rust, which comes with the engine's module.
    RustFilesystem,
}

/// One virtio-blk disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// What it is to the tests, and its virtio serial.
    pub role: &'static str,
    pub size_mib: u64,
    pub contents: Contents,
}

impl Disk {
    /// Nothing but holes.
    pub const fn blank(role: &'static str, size_mib: u64) -> Self {
        Self {
            role,
            size_mib,
            contents: Contents::Blank,
        }
    }

    /// A filesystem without files.
    pub const fn empty(role: &'static str, filesystem: Filesystem, size_mib: u64) -> Self {
        Self {
            role,
            size_mib,
            contents: Contents::Empty(filesystem),
        }
    }

    /// A filesystem with the tree of files.
    pub const fn filled(role: &'static str, filesystem: Filesystem, size_mib: u64) -> Self {
        Self {
            role,
            size_mib,
            contents: Contents::Tree(filesystem),
        }
    }
}

impl Suite {
    /// The filesystem that the agent mounts.
    pub fn filesystem(&self) -> Option<Filesystem> {
        let main = self.disks.iter().find(|disk| disk.role == MAIN)?;
        main.contents.filesystem()
    }

    /// How much memory is to stand in for persistent memory, which then is as large
    /// as the main disk.
    pub fn pmem_mib(&self) -> Option<u64> {
        let main = self.disks.iter().find(|disk| disk.role == MAIN)?;
        self.dax.then_some(main.size_mib)
    }

    /// Is there something to test with the engine linked in this way?
    pub fn runs_on(&self, link: Link) -> bool {
        let reached = link == Link::Live || !self.loads_engine;
        reached
            && match self.about {
                About::Filesystem => true,
                About::Image => link != Link::Module,
                About::Driver => matches!(link, Link::Module | Link::C),
                About::RustFilesystem => link == Link::Module,
            }
    }
}

/// A test's name with that of its suite.
pub fn full_name(test: &TestInfo, kernel: Kind) -> String {
    format!("{}/{}", kernel.label(&test.suite), test.name)
}

/// The role of the disk that the agent mounts.
pub const MAIN: &str = "main";

const MEMORY_MIB: u32 = 1024;

const SCRATCH: Disk = Disk::blank("scratch", 64);

/// A disk to mount, filled with the tree of files, and a blank one.
const fn disks(filesystem: Filesystem, size_mib: u64) -> [Disk; 2] {
    [Disk::filled(MAIN, filesystem, size_mib), SCRATCH]
}

/// A larger disk without files, and a blank one.
const fn empty(filesystem: Filesystem) -> [Disk; 2] {
    [Disk::empty(MAIN, filesystem, 512), SCRATCH]
}

/// A disk filled with the tree of files.
const fn filled(filesystem: Filesystem) -> [Disk; 1] {
    [Disk::filled(MAIN, filesystem, 256)]
}

const fn suite(
    name: &'static str,
    modules: &'static [&'static str],
    disks: &'static [Disk],
) -> Suite {
    Suite {
        name,
        modules,
        programs: &[],
        host_programs: &[],
        disks,
        memory_mib: MEMORY_MIB,
        about: About::Filesystem,
        dax: false,
        loads_engine: false,
        hot_plug: false,
        ages: false,
    }
}

/// The suites of `make demo`.
pub const DEMO: &[Suite] = &[
    suite("demo-ext2", &["ext2"], &filled(Filesystem::ext2(1024))),
    suite("demo-ext4", &["ext4"], &filled(Filesystem::ext4(4096))),
];

/// What `make demo MODE=live` boots.
pub const LIVE_DEMO: Suite = Suite {
    loads_engine: true,
    programs: &["fsx"],
    host_programs: &["fio"],
    ..suite("demo-live", &[], &LIVE_DEMO_DISKS)
};

const LIVE_DEMO_DISKS: [Disk; 3] = [
    Disk::empty(MAIN, Filesystem::xfs(1024), 512),
    Disk::empty("ext4", Filesystem::ext4(4096), 256),
    Disk::empty("ext2", Filesystem::ext2(1024), 128),
];

/// What `make shell` boots.
pub const SHELL: Suite = suite("shell", &["ext2", "ext4", "btrfs", "f2fs"], &SHELL_DISKS);

const SHELL_DISKS: [Disk; 3] = [
    Disk::filled(MAIN, Filesystem::ext2(1024), 256),
    Disk::filled("ext4", Filesystem::ext4(4096), 256),
    SCRATCH,
];

/// A boot that only has to reach the agent.
pub const PROBE: Suite = suite("probe", &[], &[]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_unique() {
        let all: Vec<&Suite> = TEST
            .iter()
            .chain(DEMO)
            .chain(BENCH.iter().map(|comparison| comparison.on(Link::Module)))
            .chain(COMPARE)
            .chain([&LIVE_DEMO, &SHELL, &PROBE])
            .collect();
        for (at, suite) in all.iter().enumerate() {
            assert!(all
                .iter()
                .skip(at + 1)
                .all(|other| other.name != suite.name));
            for (at, disk) in suite.disks.iter().enumerate() {
                let mut rest = suite.disks.iter().skip(at + 1);
                assert!(rest.all(|other| other.role != disk.role));
            }
        }
    }

    #[test]
    fn the_agent_learns_what_to_mount() {
        let blocks = |name: &str| {
            let suite = TEST.iter().find(|suite| suite.name == name)?;
            suite.filesystem()?.block_size()
        };
        assert_eq!(blocks("ext2-1k"), Some(1024));
        assert_eq!(blocks("script"), None);
    }
}

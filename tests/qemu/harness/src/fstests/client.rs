// SPDX-License-Identifier: GPL-2.0

//! The filesystems that fstests is run on.

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{FstestsSpec, Link};

use crate::suites::{About, Disk, Suite};

/// A filesystem: how fstests calls it, and what it takes to have it in a guest.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub name: &'static str,
    /// fstests' own name for it, and the `mkfs` that makes it.
    pub kind: &'static str,
    /// The kernel's name of it, if that is another.
    pub kernel_type: Option<&'static str>,
    pub suite: &'static Suite,
}

/// The largest disk that tests ask for is 16 GiB, and a filesystem takes a part for itself.
const LARGE: &[Disk] = &disks(20 << 10);

/// fsck reads all of ext2's tables of inodes after each test, which takes seconds under TCG if
/// there are many.
const SMALL: &[Disk] = &disks(6 << 10);

/// Sparse files of the host: what tests do not write takes no room. The last one is for the
/// second of two engines.
const fn disks(size_mib: u64) -> [Disk; 4] {
    let [test, also] = FstestsSpec::TEST_DISKS;
    [
        Disk::blank(test, size_mib),
        Disk::blank("scratch", size_mib),
        Disk::blank("logwrites", 2 << 10),
        Disk::blank(also, size_mib),
    ]
}

/// Loaded besides the filesystem: the guest has no modprobe of its own kernel.
macro_rules! modules {
    ($filesystem:literal) => {
        &[
            "overlay",
            "9p",
            "9pnet_virtio",
            "loop",
            "dm_mod",
            "dm_flakey",
            "dm_delay",
            "dm_dust",
            "dm_zero",
            "dm_snapshot",
            "dm_thin_pool",
            "dm_log_writes",
            "quota_v2",
            $filesystem,
        ]
    };
}

const fn suite(
    name: &'static str,
    modules: &'static [&'static str],
    disks: &'static [Disk],
) -> Suite {
    Suite {
        name,
        modules,
        disks,
        programs: &[],
        host_programs: &[],
        memory_mib: 2048,
        about: About::Filesystem,
        dax: false,
        loads_engine: false,
        hot_plug: false,
        ages: false,
    }
}

/// A filesystem that is called the same everywhere.
const fn client(name: &'static str, suite: &'static Suite) -> Client {
    Client {
        name,
        kind: name,
        kernel_type: None,
        suite,
    }
}

const CLIENTS: &[Client] = &[
    client("xfs", &suite("fstests-xfs", modules!("xfs"), LARGE)),
    client("ext4", &suite("fstests-ext4", modules!("ext4"), LARGE)),
    client("ext2", &suite("fstests-ext2", modules!("ext2"), SMALL)),
    Client {
        kind: "ext2",
        kernel_type: Some("ext2_rs"),
        ..client(
            "ext2_rs",
            &Suite {
                about: About::RustFilesystem,
                ..suite("fstests-ext2_rs", modules!("ext2_rs"), SMALL)
            },
        )
    },
    client("btrfs", &suite("fstests-btrfs", modules!("btrfs"), LARGE)),
    client("f2fs", &suite("fstests-f2fs", modules!("f2fs"), LARGE)),
];

/// On the C engine. Its guests run beside those of ext2 itself: so the suite, which names
/// the place of their disks, is another.
const BESIDE_EXT2_RS: Client = client(
    "ext2",
    &suite("fstests-beside-ext2_rs", modules!("ext2"), SMALL),
);

/// What is run if nobody says what.
const USUAL: [&str; 3] = ["xfs", "ext4", "ext2"];

impl Client {
    pub fn by_name(name: &str) -> Result<Self> {
        let known = CLIENTS.iter().find(|client| client.name == name);
        known.copied().with_context(|| {
            let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
            format!(
                "{name} is no filesystem that is known here; FS, or else FSTYP of the section, \
                 names some of these: {}",
                names.join(", ")
            )
        })
    }

    /// Those of that names, each once. Without names that of the section, if it is of one.
    pub fn chosen(names: &[String], section_kind: Option<&str>) -> Result<Vec<Self>> {
        let names: Vec<&str> = match (names, section_kind) {
            ([], Some(kind)) => vec![kind],
            ([], None) => USUAL.to_vec(),
            (names, _) => names.iter().map(String::as_str).collect(),
        };
        let mut clients: Vec<Self> = Vec::new();
        for name in names {
            let client = Self::by_name(name)?;
            if let Some(kind) = section_kind.filter(|kind| *kind != client.kind) {
                bail!(
                    "FS={name}: the section has FSTYP={kind}; leave FS out, or name a section \
                     for {}",
                    client.kind
                );
            }
            if clients.iter().all(|other| other.name != client.name) {
                clients.push(client);
            }
        }
        Ok(clients)
    }

    /// What a guest gets to work with that has one engine.
    pub fn suite_of_one(&self) -> Suite {
        let disks = self.suite.disks;
        Suite {
            disks: disks.split_last().map_or(disks, |(_, others)| others),
            ..self.suite.clone()
        }
    }

    /// What one gets that switches between two.
    pub fn suite_of_two(&self) -> Suite {
        Suite {
            loads_engine: true,
            ..self.suite.clone()
        }
    }

    /// What to run on an engine: ext2_rs has the Rust one alone, so that C ext2 on
    /// the C engine is what to measure it by. An error if there is nothing.
    pub fn on(self, link: Link) -> Result<Self> {
        match (self.name, link) {
            ("ext2_rs", Link::C) => Ok(BESIDE_EXT2_RS),
            _ if self.suite.runs_on(link) => Ok(self),
            _ => bail!(
                "FS={}: there is none for {}, since {}.ko is linked to iomap_rs.ko; leave it \
                 out of FS, or run it with MODE=module",
                self.name,
                link.option(),
                self.name
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], section_kind: Option<&str>) -> Result<Vec<&'static str>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let clients = Client::chosen(&names, section_kind)?;
        Ok(clients.iter().map(|client| client.name).collect())
    }

    #[test]
    fn a_section_says_which_filesystem_it_is_for() -> Result<()> {
        assert_eq!(chosen(&[], None)?, USUAL);
        assert_eq!(chosen(&[], Some("btrfs"))?, ["btrfs"]);
        assert_eq!(chosen(&["ext2_rs", "ext2_rs"], Some("ext2"))?, ["ext2_rs"]);
        let text = chosen(&["ext2", "xfs"], Some("ext2")).err();
        let text = text.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            text.starts_with("FS=xfs: the section has FSTYP=ext2"),
            "{text}"
        );
        Ok(())
    }

    #[test]
    fn one_that_is_not_known_is_told_what_there_is() {
        for error in [chosen(&[], Some("overlay")), chosen(&["overlay"], None)] {
            let text = error.err().map(|error| error.to_string());
            let text = text.unwrap_or_default();
            assert!(text.starts_with("overlay is no filesystem"), "{text}");
            assert!(text.contains("FSTYP of the section") && text.contains("xfs, ext4"));
        }
    }

    #[test]
    fn beside_ext2_rs_stands_ext2() -> Result<()> {
        let client = Client::by_name("ext2_rs")?;
        assert_eq!(client.on(Link::C)?.kernel_type, None);
        assert_eq!(client.on(Link::Module)?.kernel_type, Some("ext2_rs"));
        assert_eq!(client.on(Link::C)?.kind, client.kind);
        // Else the guests would write over each other's disks.
        let ext2 = Client::by_name("ext2")?.on(Link::C)?;
        assert_ne!(client.on(Link::C)?.suite.name, ext2.suite.name);
        Ok(())
    }

    #[test]
    fn a_second_engine_has_a_disk_more() -> Result<()> {
        let roles = |suite: Suite| -> Vec<&str> { suite.disks.iter().map(|d| d.role).collect() };
        let client = Client::by_name("xfs")?;
        let one = roles(client.suite_of_one());
        let [test, also] = FstestsSpec::TEST_DISKS;
        assert_eq!(one, [test, "scratch", "logwrites"]);
        assert_eq!(roles(client.suite_of_two()), [&one[..], &[also]].concat());
        Ok(())
    }

    #[test]
    fn ext2_rs_needs_the_engines_module() -> Result<()> {
        let client = Client::by_name("ext2_rs")?;
        for (link, option) in [(Link::Builtin, "MODE=builtin"), (Link::Live, "MODE=live")] {
            let text = client.on(link).err().map(|error| error.to_string());
            let text = text.unwrap_or_default();
            assert!(
                text.contains(option) && text.contains("MODE=module"),
                "{text}"
            );
        }
        assert!(Client::by_name("xfs")?.on(Link::Live).is_ok());
        Ok(())
    }
}

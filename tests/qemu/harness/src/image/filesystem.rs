// SPDX-License-Identifier: GPL-2.0

//! The filesystems under test and how their mkfs is called.

use std::path::Path;
use std::process::Command;

use anyhow::{bail, Context, Result};

use crate::process::output_of;
use crate::toolchain::Toolchain;

/// Fixed, so that images differ from run to run by time stamps at most.
const UUID: &str = "69a1e5b0-1f0c-4b5e-9d0e-10a9b10c5e55";

/// A filesystem with what mkfs has to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filesystem {
    Ext { kind: Ext, block_size: u32 },
    Btrfs,
    F2fs,
    Xfs { block_size: u32 },
    Gfs2 { block_size: u32 },
    Erofs(Erofs),
}

/// Where erofs has the data of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erofs {
    /// In blocks; what fills none at the end of a file, behind its inode.
    InlineTails,
    /// In blocks alone.
    Blocks,
    /// In pieces of this size, which files share; there may be holes.
    Chunks(u32),
}

/// Which of the ext family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    Two,
    /// The same on disk, for the driver in Rust.
    TwoInRust,
    Four,
}

impl Filesystem {
    pub const fn ext2(block_size: u32) -> Self {
        let kind = Ext::Two;
        Self::Ext { kind, block_size }
    }

    pub const fn ext2_rs(block_size: u32) -> Self {
        let kind = Ext::TwoInRust;
        Self::Ext { kind, block_size }
    }

    pub const fn ext4(block_size: u32) -> Self {
        let kind = Ext::Four;
        Self::Ext { kind, block_size }
    }

    pub const fn xfs(block_size: u32) -> Self {
        Self::Xfs { block_size }
    }

    pub const fn gfs2(block_size: u32) -> Self {
        Self::Gfs2 { block_size }
    }

    /// As mount(2) knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext { kind: Ext::Two, .. } => "ext2",
            Self::Ext {
                kind: Ext::TwoInRust,
                ..
            } => "ext2_rs",
            Self::Ext {
                kind: Ext::Four, ..
            } => "ext4",
            Self::Btrfs => "btrfs",
            Self::F2fs => "f2fs",
            Self::Xfs { .. } => "xfs",
            Self::Gfs2 { .. } => "gfs2",
            Self::Erofs(_) => "erofs",
        }
    }

    /// As mkfs knows it.
    fn format(self) -> &'static str {
        match self {
            Self::Ext {
                kind: Ext::TwoInRust,
                ..
            } => "ext2",
            _ => self.name(),
        }
    }

    /// Does it recover by a log when it is mounted?
    pub fn has_log(self) -> bool {
        match self {
            Self::Ext { kind, .. } => kind == Ext::Four,
            Self::Xfs { .. } | Self::F2fs | Self::Gfs2 { .. } => true,
            Self::Btrfs | Self::Erofs(_) => false,
        }
    }

    pub fn block_size(self) -> Option<u32> {
        match self {
            Self::Ext { block_size, .. } | Self::Xfs { block_size } | Self::Gfs2 { block_size } => {
                Some(block_size)
            }
            Self::Btrfs | Self::F2fs | Self::Erofs(_) => Some(4096),
        }
    }

    /// Makes the filesystem in a file, filled with the files under `tree`.
    pub fn make(self, tools: &Toolchain, image: &Path, tree: Option<&Path>) -> Result<()> {
        if let (Self::Xfs { .. } | Self::Gfs2 { .. }, Some(_)) = (self, tree) {
            // mkfs.xfs takes a description of the files, not the files; mkfs.gfs2 neither.
            bail!(
                "{} cannot be filled: give the disk Contents::Empty in suites.rs",
                self.name()
            );
        }
        let mut commands = vec![self.mkfs(tools, image, tree)];
        if let (Self::F2fs, Some(tree)) = (self, tree) {
            // mkfs.f2fs cannot fill what it makes.
            let mut sload = tools.command("sload.f2fs");
            sload.arg("-f").arg(tree).arg(image);
            commands.push(sload);
        }
        for command in &mut commands {
            output_of(command)
                .with_context(|| format!("cannot make {} in {}", self.name(), image.display()))?;
        }
        Ok(())
    }

    fn mkfs(self, tools: &Toolchain, image: &Path, tree: Option<&Path>) -> Command {
        let mut mkfs = tools.command(&format!("mkfs.{}", self.format()));
        match self {
            Self::Ext { kind, block_size } => {
                mkfs.args(["-q", "-F", "-m", "0", "-U", UUID, "-b"])
                    .arg(block_size.to_string());
                let seed = format!("hash_seed={UUID}");
                let options = match kind {
                    Ext::Two | Ext::TwoInRust => seed,
                    // Nothing left for the guest to initialize behind the tests' back.
                    Ext::Four => format!("{seed},lazy_itable_init=0,lazy_journal_init=0"),
                };
                mkfs.args(["-E", &options]);
                if let Some(tree) = tree {
                    mkfs.arg("-d").arg(tree);
                }
            }
            Self::Btrfs => {
                mkfs.args(["-q", "--uuid", UUID]);
                if let Some(tree) = tree {
                    mkfs.arg("--rootdir").arg(tree);
                }
            }
            Self::F2fs => {
                mkfs.args(["-q", "-f", "-U", UUID]);
            }
            Self::Xfs { block_size } => {
                mkfs.args(["-q", "-f", "-m"])
                    .arg(format!("reflink=1,uuid={UUID}"))
                    .arg("-b")
                    .arg(format!("size={block_size}"));
            }
            Self::Gfs2 { block_size } => {
                // One journal of 8 MiB: there is one node.
                mkfs.args(["-q", "-O", "-p", "lock_nolock", "-j", "1", "-J", "8"])
                    .args(["-U", UUID, "-b"])
                    .arg(block_size.to_string());
            }
            Self::Erofs(layout) => {
                mkfs.args(["--quiet", "-U", UUID]);
                match layout {
                    Erofs::InlineTails => {}
                    Erofs::Blocks => {
                        mkfs.arg("-Enoinline_data");
                    }
                    Erofs::Chunks(size) => {
                        mkfs.arg(format!("--chunksize={size}"));
                    }
                }
            }
        }
        mkfs.arg(image);
        if let (Self::Erofs(_), Some(tree)) = (self, tree) {
            mkfs.arg(tree);
        }
        mkfs
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Disk images: plain files with filesystems made and checked by the real
//! tools of the host.

mod corpus;
mod ext2_map;
mod filesystem;
mod fsck;
mod random;
mod tree;

pub use filesystem::{Erofs, Filesystem};
pub use fsck::{check, repair};
pub use tree::Tree;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::paths::make_dir;
use crate::suites::Suite;
use crate::toolchain::Toolchain;

/// What a disk holds at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Zeroes.
    Blank,
    /// A new filesystem.
    Empty(Filesystem),
    /// A filesystem with the tree of files in it.
    Tree(Filesystem),
    /// Many small ext2 filesystems, each damaged in another way.
    Corpus,
}

impl Contents {
    pub fn filesystem(self) -> Option<Filesystem> {
        match self {
            Self::Blank | Self::Corpus => None,
            Self::Empty(filesystem) | Self::Tree(filesystem) => Some(filesystem),
        }
    }
}

/// A disk of a suite as a file of the host.
#[derive(Clone, Debug)]
pub struct Image {
    pub role: &'static str,
    pub path: PathBuf,
    pub filesystem: Option<Filesystem>,
}

/// Makes all disks of a suite afresh in `dir`. `tree` fills those that want it.
pub fn make_all(
    tools: &Toolchain,
    suite: &Suite,
    dir: &Path,
    tree: Option<&Tree>,
) -> Result<Vec<Image>> {
    make_dir(dir)?;
    let make_one = |disk: &crate::suites::Disk| {
        let path = dir.join(format!("{}.img", disk.role));
        File::create(&path)
            .and_then(|file| file.set_len(disk.size_mib << 20))
            .with_context(|| format!("cannot create {}", path.display()))?;
        match disk.contents {
            Contents::Blank => {}
            Contents::Corpus => corpus::write(tools, &path)?,
            Contents::Empty(filesystem) => filesystem.make(tools, &path, None)?,
            Contents::Tree(filesystem) => {
                let tree = tree.context("a disk wants to be filled, but there is no tree")?;
                filesystem.make(tools, &path, Some(&tree.root))?;
            }
        }
        Ok(Image {
            role: disk.role,
            path,
            filesystem: disk.contents.filesystem(),
        })
    };
    suite.disks.iter().map(make_one).collect()
}

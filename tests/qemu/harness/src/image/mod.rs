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
use crate::suites::{Disk, Suite};
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

impl Image {
    fn new(disk: &Disk, dir: &Path) -> Self {
        Self {
            role: disk.role,
            path: dir.join(format!("{}.img", disk.role)),
            filesystem: disk.contents.filesystem(),
        }
    }
}

/// All disks of a suite as they are in `dir`, if they are there.
pub fn find_all(suite: &Suite, dir: &Path) -> Option<Vec<Image>> {
    let disks = suite.disks.iter();
    let images: Vec<_> = disks.map(|disk| Image::new(disk, dir)).collect();
    let all_there = images.iter().all(|image| image.path.exists());
    all_there.then_some(images)
}

/// Makes all disks of a suite afresh in `dir`. `tree` fills those that want it.
pub fn make_all(
    tools: &Toolchain,
    suite: &Suite,
    dir: &Path,
    tree: Option<&Tree>,
) -> Result<Vec<Image>> {
    make_dir(dir)?;
    let make_one = |disk: &Disk| {
        let image = Image::new(disk, dir);
        let path = &image.path;
        File::create(path)
            .and_then(|file| file.set_len(disk.size_mib << 20))
            .with_context(|| format!("cannot create {}", path.display()))?;
        match disk.contents {
            Contents::Blank => {}
            Contents::Corpus => corpus::write(tools, path)?,
            Contents::Empty(filesystem) => filesystem.make(tools, path, None)?,
            Contents::Tree(filesystem) => {
                let tree = tree.context("a disk wants to be filled, but there is no tree")?;
                filesystem.make(tools, path, Some(&tree.root))?;
            }
        }
        Ok(image)
    };
    suite.disks.iter().map(make_one).collect()
}

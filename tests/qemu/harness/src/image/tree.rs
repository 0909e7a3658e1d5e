// SPDX-License-Identifier: GPL-2.0

//! A real tree of files: sizes from nothing to 8 MiB, deep directories, holes,
//! odd names. The same on every run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iomap_qemu_protocol::{encode_path, ManifestEntry};

use super::random::Random;
use crate::hash;
use crate::paths::make_dir;

/// The tree on the host's disk, and what is in it.
#[derive(Debug)]
pub struct Tree {
    pub root: PathBuf,
    pub manifest: Vec<ManifestEntry>,
}

/// Names that programs which split lines or words would stumble over.
const ODD_NAMES: &[&[u8]] = &[
    b"two words",
    b"-rf",
    b"quote\"d",
    b"new\nline",
    b"100%",
    b"#hash",
    b"back\\slash",
    "\u{fc}mlaut \u{65e5}\u{672c}".as_bytes(),
    b"not utf-8 \xff\xfe",
];

/// Sizes around everything that divides a file: sector, block, page, and the
/// steps of ext2's block map (12 direct blocks, then indirect ones).
const EDGE_SIZES: &[u64] = &[
    0, 1, 511, 512, 513, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 12_288, 12_289, 49_152, 49_153,
    65_536, 274_432, 274_433, 1_048_575, 1_048_577,
];

/// Large files, in MiB.
const LARGE: &[u64] = &[2, 3, 5, 8, 8];

const ORDINARY_FILES: u64 = 240;
const SPARSE_FILES: u64 = 12;
const DEPTH: u64 = 24;

impl Tree {
    /// Writes the tree under `root`.
    pub fn generate(root: &Path) -> Result<Self> {
        let mut tree = Self {
            root: root.to_owned(),
            manifest: Vec::new(),
        };
        let mut random = Random::new(0x696f_6d61_705f_7273);
        for &size in EDGE_SIZES {
            let name = PathBuf::from(format!("edges/{size}-bytes"));
            tree.add(&name, &mut random, &[(0, size)], size)?;
        }
        for (number, size) in LARGE.iter().enumerate() {
            let name = PathBuf::from(format!("large/{number}-{size}MiB"));
            tree.add(&name, &mut random, &[(0, size << 20)], size << 20)?;
        }
        for number in 0..ORDINARY_FILES {
            // As in a real tree, most are small and a few are not.
            let limit = 1 << (8 + random.below(12));
            let size = random.below(limit);
            let name = format!("plain/{}/{}/file-{number}", number % 7, number % 5);
            tree.add(Path::new(&name), &mut random, &[(0, size)], size)?;
        }
        for number in 0..SPARSE_FILES {
            let size = (1 + random.below(64)) << 16;
            let data = [0, 1, 2].map(|_| (random.below(size), 1 + random.below(20_000)));
            let name = PathBuf::from(format!("sparse/{number}"));
            tree.add(&name, &mut random, &data, size)?;
        }
        for name in ODD_NAMES {
            let name = Path::new("odd").join(OsStr::from_bytes(name));
            let size = random.below(10_000);
            tree.add(&name, &mut random, &[(0, size)], size)?;
        }
        let mut deep = PathBuf::from("deep");
        for level in 0..DEPTH {
            deep.push(format!("level-{level}"));
        }
        tree.add(&deep.join("at the bottom"), &mut random, &[(0, 3000)], 3000)?;
        Ok(tree)
    }

    /// A file of `size` bytes that holds data at the given ranges and holes elsewhere.
    fn add(
        &mut self,
        name: &Path,
        random: &mut Random,
        data: &[(u64, u64)],
        size: u64,
    ) -> Result<()> {
        let path = self.root.join(name);
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        write_file(&path, random, data, size)
            .with_context(|| format!("cannot write {}", path.display()))?;
        self.manifest.push(ManifestEntry {
            path: encode_path(name),
            size,
            sha256: hash::hex_of_file(&path)?,
        });
        Ok(())
    }
}

fn write_file(
    path: &Path,
    random: &mut Random,
    data: &[(u64, u64)],
    size: u64,
) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    for &(from, length) in data {
        let length = length.min(size.saturating_sub(from));
        file.seek(SeekFrom::Start(from))?;
        file.write_all(&random.bytes(length))?;
    }
    file.set_len(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_same_every_time() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let one = Tree::generate(&dir.path().join("one"))?;
        let two = Tree::generate(&dir.path().join("two"))?;
        assert_eq!(one.manifest, two.manifest);
        assert!(one.manifest.len() > 250, "{}", one.manifest.len());
        let mib = one.manifest.iter().map(|entry| entry.size).sum::<u64>() >> 20;
        assert!((40..100).contains(&mib), "{mib} MiB");
        Ok(())
    }

    #[test]
    fn sparse_files_have_holes() -> Result<()> {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("file");
        write_file(&path, &mut Random::new(1), &[(1 << 20, 100)], 1 << 21)?;
        let meta = std::fs::metadata(&path)?;
        assert_eq!(meta.len(), 1 << 21);
        assert!(meta.blocks() * 512 < 1 << 20);
        Ok(())
    }
}

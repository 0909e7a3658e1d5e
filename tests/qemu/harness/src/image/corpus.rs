// SPDX-License-Identifier: GPL-2.0

//! A disk full of small ext2 filesystems, each of them damaged: bits flipped and
//! numbers replaced in one sort of structure, or anywhere.

use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::{symlink, FileExt};
use std::path::Path;
use std::process::Stdio;
use std::slice::from_ref;

use anyhow::{ensure, Context, Result};
use iomap_qemu_protocol::corpus::{Corpus, Series, SLOT};

use super::ext2_map::{map, Map};
use super::random::Random;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// Filesystems of each series.
const COUNT: u64 = 130;

/// Makes another disk: `CORPUS_SEED=5 make test T=corrupt`.
const SEED_VARIABLE: &str = "CORPUS_SEED";
const SEED: u64 = 20_241_117;

/// Where a series damages a filesystem; nowhere: anywhere.
type Places = fn(&Map) -> &[Range<usize>];

/// What is damaged, by the name of its series.
const SERIES: [(&str, Places); 8] = [
    ("superblock", |map| from_ref(&map.superblock)),
    ("descriptors", |map| from_ref(&map.descriptors)),
    ("bitmaps", |map| &map.bitmaps),
    ("inodes", |map| &map.inodes),
    ("pointers", |map| &map.pointers),
    ("directories", |map| &map.directories),
    ("attributes", |map| &map.attributes),
    ("anything", |_| &[]),
];

/// What the filesystems are made with.
const SHAPES: [&[&str]; 4] = [
    &["-b", "1024", "-I", "128"],
    &["-b", "1024", "-I", "256"],
    &["-b", "2048", "-I", "128", "-O", "^dir_index"],
    &[
        "-b",
        "4096",
        "-I",
        "128",
        "-O",
        "^sparse_super,^resize_inode",
    ],
];

/// A sound filesystem, and where what is in it.
struct Sound {
    bytes: Vec<u8>,
    map: Map,
}

/// Writes the disk.
pub fn write(tools: &Toolchain, path: &Path) -> Result<()> {
    let seed = seed()?;
    let sound = sound(tools)?;
    let disk = File::options()
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let mut random = Random::new(seed);
    let mut corpus = Corpus {
        seed,
        series: Vec::new(),
    };
    let mut slot = 1;
    for (name, place) in SERIES {
        corpus.series.push(Series {
            name: name.to_owned(),
            first: slot,
            count: COUNT,
        });
        for number in 0..COUNT {
            let sound = sound
                .get(number as usize % SHAPES.len())
                .context("no filesystem")?;
            let mut bytes = sound.bytes.clone();
            damage(&mut bytes, place(&sound.map), &mut random);
            write_sparse(&disk, &bytes, slot * SLOT).context("cannot write the corpus")?;
            slot += 1;
        }
    }
    let index = serde_json::to_vec(&corpus).context("cannot write the index")?;
    disk.write_all_at(&index, 0)
        .context("cannot write the index")?;
    let size = disk.metadata().context("cannot stat the disk")?.len();
    ensure!(size >= slot * SLOT, "a disk of {size} bytes is too small");
    Ok(())
}

fn seed() -> Result<u64> {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{SEED_VARIABLE}={text}")),
        Err(_) => Ok(SEED),
    }
}

/// Changes one to six places, in `ranges` or anywhere.
fn damage(bytes: &mut [u8], ranges: &[Range<usize>], random: &mut Random) {
    // There is nothing behind the first half.
    let everywhere = 0..bytes.len() / 2;
    let ranges = match ranges {
        [] => from_ref(&everywhere),
        some => some,
    };
    // Mostly one: what is broken in many ways is refused early.
    let times = match random.below(4) {
        0 => 2 + random.below(5),
        _ => 1,
    };
    for _ in 0..times {
        let Some(range) = random.pick(ranges) else {
            return;
        };
        let at = range.start + random.below(range.len() as u64) as usize;
        match random.below(3) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            _ => {
                // A number that is wrong in an interesting way.
                let small = random.below(1100) as u32;
                let values = [
                    0,
                    1,
                    2,
                    3,
                    12,
                    255,
                    1023,
                    1024,
                    0x7fff_ffff,
                    u32::MAX,
                    small,
                    small,
                ];
                let value = random.pick(&values).copied().unwrap_or_default();
                if let Some(word) = bytes.get_mut(at & !3..(at & !3) + 4) {
                    word.copy_from_slice(&value.to_le_bytes());
                }
            }
        }
    }
}

/// Leaves out what is zeros.
fn write_sparse(disk: &File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
    const PIECE: usize = 4096;
    for (piece, at) in bytes.chunks(PIECE).zip((offset..).step_by(PIECE)) {
        if piece.iter().any(|byte| *byte != 0) {
            disk.write_all_at(piece, at)?;
        }
    }
    Ok(())
}

/// Makes the filesystems that are damaged later.
fn sound(tools: &Toolchain) -> Result<Vec<Sound>> {
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let tree = dir.path().join("tree");
    write_tree(&tree).context("cannot write the files of the corpus")?;
    let make = |options: &&[&str]| {
        let path = dir.path().join("image");
        let mut mkfs = tools.command("mkfs.ext2");
        mkfs.args([
            "-q",
            "-F",
            "-N",
            "128",
            "-U",
            "69a1e5b0-1f0c-4b5e-9d0e-10a9b10c5e55",
        ])
        .args(*options)
        .arg("-d")
        .arg(&tree)
        .arg(&path)
        .arg("1M");
        output_of(&mut mkfs)?;
        add_specials(tools, &path)?;
        let bytes = fs::read(&path).context("cannot read the image")?;
        fs::remove_file(&path).context("cannot remove the image")?;
        let map = map(&bytes);
        ensure!(
            !map.pointers.is_empty() && !map.attributes.is_empty() && map.directories.len() > 3,
            "nothing to damage: {map:?}"
        );
        Ok(Sound { bytes, map })
    };
    SHAPES.iter().map(make).collect()
}

fn write_tree(root: &Path) -> std::io::Result<()> {
    fs::create_dir_all(root.join("dir/deep/deeper"))?;
    fs::create_dir(root.join("many"))?;
    for number in 0..24 {
        let name = format!("many/{number}-{}", "n".repeat(number * 5));
        fs::write(root.join(name), number.to_string())?;
    }
    let mut random = Random::new(1);
    fs::write(root.join("direct"), random.bytes(7000))?;
    fs::write(root.join("dir/indirect"), random.bytes(60_000))?;
    let sparse = File::create(root.join("dir/double"))?;
    sparse.write_all_at(&random.bytes(5000), 5 << 20)?;
    fs::write(root.join("dir/deep/deeper/leaf"), "leaf")?;
    symlink("dir/deep", root.join("fast"))?;
    symlink("s".repeat(200), root.join("slow"))
}

/// What only root could put into the tree.
fn add_specials(tools: &Toolchain, image: &Path) -> Result<()> {
    let mut debugfs = tools.command("debugfs");
    let mut child = debugfs
        .args(["-w", "-f", "-"])
        .arg(image)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run debugfs")?;
    let long = "v".repeat(120);
    let commands = format!(
        "mknod node c 5 1\nmknod pipe p\n\
         ea_set direct user.first one\nea_set direct user.second {long}\n\
         ea_set dir user.third {long}\nea_set dir trusted.fourth {long}\n"
    );
    let mut input = child.stdin.take().context("no pipe to debugfs")?;
    input
        .write_all(commands.as_bytes())
        .context("cannot write to debugfs")?;
    drop(input);
    let status = child.wait().context("cannot wait for debugfs")?;
    ensure!(status.success(), "debugfs: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_stays_where_it_should() {
        let mut random = Random::new(3);
        let places = [100..200, 4096..4100];
        let mut changed = 0;
        for _ in 0..1000 {
            let mut bytes = vec![0x5a; 1 << 14];
            damage(&mut bytes, &places, &mut random);
            let differ = |at: &usize| bytes.get(*at) != Some(&0x5a);
            let at: Vec<usize> = (0..bytes.len()).filter(differ).collect();
            assert!(
                at.iter()
                    .all(|at| places.iter().any(|place| place.contains(at))),
                "{at:?}"
            );
            changed += usize::from(!at.is_empty());
        }
        assert!(changed > 900, "{changed}");
    }
}

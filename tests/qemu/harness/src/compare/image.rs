// SPDX-License-Identifier: GPL-2.0

//! Two disks that the same workloads have written, byte by byte. Filesystems mark
//! metadata with random numbers, times and places in the log; all else must be the
//! same: data, the ends of blocks, free space, and where things are.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{bail, Context, Result};
use regex::Regex;

use crate::image::{Filesystem, Image};
use crate::process::output_of;
use crate::toolchain::Toolchain;

const SECTOR: usize = 512;
const CHUNK: usize = 1 << 20;

/// First bytes of XFS's metadata, each with a log number, most with a checksum:
/// superblock, space and inode trees of an allocation group, inodes, directories,
/// extent trees, symbolic links, attributes.
const XFS_MAGIC: &[&[u8]] = &[
    b"XFSB", b"XAGF", b"XAGI", b"XAFL", b"AB3B", b"AB3C", b"IAB3", b"FIB3", b"RMB3", b"R3FC",
    b"IN", b"XDB3", b"XDD3", b"XDF3", b"BMA3", b"XSLM", b"XARM",
];

/// The places of a filesystem whose bytes are not the same in every run.
struct Marked {
    /// In bytes.
    ranges: Vec<Range<u64>>,
    is_xfs: bool,
    block_size: usize,
}

/// What differs, in sectors of 512 bytes; empty if nothing does that matters. The
/// number is of sectors that differ and may.
pub fn compare_images(
    tools: &Toolchain,
    reference: &Image,
    other: &Image,
) -> Result<(Vec<u64>, usize)> {
    let filesystem = reference.filesystem.context("a disk without filesystem")?;
    let marked = Marked::of(tools, filesystem, &reference.path)?;
    let open =
        |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (a, b) = (open(&reference.path)?, open(&other.path)?);
    let size = a.metadata().context("cannot stat a disk")?.len();
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    let (mut differ, mut excused) = (Vec::new(), 0);
    for start in (0..size).step_by(CHUNK) {
        a.read_exact_at(&mut left, start)
            .and_then(|()| b.read_exact_at(&mut right, start))
            .context("cannot read a disk")?;
        if left == right {
            continue;
        }
        let blocks = left
            .chunks(marked.block_size)
            .zip(right.chunks(marked.block_size));
        for (index, (left, right)) in blocks.enumerate() {
            let at = start + (index * marked.block_size) as u64;
            let sectors = left.chunks(SECTOR).zip(right.chunks(SECTOR));
            for (index, (one, two)) in sectors.enumerate() {
                let at = at + (index * SECTOR) as u64;
                if one == two {
                } else if marked.excuses(at, one, two) || marked.only_checksum(left, right) {
                    excused += 1;
                } else {
                    differ.push(at / SECTOR as u64);
                }
            }
        }
    }
    Ok((differ, excused))
}

impl Marked {
    fn of(tools: &Toolchain, filesystem: Filesystem, image: &Path) -> Result<Self> {
        let block_size = filesystem.block_size().context("no block size")?;
        let ranges = match filesystem {
            Filesystem::Xfs { .. } => {
                let mut xfs_db = tools.command("xfs_db");
                xfs_db
                    .args(["-r", "-c", "sb 0"])
                    .args(["-c", "print logstart logblocks agblocks agblklog"])
                    .arg(image);
                [xfs_log(&output_of(&mut xfs_db)?, block_size)?].into()
            }
            Filesystem::Ext { .. } => {
                let mut dumpe2fs = tools.command("dumpe2fs");
                let mut ranges = ext_tables(&output_of(dumpe2fs.arg(image))?, block_size)?;
                let mut debugfs = tools.command("debugfs");
                debugfs.args(["-R", "blocks <8>"]).arg(image);
                ranges.extend(blocks(&output_of(&mut debugfs)?, block_size));
                ranges
            }
            _ => bail!("no way to compare disks with {}", filesystem.name()),
        };
        Ok(Self {
            ranges,
            is_xfs: matches!(filesystem, Filesystem::Xfs { .. }),
            block_size: block_size as usize,
        })
    }

    /// May the sectors at that place differ?
    fn excuses(&self, at: u64, one: &[u8], two: &[u8]) -> bool {
        let metadata = |sector: &[u8]| XFS_MAGIC.iter().any(|magic| sector.starts_with(magic));
        self.ranges.iter().any(|range| range.contains(&at))
            || self.is_xfs && metadata(one) && metadata(two)
    }

    /// Are these blocks of ext4's directories or extents that differ in their checksums
    /// alone? Those depend on the inode's random generation.
    fn only_checksum(&self, one: &[u8], two: &[u8]) -> bool {
        const CHECKSUM: usize = 4;
        const DIRECTORY_TAIL: &[u8] = &[0, 0, 0, 0, 12, 0, 0, 0xDE];
        let Some(body) = one
            .len()
            .checked_sub(CHECKSUM)
            .and_then(|end| one.get(..end))
        else {
            return false;
        };
        let known = body.starts_with(&[0x0A, 0xF3]) || body.ends_with(DIRECTORY_TAIL);
        !self.is_xfs && known && two.starts_with(body)
    }
}

/// The log, from what xfs_db prints of the superblock.
fn xfs_log(text: &str, block_size: u32) -> Result<Range<u64>> {
    let field = |name: &str| -> Result<u64> {
        let prefix = format!("{name} = ");
        let value = text.lines().find_map(|line| line.strip_prefix(&prefix));
        value
            .and_then(|value| value.trim().parse().ok())
            .with_context(|| format!("xfs_db tells no {name}"))
    };
    // Numbers of blocks have the allocation group in their upper bits.
    let (start, bits) = (field("logstart")?, field("agblklog")?);
    let block = (start >> bits) * field("agblocks")? + (start & ((1 << bits) - 1));
    let size = u64::from(block_size);
    let first = block * size;
    Ok(first..first + field("logblocks")? * size)
}

/// Superblocks, group descriptors and inode tables, from what dumpe2fs prints.
fn ext_tables(text: &str, block_size: u32) -> Result<Vec<Range<u64>>> {
    let pattern =
        Regex::new(r"(?:[Ss]uperblock|Group descriptors|Inode table) at (\d+)(?:-(\d+))?")?;
    let size = u64::from(block_size);
    let range = |found: regex::Captures<'_>| {
        let number = |index| found.get(index)?.as_str().parse::<u64>().ok();
        let first = number(1)?;
        Some(first * size..(number(2).unwrap_or(first) + 1) * size)
    };
    let mut ranges: Vec<_> = pattern.captures_iter(text).filter_map(range).collect();
    if ranges.is_empty() {
        bail!("dumpe2fs tells of no inode tables");
    }
    // With large blocks the superblock does not start its block.
    ranges.push(1024..2048);
    Ok(ranges)
}

/// Blocks of the journal's inode, from what debugfs prints; ext2 has none.
fn blocks(text: &str, block_size: u32) -> Vec<Range<u64>> {
    let size = u64::from(block_size);
    let numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
    numbers
        .filter(|block| *block != 0)
        .map(|block: u64| block * size..(block + 1) * size)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_found() -> Result<()> {
        let text = "logstart = 65542\nlogblocks = 16384\nagblocks = 20480\nagblklog = 15\n";
        // Block 6 of group 2.
        let first = (2 * 20_480 + 6) * 4096;
        assert_eq!(xfs_log(text, 4096)?, first..first + 16_384 * 4096);
        assert!(xfs_log("logstart = 1\n", 4096).is_err());
        Ok(())
    }

    #[test]
    fn tables_are_found() -> Result<()> {
        let text = "  Primary superblock at 1, Group descriptors at 2-3\n\
                    \x20 Inode table at 38-100 (+37)\n";
        let found = ext_tables(text, 1024)?;
        assert_eq!(
            found,
            [1024..2048, 2048..4096, 38 * 1024..101 * 1024, 1024..2048]
        );
        assert!(ext_tables("", 1024).is_err());
        Ok(())
    }

    #[test]
    fn only_what_is_marked_may_differ() {
        let marked = Marked {
            ranges: vec![0..512, 1024..2048],
            is_xfs: true,
            block_size: 4096,
        };
        let (data, inode) = (vec![1; 512], [b"IN".as_slice(), &[7; 510]].concat());
        assert!(marked.excuses(1536, &data, &inode));
        assert!(!marked.excuses(2048, &data, &inode));
        assert!(marked.excuses(2048, &inode, &inode));
        assert!(!marked.excuses(2048, &data, &data));
    }

    #[test]
    fn checksums_are_of_metadata_alone() {
        let marked = Marked {
            ranges: Vec::new(),
            is_xfs: false,
            block_size: 1024,
        };
        let block = |start: u8, end: u8| {
            let mut block = vec![0x55; 1024];
            block[..2].copy_from_slice(&[start, 0xF3]);
            block[1023] = end;
            block
        };
        assert!(marked.only_checksum(&block(0x0A, 1), &block(0x0A, 2)));
        assert!(!marked.only_checksum(&block(0x0B, 1), &block(0x0B, 2)));
        let mut other = block(0x0A, 2);
        other[100] = 0;
        assert!(!marked.only_checksum(&block(0x0A, 1), &other));
    }
}

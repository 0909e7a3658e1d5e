// SPDX-License-Identifier: GPL-2.0

//! A long random mix of everything that changes a file through the page cache, by
//! direct I/O, or both.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::data::random::Random;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("buffered_mix", suites::PAGE_CACHE, mix)
        .doc(
            "A random mix of writes, stores, truncates, punches, zeroing and preallocation \
             leaves what a file in memory would hold.",
        )
        .holds(&[
            "RD-8", "BW-12", "BW-14", "BW-20", "BW-22", "ZR-1", "ZR-3", "ZR-6", "MK-2", "WB-7",
        ]),
    Case::new("buffered_mix_small", suites::PAGE_CACHE, mix_small)
        .doc("The same within a few pages, where ranges share blocks and folios.")
        .holds(&["RD-4", "RL-2", "BW-14", "ZR-3", "WB-5"]),
    Case::new("mix_with_direct", suites::EXT_XFS_GFS2, with_direct)
        .doc(
            "Direct reads and writes of sectors among all that leave what a file in memory \
             would hold.",
        )
        .holds(&["DIO-3", "DIO-6", "DIO-33", "BW-14", "WB-7"]),
];

/// How far the file reaches, how long ranges are, how many steps are taken.
struct Plan {
    limit: usize,
    longest: usize,
    steps: usize,
    seed: u64,
    /// Direct I/O takes part.
    direct: bool,
}

fn mix(context: &Context) -> Result<()> {
    run(
        context,
        &Plan {
            limit: 2 * MIB,
            longest: 200 * KIB,
            steps: 600,
            seed: 1,
            direct: false,
        },
    )
}

fn mix_small(context: &Context) -> Result<()> {
    run(
        context,
        &Plan {
            limit: 40 * KIB,
            longest: 9 * KIB,
            steps: 2_000,
            seed: 2,
            direct: false,
        },
    )
}

fn with_direct(context: &Context) -> Result<()> {
    run(
        context,
        &Plan {
            limit: 512 * KIB,
            longest: 100 * KIB,
            steps: 800,
            seed: 3,
            direct: true,
        },
    )
}

/// The two ways to the file.
struct Ways {
    buffered: File,
    direct: File,
    /// What the filesystem does not have is left out.
    allocates: bool,
    zeroes: bool,
}

fn run(context: &Context, plan: &Plan) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let ways = Ways {
        buffered: mirror.buffered()?,
        direct: mirror.direct()?,
        allocates: !context.is_ext2(),
        zeroes: !context.is_ext2() && context.fs() != "gfs2",
    };
    let kinds = if plan.direct { 22 } else { 16 };
    let mut random = Random::new(plan.seed);
    for number in 0..plan.steps {
        let kind = random.below(kinds);
        let (offset, length) = random.range(plan.limit, plan.longest, 1);
        step(&mut mirror, &ways, kind, offset, length)
            .with_context(|| format!("step {number}, kind {kind}: {length} bytes at {offset}"))?;
    }
    mirror.verify()
}

fn step(mirror: &mut Mirror, ways: &Ways, kind: usize, offset: usize, length: usize) -> Result<()> {
    let file = &ways.buffered;
    let (place, size) = (offset as u64, length as u64);
    match kind {
        0..=3 => mirror.write(file, place, length),
        4..=6 => read(mirror, file, offset, length),
        7 => store(mirror, file, offset, length),
        8 => load(mirror, file, offset, length),
        9 => {
            file.set_len(place).context("truncate")?;
            mirror.set_length(offset);
            Ok(())
        }
        10 if ways.allocates => {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            fallocate(file, flags, place, size).context("punch")?;
            zero_inside(mirror, offset, length)
        }
        11 if ways.zeroes => {
            fallocate(file, FallocateFlags::ZERO_RANGE, place, size).context("zero range")?;
            grow(mirror, offset + length);
            zero_inside(mirror, offset, length)
        }
        12 if ways.allocates => {
            fallocate(file, FallocateFlags::empty(), place, size).context("fallocate")?;
            grow(mirror, offset + length);
            Ok(())
        }
        13 => file.sync_all().context("fsync"),
        14 => mirror.drop_cache(),
        16..=18 => {
            let (offset, length) = sectors(offset, length);
            mirror.write(&ways.direct, offset as u64, length)
        }
        19..=21 => {
            let (offset, length) = sectors(offset, length);
            read(mirror, &ways.direct, offset, length)
        }
        _ => mirror.verify_buffered(),
    }
}

/// The range of whole sectors around a range.
fn sectors(offset: usize, length: usize) -> (usize, usize) {
    let start = offset - offset % SECTOR;
    (start, (offset + length - start).next_multiple_of(SECTOR))
}

fn read(mirror: &Mirror, file: &File, offset: usize, length: usize) -> Result<()> {
    let mut found = AlignedBuf::filled(length, 0xEE)?;
    let count = file.read_at(&mut found, offset as u64).context("read")?;
    let found = found.get(..count).unwrap_or_default();
    pattern::compare(mirror.range(offset, length), found, offset as u64)
}

/// The part of a range that a mapping of the file may touch.
fn inside(mirror: &Mirror, offset: usize, length: usize) -> usize {
    mirror.range(offset, length).len()
}

fn store(mirror: &mut Mirror, file: &File, offset: usize, length: usize) -> Result<()> {
    let length = inside(mirror, offset, length);
    if length == 0 {
        return Ok(());
    }
    let mapping = FileMapping::new(file, offset + length).context("mmap")?;
    let bytes = mirror.stamp(offset as u64, length)?;
    Ok(mapping.write(offset, &bytes)?)
}

fn load(mirror: &Mirror, file: &File, offset: usize, length: usize) -> Result<()> {
    let length = inside(mirror, offset, length);
    if length == 0 {
        return Ok(());
    }
    let mapping = FileMapping::new(file, offset + length).context("mmap")?;
    let mut found = vec![0xEE; length];
    mapping.read(offset, &mut found)?;
    pattern::compare(mirror.range(offset, length), &found, offset as u64).context("by a mapping")
}

fn grow(mirror: &mut Mirror, end: usize) {
    let length = mirror.bytes().len().max(end);
    mirror.set_length(length);
}

fn zero_inside(mirror: &mut Mirror, offset: usize, length: usize) -> Result<()> {
    let zeros = vec![0; inside(mirror, offset, length)];
    if zeros.is_empty() {
        return Ok(());
    }
    mirror.note(offset as u64, &zeros)
}

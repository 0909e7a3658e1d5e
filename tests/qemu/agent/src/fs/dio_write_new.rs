// SPDX-License-Identifier: GPL-2.0

//! Direct writes into holes and into blocks that were never written.

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern::{self, STALE};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fiemap::{self, EXTENT_UNWRITTEN};
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dio_write_hole", suites::ALL, write_hole)
        .doc("Writes into holes land, and what they leave of each block is zeros.")
        .holds(&["DIO-17", "DIO-24"]),
    Case::new("dio_write_data_and_hole", suites::ALL, write_data_and_hole)
        .doc("One write over data, hole and data again is whole.")
        .holds(&["DIO-24"]),
    Case::new("dio_write_hole_falls_back", suites::EXT2, hole_falls_back)
        .doc(
            "Where blocks cannot be filled directly the engine stops at the hole and the \
              filesystem goes on through the page cache, which it empties again.",
        )
        .holds(&["DIO-24", "IT-5", "IT-9"]),
    Case::new("dio_write_new_sub_block", suites::ALL, new_sub_block)
        .doc("A sector written into a new block leaves the rest of the block zeroed.")
        .holds(&["DIO-12", "DIO-17"]),
    Case::new("dio_write_eof_tail", suites::EXT_XFS, eof_tail)
        .doc(
            "A write up to the end of the file zeroes the rest of its last block, though the \
              block is not new.",
        )
        .holds(&["DIO-17"]),
    Case::new("dio_write_unwritten", suites::UNWRITTEN, write_unwritten)
        .doc("Preallocated blocks become data where they are written and stay zeros elsewhere.")
        .holds(&["DIO-10", "DIO-12", "DIO-17"]),
    Case::new(
        "dio_write_unwritten_converts",
        suites::EXT4_XFS,
        unwritten_converts,
    )
    .doc("Completion turns exactly the written blocks of a preallocated file into data.")
    .holds(&["DIO-12", "DIO-32"]),
];

/// Offsets and lengths in and over the blocks of a file, in ascending order.
const PIECES: &[(usize, usize)] = &[
    (512, 512),
    (4 * KIB, 4 * KIB),
    (11 * KIB + 512, 1024),
    (20 * KIB + 512, 10 * KIB),
    (64 * KIB, 64 * KIB),
    (200 * KIB - 512, 1024),
    (256 * KIB - 512, 512),
];

fn write_hole(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    file.set_len(256 * KIB as u64)?;
    mirror.set_length(256 * KIB);
    for &(offset, length) in PIECES {
        mirror.write(&file, offset as u64, length)?;
        mirror.verify_direct()?;
    }
    mirror.verify()
}

fn write_data_and_hole(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    for offset in [0, 64 * KIB, 96 * KIB, 252 * KIB] {
        mirror.write(&file, offset as u64, 4 * KIB)?;
    }
    mirror.write(&file, 512, 200 * KIB)?;
    mirror.verify()?;
    mirror.write(&file, 0, 512 * KIB)?;
    mirror.verify()
}

fn hole_falls_back(context: &Context) -> Result<()> {
    /// A page that somebody else holds on to just then stays.
    const ATTEMPTS: usize = 5;
    let mut resident = Vec::new();
    for number in 0..ATTEMPTS {
        resident = fall_back(context, context.path(&format!("file-{number}"))?)?;
        if !resident.contains(&true) {
            return Ok(());
        }
    }
    bail!("pages of the fallback stay in the cache: {resident:?}")
}

/// Writes to holes; which pages are in the cache then.
fn fall_back(context: &Context, path: PathBuf) -> Result<Vec<bool>> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::filled(path, 1, 4 * block)?;
    let file = mirror.direct()?;
    let size = 64 * block;
    file.set_len(size as u64)?;
    mirror.set_length(size);
    let mapping = FileMapping::new(&mirror.buffered()?, size)?;

    // Two blocks of data, then six of the hole.
    let offset = 2 * block;
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || {
        mirror.write(&file, offset as u64, 8 * block)
    })?;
    let complete = events
        .iter()
        .find(|event| event.name == "iomap_dio_complete")
        .context("no iomap_dio_complete")?;
    ensure!(
        complete.number("ret")? == 2 * block as i64,
        "the engine wrote something else than the data: {}",
        complete.text
    );
    let resident = mapping.resident()?;
    mirror.verify()?;

    // Nothing but hole: the engine has done nothing at all, which is no error.
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || {
        mirror.write(&file, 32 * block as u64, block)
    })?;
    let complete = events
        .iter()
        .find(|event| event.name == "iomap_dio_complete")
        .context("no iomap_dio_complete")?;
    ensure!(complete.number("ret")? == 0, "{}", complete.text);
    mirror.verify()?;
    Ok(resident)
}

fn new_sub_block(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    for sector in 0..16_u8 {
        let path = context.path(&format!("file{sector}"))?;
        let mut mirror = Mirror::create(path, sector + 1)?;
        let file = mirror.direct()?;
        let offset = usize::from(sector) * SECTOR;
        mirror.write(&file, offset as u64, SECTOR)?;
        mirror.verify()?;
        let size = 32 * KIB;
        file.set_len(size as u64)?;
        mirror.set_length(size);
        mirror.verify()?;
    }
    Ok(())
}

fn eof_tail(context: &Context) -> Result<()> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, SECTOR)?;
    let extents = fiemap::extents(&mirror.direct()?)?;
    let after = extents.first().context("no extent")?.physical + SECTOR as u64;

    // Nothing in a filesystem leaves data after the end: the disk itself has to.
    let stale = AlignedBuf::filled(block - SECTOR, STALE)?;
    context.with_raw_disk(|disk| Ok(disk.write_all_at(&stale, after)?))?;

    mirror.write(&mirror.direct()?, 0, SECTOR)?;
    let mut tail = AlignedBuf::filled(block - SECTOR, 0xEE)?;
    context.with_raw_disk(|disk| Ok(disk.read_exact_at(&mut tail, after)?))?;
    pattern::compare(&vec![0; tail.len()], &tail, SECTOR as u64)?;
    mirror.verify()
}

fn write_unwritten(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    fallocate(&file, FallocateFlags::empty(), 0, 256 * KIB as u64)?;
    mirror.set_length(256 * KIB);
    for &(offset, length) in PIECES {
        mirror.write(&file, offset as u64, length)?;
        mirror.verify_direct()?;
    }
    mirror.verify()
}

fn unwritten_converts(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    fallocate(&file, FallocateFlags::empty(), 0, MIB as u64)?;
    mirror.set_length(MIB);
    // From the middle of block 3 to the middle of block 6.
    let (start, end) = (3 * block + block / 2, 6 * block + block / 2);
    mirror.write(&file, start, usize::try_from(end - start)?)?;
    let extents = fiemap::extents(&file)?;
    let written: Vec<_> = extents
        .iter()
        .filter(|extent| !extent.has(EXTENT_UNWRITTEN))
        .map(|extent| (extent.logical, extent.end()))
        .collect();
    ensure!(
        written == [(3 * block, 7 * block)],
        "data is at {written:?} instead of blocks 3 to 6 of {block} bytes"
    );
    mirror.verify()
}

// SPDX-License-Identifier: GPL-2.0

//! Writes through the page cache: parts of blocks, appends, sources that fault.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{bail, ensure, Context as _, Result};

use super::layout::verify_on_device;
use super::{KIB, MIB};
use crate::case::{skip, Case};
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::{open, Mirror};
use crate::sanitizers::slowness;
use crate::suites;
use crate::sys::fiemap::{self, EXTENT_DELALLOC, EXTENT_UNWRITTEN};
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("buffered_sub_block", suites::PAGE_CACHE, sub_block)
        .doc("Writes inside blocks that are not cached keep the rest of the blocks.")
        .holds(&["RD-4", "BW-13", "BW-14", "BW-20"]),
    Case::new(
        "buffered_sub_block_hole",
        suites::PAGE_CACHE_AHEAD,
        sub_block_hole,
    )
    .doc("Writes inside blocks of holes and of preallocated space leave zeros around them.")
    .holds(&["RD-8", "BW-14"]),
    Case::new("buffered_append", suites::PAGE_CACHE, append)
        .doc("Appends of any length grow the file by just that, and reads see them at once.")
        .holds(&["BW-2", "BW-22"]),
    Case::new(
        "buffered_source_missing",
        suites::PAGE_CACHE,
        source_missing,
    )
    .doc("A write from memory that ends midway counts what there was, or is EFAULT.")
    .holds(&["BW-2", "BW-4", "BW-19", "BW-20", "BW-24", "DR-1", "DR-4"]),
    Case::new("buffered_far_end", suites::XFS, far_end)
        .doc("A write that fails where offsets end gives back what was reserved, and ends.")
        .holds(&["DR-1", "DR-4", "DIFF-29"]),
    Case::new("buffered_nowait", suites::XFS, nowait)
        .doc("RWF_NOWAIT writes into cached blocks, and is EAGAIN where a block must be read.")
        .holds(&["BW-1", "BW-13", "BW-14"]),
    Case::new("buffered_o_sync", suites::PAGE_CACHE, o_sync)
        .doc("What a write with O_SYNC has counted is on the disk when it returns.")
        .holds(&["BW-2"]),
];

const SIZE: usize = 256 * KIB;

fn sub_block(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    for (index, (offset, length)) in [
        (100, 50),
        (4_000, 200),
        (10_000, 9_000),
        (40_960, 1),
        (50_000, 1_024),
        (65_535, 2),
        (100_001, 60_000),
        (SIZE - 10, 10),
    ]
    .into_iter()
    .enumerate()
    {
        mirror.drop_cache()?;
        mirror.write(&file, offset as u64, length)?;
        // Once before and once after the folio is read by others.
        if index % 2 == 0 {
            mirror.verify_buffered()?;
        }
    }
    mirror.verify()
}

fn sub_block_hole(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    for (name, preallocated) in [("hole", false), ("preallocated", true)] {
        let mut mirror = Mirror::create(context.path(name)?, 1)?;
        let file = mirror.buffered()?;
        file.set_len(SIZE as u64)?;
        mirror.set_length(SIZE);
        if preallocated {
            let flags = rustix::fs::FallocateFlags::empty();
            rustix::fs::fallocate(&file, flags, 0, SIZE as u64)?;
        }
        for (offset, length) in [(10, 1), (5_000, 300), (20_000, 30_000), (99_999, 3)] {
            mirror.write(&file, offset, length)?;
        }
        mirror.verify_buffered()?;
        mirror.verify().context(name)?;
    }
    Ok(())
}

fn append(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    for round in 0..40 {
        let end = mirror.bytes().len();
        let length = 1 + (round * 1_237) % 9_000;
        mirror.write(&file, end as u64, length)?;
        let size = file.metadata()?.len();
        ensure!(size == (end + length) as u64, "the file has {size} bytes");
        if round % 8 == 7 {
            mirror.drop_cache()?;
        }
    }
    // Past the end: what is between reads as zeros.
    let end = mirror.bytes().len() + 70_000;
    mirror.write(&file, end as u64, 5)?;
    mirror.verify()
}

fn source_missing(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    for (offset, cached) in [(0, false), (100, false), (64 * KIB + 7, true), (SIZE, true)] {
        if !cached {
            mirror.drop_cache()?;
        }
        let before = mirror.bytes().to_vec();
        let mut bytes = mirror.stamp(offset as u64, 32 * KIB)?;
        bytes.unmap_from(8 * KIB)?;
        let count = raw_io::write_from(&file, bytes.as_ptr(), 32 * KIB, offset as u64);
        transfers(count, 8 * KIB, "a write from memory that ends midway")?;
        // The copy took down the whole: behind the first part are the old bytes.
        let end = offset + 8 * KIB;
        mirror.note(end as u64, before.get(end..).unwrap_or_default())?;
        mirror.set_length(end.max(before.len()));
        if offset >= before.len() {
            expect_no_extents(&file, end, offset + 32 * KIB)?;
        }
        mirror.verify_buffered()?;

        let none = bytes.as_ptr().wrapping_add(8 * KIB);
        let count = raw_io::write_from(&file, none, 8 * KIB, offset as u64);
        fails_with(count, libc::EFAULT, "a write from no memory")?;
        mirror.verify_buffered()?;
    }
    mirror.verify()
}

fn far_end(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine gives up with a warning, as ends are negative there");
    }
    let file = File::create_new(context.path("file")?)?;
    let size = i64::MAX as u64;
    file.set_len(size)?;
    // Two pages: all of the last one but a byte that no file has.
    let start = size - 8191;
    let mut bytes = [1; 8191];
    file.read_exact_at(&mut bytes, start)?;
    ensure!(bytes == [0; 8191], "a hole does not read as zeros");
    let nowhere = std::ptr::null::<u8>().wrapping_add(8);
    let count = raw_io::write_from(&file, nowhere, 7168, start);
    fails_with(count, libc::EFAULT, "a write from no memory")?;
    file.read_exact_at(&mut bytes, start)?;
    ensure!(bytes == [0; 8191], "a write of nothing left something");
    Ok(())
}

/// What was promised to the rest of the write must have been given back.
fn expect_no_extents(file: &File, start: usize, end: usize) -> Result<()> {
    let (start, end) = (start.next_multiple_of(4096) as u64, end as u64);
    let request = fiemap::Request {
        start,
        length: end - start,
        flags: 0,
        ..fiemap::Request::ALL
    };
    let answer = fiemap::ask(file, request).map_err(|(error, _)| error)?;
    ensure!(
        answer.extents.is_empty(),
        "not given back: {:?}",
        answer.extents
    );
    Ok(())
}

fn nowait(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    mirror.drop_cache()?;
    let piece = [7; 100];
    let last = SIZE as u64 - 1;
    mirror.note(last, &[1])?;

    let count = nowait_write(&file, &piece, 5_000, last)?;
    fails_with(count, libc::EAGAIN, "a block that is not cached")?;
    mirror.verify_buffered()?;
    let count = nowait_write(&file, &piece, 5_000, last)?;
    transfers(count, 100, "a cached block")?;
    mirror.note(5_000, &piece)?;
    mirror.verify()
}

/// What the engine makes of a write with RWF_NOWAIT.
///
/// Before the engine is asked, the file's time stamps must be of this very tick:
/// so the byte at `first` is written just before, as often as it takes.
fn nowait_write(file: &File, bytes: &[u8], offset: u64, first: u64) -> Result<io::Result<usize>> {
    // On a slow kernel the tick is over more often.
    for _ in 0..100 * slowness() {
        let (result, events) = trace::record_iomap(file.metadata()?.ino(), || {
            file.write_all_at(&[1], first)?;
            let source = [IoSlice::new(bytes)];
            Ok(raw_io::write_vectored(
                file,
                &source,
                offset,
                libc::RWF_NOWAIT,
            ))
        })?;
        for event in events.iter().filter(|event| event.name == "iomap_iter") {
            if event.flags("flags")? == ["WRITE", "NOWAIT"] {
                return Ok(result);
            }
        }
        ensure!(result.is_err(), "written without asking for WRITE|NOWAIT");
    }
    bail!("no write with RWF_NOWAIT reaches the engine")
}

fn o_sync(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = open(mirror.path(), libc::O_SYNC)?;
    let disk = context.disk("main")?;
    let mut offset = 0;
    for length in [100, 4 * KIB, 70_000, MIB] {
        let flushes = disk.flushes()?;
        mirror.write(&file, offset, length)?;
        offset += length as u64;
        ensure!(disk.flushes()? > flushes, "{length} bytes without a flush");
    }
    // No extents that the question itself would write.
    let request = fiemap::Request {
        flags: 0,
        ..fiemap::Request::ALL
    };
    let answer = fiemap::ask(&file, request).map_err(|(error, _)| error)?;
    let end = answer.extents.iter().map(fiemap::Extent::end).max();
    ensure!(end >= Some(offset), "extents end at {end:?}, not {offset}");
    for extent in &answer.extents {
        let late = extent.has(EXTENT_DELALLOC) || extent.has(EXTENT_UNWRITTEN);
        ensure!(!late || extent.logical >= offset, "not written: {extent:?}");
    }
    let written: Vec<_> = answer
        .extents
        .iter()
        .copied()
        .filter(|extent| extent.logical < offset)
        .collect();
    verify_on_device(context, &mirror, &written)?;
    mirror.verify()
}

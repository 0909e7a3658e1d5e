// SPDX-License-Identifier: GPL-2.0

//! SEEK_DATA and SEEK_HOLE on filesystems that ask the engine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fallocate, seek, FallocateFlags, SeekFrom};

use super::layout::{comb, mixed};
use crate::case::{skip, Case};
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("seek_sparse", suites::REPORTS, sparse)
        .doc("Data and holes are found where they are; the end of the file counts as a hole.")
        .holds(&["SK-1", "SK-2", "SK-3"]),
    Case::new("seek_outside", suites::REPORTS, outside)
        .doc("Negative offsets and those at or after the end are ENXIO.")
        .holds(&["SK-1"]),
    Case::new("seek_no_data", suites::REPORTS, no_data)
        .doc("A file of nothing but hole has its hole at the offset and no data.")
        .holds(&["SK-2", "SK-3"]),
    Case::new("seek_unwritten", suites::EXT4_XFS, unwritten)
        .doc("Preallocated blocks are holes as long as the page cache has nothing for them.")
        .holds(&["SK-2", "SK-3"]),
    Case::new("seek_unwritten_dirty", suites::EXT4_XFS, unwritten_dirty)
        .doc("Pages in the cache make data of the preallocated blocks under them.")
        .holds(&["SK-2", "SK-3", "SK-4"]),
    Case::new("seek_far_end", suites::XFS, far_end)
        .doc("So they do where offsets end.")
        .holds(&["SK-4", "DIFF-29"]),
];

fn far_end(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine has negative offsets there");
    }
    let file = File::create_new(context.path("file")?)?;
    let size = i64::MAX as u64;
    let start = size - 8191;
    fallocate(&file, FallocateFlags::empty(), start, 8191).context("fallocate")?;
    file.write_all_at(b"x", size - 1)?;
    let block = context.block_size()?;
    let last = (size - 1) / block * block;
    let found = (data(&file, start)?, hole(&file, start)?, hole(&file, last)?);
    ensure!(
        found == (last, start, size),
        "{found:?}, but data from {last} to {size}"
    );
    Ok(())
}

fn data(file: &File, offset: u64) -> io::Result<u64> {
    Ok(seek(file, SeekFrom::Data(offset))?)
}

fn hole(file: &File, offset: u64) -> io::Result<u64> {
    Ok(seek(file, SeekFrom::Hole(offset))?)
}

/// Finds all ranges of data, as programs that copy sparse files do.
fn ranges(file: &File) -> Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut offset = 0;
    loop {
        let start = match data(file, offset) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(ranges),
            other => other.context("SEEK_DATA")?,
        };
        offset = hole(file, start).context("SEEK_HOLE")?;
        ensure!(offset > start, "a hole at {offset}, but data at {start}");
        ranges.push((start, offset));
    }
}

fn expect(file: &File, block: u64, expected: &[(u64, u64)]) -> Result<()> {
    let found: Vec<_> = ranges(file)?
        .into_iter()
        .map(|(start, end)| (start / block, end / block))
        .collect();
    ensure!(
        found == expected,
        "data in blocks {found:?}, not {expected:?}"
    );
    Ok(())
}

fn sparse(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = comb(context, 8)?;
    let file = mirror.direct()?;
    let expected: Vec<_> = (0..8).map(|index| (2 * index, 2 * index + 1)).collect();
    expect(&file, block, &expected)?;
    // From inside data and inside a hole.
    ensure!(data(&file, 100)? == 100, "data does not start where asked");
    ensure!(hole(&file, 100)? == block, "the first hole is elsewhere");
    ensure!(
        hole(&file, block + 100)? == block + 100,
        "a hole is elsewhere"
    );
    ensure!(
        data(&file, block + 100)? == 2 * block,
        "the next data is elsewhere"
    );

    let whole = Mirror::filled(context.path("whole")?, 2, 10_000)?;
    let found = hole(&whole.direct()?, 0)?;
    ensure!(found == 10_000, "a file without holes has one at {found}");
    Ok(())
}

fn outside(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 10_000)?;
    let file = mirror.direct()?;
    for offset in [10_000, 10_001, 1 << 40, u64::MAX] {
        fails_with(
            data(&file, offset),
            libc::ENXIO,
            &format!("SEEK_DATA {offset}"),
        )?;
        fails_with(
            hole(&file, offset),
            libc::ENXIO,
            &format!("SEEK_HOLE {offset}"),
        )?;
    }
    ensure!(data(&file, 9_999)? == 9_999, "the last byte is no data");
    ensure!(hole(&file, 9_999)? == 10_000, "the last byte is a hole");
    Ok(())
}

fn no_data(context: &Context) -> Result<()> {
    let mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    fails_with(data(&file, 0), libc::ENXIO, "SEEK_DATA in an empty file")?;
    fails_with(hole(&file, 0), libc::ENXIO, "SEEK_HOLE in an empty file")?;
    file.set_len(1 << 20)?;
    for offset in [0, 5_000, (1 << 20) - 1] {
        fails_with(data(&file, offset), libc::ENXIO, "SEEK_DATA in a hole")?;
        ensure!(hole(&file, offset)? == offset, "the hole is elsewhere");
    }
    Ok(())
}

fn unwritten(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = mixed(context)?;
    mirror.drop_cache()?;
    let file = mirror.direct()?;
    expect(&file, block, &[(0, 8), (22, 26)])?;
    ensure!(
        hole(&file, 17 * block)? == 17 * block,
        "no hole in block 17"
    );
    Ok(())
}

fn unwritten_dirty(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    // In pages, as the cache may hold more than the block that was written.
    let page = 4096;
    let flags = FallocateFlags::empty();
    fallocate(&file, flags, 0, 64 * page)?;
    mirror.set_length(64 * page as usize);
    expect(&file, page, &[])?;
    for index in [5, 20, 21] {
        mirror.write(&file, index * page, page as usize)?;
    }
    expect(&file, page, &[(5, 6), (20, 22)])?;
    file.sync_all()?;
    expect(&file, page, &[(5, 6), (20, 22)])?;
    mirror.verify()
}

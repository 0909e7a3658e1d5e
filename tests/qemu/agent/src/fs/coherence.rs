// SPDX-License-Identifier: GPL-2.0

//! Direct I/O and the page cache on the same file.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};

use super::{KIB, SECTOR};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new(
        "dio_read_sees_dirty_cache",
        suites::ALL,
        read_sees_dirty_cache,
    )
    .doc("A direct read returns what buffered writes left in the page cache.")
    .holds(&["DIO-3"]),
    Case::new(
        "dio_read_sees_dirty_mapping",
        suites::ALL,
        read_sees_dirty_mapping,
    )
    .doc("A direct read returns what was stored through a mapping.")
    .holds(&["DIO-3"]),
    Case::new("dio_write_drops_cache", suites::DROPPING, write_drops_cache)
        .doc("A direct write drops the cached pages of its range and no others.")
        .holds(&["DIO-6", "DIO-33"]),
    Case::new(
        "dio_write_over_dirty_cache",
        suites::ALL,
        write_over_dirty_cache,
    )
    .doc("A direct write into a dirty page keeps the rest of the page.")
    .holds(&["DIO-6"]),
    Case::new(
        "dio_write_shows_in_mapping",
        suites::ALL,
        write_shows_in_mapping,
    )
    .doc("A mapping shows what a direct write has put under it.")
    .holds(&["DIO-6", "DIO-33"]),
    Case::new("dio_nowait", suites::EXT4, nowait)
        .doc("RWF_NOWAIT reads and overwrites work where nothing is in the way.")
        .holds(&["DIO-3", "DIO-6"]),
    Case::new(
        "dio_nowait_dirty_cache",
        suites::EXT4_XFS,
        nowait_dirty_cache,
    )
    .doc("RWF_NOWAIT is EAGAIN where pages would have to be written or dropped first.")
    .holds(&["DIO-3", "DIO-6"]),
];

const SIZE: usize = 256 * KIB;

/// Overwrites through the page cache and leaves the pages dirty.
fn dirty(mirror: &mut Mirror, offset: usize, length: usize) -> Result<()> {
    let file = mirror.buffered()?;
    mirror.write(&file, offset as u64, length)
}

fn read_sees_dirty_cache(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    dirty(&mut mirror, 4 * KIB, 8 * KIB)?;
    dirty(&mut mirror, 100 * KIB + 10, 100)?;
    mirror.verify_direct()?;
    dirty(&mut mirror, SIZE, 10_000)?;
    mirror.verify_direct()?;
    mirror.verify()
}

fn read_sees_dirty_mapping(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    for (offset, length) in [(0, 8 * KIB), (50_000, 3_000)] {
        let bytes = mirror.stamp(offset as u64, length)?;
        mapping.write(offset, &bytes)?;
    }
    mirror.verify_direct()?;
    drop(mapping);
    mirror.verify()
}

fn write_drops_cache(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    mirror.verify_buffered()?;
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    let file = mirror.direct()?;
    mirror.write(&file, 64 * KIB as u64, 32 * KIB)?;

    let resident = mapping.resident()?;
    for (page, resident) in resident.into_iter().enumerate() {
        let written = (16..24).contains(&page);
        // Pages next to the range may go with a large folio; the file's first
        // and last must stay.
        let far = page == 0 || page == SIZE / 4096 - 1;
        ensure!(!(written && resident), "page {page} is still in the cache");
        ensure!(!far || resident, "page {page} left the cache");
    }
    mirror.verify_buffered()?;
    mirror.verify()
}

fn write_over_dirty_cache(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.direct()?;
    for offset in (0..SIZE).step_by(16 * KIB) {
        dirty(&mut mirror, offset, 8 * KIB)?;
        mirror.write(&file, (offset + 5 * SECTOR) as u64, SECTOR)?;
    }
    mirror.verify_buffered()?;
    mirror.verify()
}

fn write_shows_in_mapping(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    let mut found = vec![0; SIZE];
    mapping.read(0, &mut found)?;
    let file = mirror.direct()?;
    for (offset, length) in [
        (0, 4 * KIB),
        (5 * SECTOR, 20 * KIB),
        (SIZE - SECTOR, SECTOR),
    ] {
        mirror.write(&file, offset as u64, length)?;
        mapping.read(0, &mut found)?;
        pattern::compare(mirror.bytes(), &found, 0)?;
    }
    drop(mapping);
    mirror.verify()
}

fn nowait(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.direct()?;
    mirror.drop_cache()?;
    let mut found = AlignedBuf::new(16 * KIB)?;
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || {
        transfers(read_nowait(&file, &mut found, 0), 16 * KIB, "a read")
    })?;
    let mut maps = events.iter().filter(|event| event.name == "iomap_iter");
    let flags = maps.next().context("no iomap_iter")?.flags("flags")?;
    ensure!(
        flags == ["DIRECT", "NOWAIT"],
        "the filesystem is asked with {flags:?}"
    );
    pattern::compare(mirror.range(0, 16 * KIB), &found, 0)?;
    let bytes = mirror.stamp(0, 16 * KIB)?;
    transfers(write_nowait(&file, &bytes, 0), 16 * KIB, "an overwrite")?;
    mirror.verify()
}

fn nowait_dirty_cache(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.direct()?;
    mirror.drop_cache()?;
    dirty(&mut mirror, 4 * KIB, 4 * KIB)?;
    let mut buffer = AlignedBuf::new(16 * KIB)?;
    let read = read_nowait(&file, &mut buffer, 0);
    fails_with(read, libc::EAGAIN, "a read over a dirty page")?;
    let write = write_nowait(&file, &buffer, 0);
    fails_with(write, libc::EAGAIN, "a write over a dirty page")?;
    mirror.verify_buffered()?;

    // Clean pages do not hinder a read, but a write has to drop them.
    mirror.buffered()?.sync_all()?;
    transfers(
        read_nowait(&file, &mut buffer, 0),
        16 * KIB,
        "a read over clean pages",
    )?;
    let write = write_nowait(&file, &buffer, 0);
    fails_with(write, libc::EAGAIN, "a write over clean pages")?;
    mirror.verify()
}

fn read_nowait(file: &File, to: &mut [u8], offset: u64) -> std::io::Result<usize> {
    raw_io::read_vectored(file, &mut [IoSliceMut::new(to)], offset, libc::RWF_NOWAIT)
}

fn write_nowait(file: &File, from: &[u8], offset: u64) -> std::io::Result<usize> {
    raw_io::write_vectored(file, &[IoSlice::new(from)], offset, libc::RWF_NOWAIT)
}

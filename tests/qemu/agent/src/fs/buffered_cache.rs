// SPDX-License-Identifier: GPL-2.0

//! What is kept in the page cache, block by block, and when it goes.

use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Result};
use rustix::fs::{fallocate, seek, FallocateFlags, SeekFrom};

use super::{KIB, MIB};
use crate::case::Case;
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("buffered_partly_cached", suites::XFS_1K, partly_cached)
        .doc(
            "A block that was written whole is read from the cache; the other blocks of its \
             page are read from the disk around it.",
        )
        .holds(&["RD-1", "RD-4", "PU-3", "BW-14"]),
    Case::new(
        "buffered_seek_dirty_blocks",
        suites::XFS_1K,
        seek_dirty_blocks,
    )
    .doc("SEEK_DATA finds the very blocks of preallocated space that are dirty.")
    .holds(&["PU-3", "PU-4"]),
    Case::new("buffered_read_eof", suites::PAGE_CACHE, read_eof)
        .doc("Reads at and after the end are short, whatever a mapping has stored there.")
        .holds(&["WB-5"]),
    Case::new("buffered_memory_pressure", suites::XFS, memory_pressure)
        .doc("Dirty pages are written and dropped when memory runs short, and come back right.")
        .holds(&["RL-1"]),
];

fn partly_cached(context: &Context) -> Result<()> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    mirror.drop_cache()?;
    let file = mirror.buffered()?;
    let (place, ino) = (5 * block, file.metadata()?.ino());
    let mut found = vec![0; block];

    let ((), events) = trace::record_iomap(ino, || {
        mirror.write(&file, place as u64, block)?;
        file.read_exact_at(&mut found, place as u64)?;
        Ok(())
    })?;
    pattern::compare(mirror.range(place, block), &found, place as u64)?;
    let reads =
        |event: &&trace::Event| event.name == "iomap_readpage" || event.name == "iomap_readahead";
    if let Some(event) = events.iter().find(reads) {
        anyhow::bail!("a whole cached block makes {} {}", event.name, event.text);
    }
    let place = place + block;
    let ((), events) =
        trace::record_iomap(ino, || Ok(file.read_exact_at(&mut found, place as u64)?))?;
    pattern::compare(mirror.range(place, block), &found, place as u64)?;
    ensure!(
        events.iter().any(|event| event.name == "iomap_readpage"),
        "the next block came from nowhere: {:?}",
        trace::names(&events)
    );
    mirror.verify_buffered()?;
    mirror.verify()
}

fn seek_dirty_blocks(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    fallocate(&file, FallocateFlags::empty(), 0, 64 * block)?;
    mirror.set_length(usize::try_from(64 * block)?);
    for index in [5, 10, 11, 14] {
        mirror.write(&file, index * block, usize::try_from(block)?)?;
    }
    let mut place = 0;
    let mut ranges = Vec::new();
    while let Ok(start) = seek(&file, SeekFrom::Data(place)) {
        place = seek(&file, SeekFrom::Hole(start))?;
        ranges.push((start / block, place / block));
    }
    ensure!(
        ranges == [(5, 6), (10, 12), (14, 15)],
        "data in blocks {ranges:?}"
    );
    mirror.verify()
}

fn read_eof(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let length = 10 * KIB + 100;
    let mut mirror = Mirror::filled(context.path("file")?, 1, length)?;
    mirror.drop_cache()?;
    let file = mirror.buffered()?;
    for (offset, expected) in [(0, length), (10 * KIB, 100), (length - 1, 1), (length, 0)] {
        let mut found = vec![0; length];
        let count = file.read_at(&mut found, offset as u64)?;
        ensure!(count == expected, "{count} bytes at {offset}");
    }
    // What is stored behind the end neither shows nor stays.
    let mapping = FileMapping::new(&file, 12 * KIB)?;
    mapping.write(length, &[0xEE; 500])?;
    mirror.verify_buffered()?;
    file.sync_all()?;
    let mut behind = [1; 500];
    mapping.read(length, &mut behind)?;
    ensure!(
        behind == [0; 500],
        "writing back has not zeroed behind the end"
    );
    mapping.write(length, &[0xEE; 500])?;
    file.sync_all()?;
    drop(mapping);
    file.set_len(64 * KIB as u64)?;
    mirror.set_length(64 * KIB);
    mirror.verify_buffered()?;
    mirror.verify()
}

fn memory_pressure(context: &Context) -> Result<()> {
    const SIZE: usize = 48 * MIB;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    // This memory is taken before there is a limit, and does not count.
    let bytes = mirror.stamp(0, SIZE)?;
    let limit = MemoryLimit::enter(16 * MIB)?;
    let ((), events) = trace::record(&["iomap/iomap_release_folio"], || {
        for (index, piece) in bytes.chunks(MIB).enumerate() {
            file.write_all_at(piece, (index * MIB) as u64)?;
        }
        Ok(())
    })?;
    limit.leave()?;
    let mapping = FileMapping::new(&file, SIZE)?;
    let resident = mapping.resident()?;
    let pages = resident.iter().filter(|&&resident| resident).count();
    context.note(format!("{pages} of {} pages stayed", resident.len()));
    ensure!(pages < resident.len(), "all pages are still in memory");
    ensure!(!events.is_empty(), "no folio was released");
    drop(mapping);
    mirror.verify_buffered()?;
    mirror.verify()
}

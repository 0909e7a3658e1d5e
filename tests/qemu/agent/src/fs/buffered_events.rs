// SPDX-License-Identifier: GPL-2.0

//! The trace events of the page cache's folios.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};

use super::KIB;
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::trace::{self, Event};

pub const CASES: &[Case] = &[
    Case::new("trace_writepage", suites::XFS, writepage)
        .doc("Writing back says which folios it takes, and where each dirty range of them goes.")
        .holds(&["WB-4", "WB-7", "WB-8", "WB-9", "TR-8", "TR-9"]),
    Case::new("trace_readahead", suites::PAGE_CACHE, readahead)
        .doc("Reading ahead says how many pages it is asked for.")
        .holds(&["RD-1", "TR-10"]),
    Case::new("trace_release_folio", suites::XFS, release_folio)
        .doc("Dropping clean folios and cutting off dirty ones leave their events.")
        .holds(&["RL-1", "RL-2", "TR-8"]),
];

const SIZE: usize = 300 * KIB + 100;

/// Position and length of every event of that name; all must show the device and
/// the file's size.
fn ranges(
    file: &File,
    events: &[Event],
    name: &str,
    keys: (&str, &str),
    size: Option<usize>,
) -> Result<Vec<(usize, usize)>> {
    let device = file.metadata()?.dev();
    let device = format!("{}:{}", libc::major(device), libc::minor(device));
    let mut ranges = Vec::new();
    for event in events.iter().filter(|event| event.name == name) {
        ensure!(event.field("dev")? == device, "another device: {event:?}");
        if let Some(size) = size {
            let found = usize::try_from(event.number("size")?)?;
            ensure!(found == size, "not size {size:#x}: {}", event.text);
        }
        ranges.push((
            usize::try_from(event.number(keys.0)?)?,
            usize::try_from(event.number(keys.1)?)?,
        ));
    }
    ensure!(!ranges.is_empty(), "no {name}: {:?}", trace::names(events));
    Ok(ranges)
}

/// The ranges must follow on each other from 0 to `end`.
fn expect_whole(ranges: &[(usize, usize)], end: usize) -> Result<()> {
    let mut place = 0;
    for &(start, length) in ranges {
        ensure!(start == place, "{start} follows {place} in {ranges:?}");
        place += length;
    }
    ensure!(place == end, "they end at {place} instead of {end}");
    Ok(())
}

fn writepage(context: &Context) -> Result<()> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_undisturbed(ino, || {
        mirror.write(&file, 0, SIZE)?;
        Ok(file.sync_all()?)
    })?;

    let keys = ("offset", "length");
    let folios = ranges(&file, &events, "iomap_writepage", keys, Some(SIZE))?;
    expect_whole(&folios, SIZE.next_multiple_of(4096)).context("folios")?;
    let maps = ranges(&file, &events, "iomap_writepage_map", ("pos", "len"), None)?;
    expect_whole(&maps, SIZE.next_multiple_of(block)).context("dirty ranges")?;
    for event in &events {
        if event.name == "iomap_writepage_map" {
            let (start, length) = (event.number("offset")?, event.number("length")?);
            let pos = event.number("pos")?;
            ensure!(
                start <= pos && pos < start + length && event.number("addr")? > 0,
                "the mapping is not of this place: {}",
                event.text
            );
            ensure!(
                ["MAPPED", "UNWRITTEN"].contains(&event.field("type")?),
                "nothing to write to: {}",
                event.text
            );
            let device = event.field("bdev")?;
            ensure!(device == event.field("dev")?, "bdev is {device}");
        }
    }
    mirror.verify()
}

fn readahead(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    mirror.drop_cache()?;
    let file = mirror.buffered()?;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_iomap(ino, || mirror.verify_buffered())?;
    let mut pages = 0;
    for event in events
        .iter()
        .filter(|event| event.name == "iomap_readahead")
    {
        pages += event.number("nr_pages")?;
    }
    let expected = i64::try_from(SIZE.div_ceil(4096))?;
    ensure!(pages == expected, "{pages} pages instead of {expected}");
    let maps = events.iter().find(|event| event.name == "iomap_iter");
    let flags = maps.context("no iomap_iter")?.field("flags")?;
    ensure!(flags.starts_with('('), "a read is asked with {flags}");
    mirror.verify()
}

fn release_folio(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    mirror.write(&file, 0, SIZE)?;
    file.sync_all()?;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_iomap(ino, || mirror.drop_cache())?;
    let keys = ("offset", "length");
    let released = ranges(&file, &events, "iomap_release_folio", keys, Some(SIZE))?;
    for &(start, length) in &released {
        ensure!(
            length % 4096 == 0 && start % length == 0,
            "no folio: {length} bytes at {start}"
        );
    }

    mirror.write(&file, 0, SIZE)?;
    // A second write into the folios gives each of them its own state.
    mirror.write(&file, 1, SIZE - 2)?;
    let cut = 5_000;
    let ((), events) = trace::record_iomap(ino, || Ok(file.set_len(cut as u64)?))?;
    mirror.set_length(cut);
    let gone = ranges(&file, &events, "iomap_invalidate_folio", keys, Some(cut))?;
    for &(start, length) in &gone {
        ensure!(start >= cut && length > 0, "{length} bytes at {start}");
    }
    mirror.verify()
}

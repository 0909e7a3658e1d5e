// SPDX-License-Identifier: GPL-2.0

//! Folios of many pages: that they are there, and that their parts are kept apart.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::memory;
use crate::suites;
use crate::sys::mapping::FileMapping;
use crate::sys::page_flags;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("buffered_large_folios_write", suites::LARGE_FOLIOS, write)
        .doc("Long writes put folios of many pages into the page cache.")
        .holds(&["BW-3", "BW-7", "WB-4"]),
    Case::new("buffered_large_folios_read", suites::LARGE_FOLIOS, read)
        .doc("Reading ahead puts folios of many pages into the page cache.")
        .holds(&["RD-16", "RD-20"]),
    Case::new("buffered_large_folio_parts", suites::LARGE_FOLIOS, parts)
        .doc("Of a large folio only the blocks that were written go to the disk.")
        .holds(&["BW-20", "WB-7", "WB-11"]),
];

const SIZE: usize = 4 * MIB;

fn write(context: &Context) -> Result<()> {
    memory::join_free_pages()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let ino = file.metadata()?.ino();
    let (largest, events) = trace::record_undisturbed(ino, || {
        for offset in (0..SIZE).step_by(MIB) {
            mirror.write(&file, offset as u64, MIB)?;
        }
        let largest = expect_large(context, &file)?;
        file.sync_all()?;
        Ok(largest)
    })?;
    let mut pages = 0;
    for event in events
        .iter()
        .filter(|event| event.name == "iomap_writepage")
    {
        pages = pages.max(usize::try_from(event.number("length")?)? / 4096);
    }
    ensure!(
        pages == largest,
        "the largest folio has {largest} pages, but {pages} are written at once"
    );
    mirror.verify()
}

fn read(context: &Context) -> Result<()> {
    memory::join_free_pages()?;
    let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    mirror.drop_cache()?;
    mirror.verify_buffered()?;
    expect_large(context, &mirror.buffered()?)?;
    mirror.verify()
}

/// Pages of the largest folio of the file, which is a large one.
fn expect_large(context: &Context, file: &File) -> Result<usize> {
    let mapping = FileMapping::new(file, SIZE)?;
    let folios = page_flags::folios(&mapping, SIZE)?;
    let largest = folios.iter().copied().max().context("no pages")?;
    context.note(format!("{} folios of up to {largest} pages", folios.len()));
    ensure!(
        largest >= 8,
        "the largest of the folios has {largest} pages"
    );
    ensure!(
        folios.len() <= SIZE / (16 * KIB),
        "most of {} folios are small",
        folios.len()
    );
    Ok(largest)
}

fn parts(context: &Context) -> Result<()> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    mirror.write(&file, 0, MIB)?;
    file.sync_all()?;
    // In the folios that are still there: every fourth block.
    let offsets = || (0..64).map(|index| 4 * index * block);
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_undisturbed(ino, || {
        for offset in offsets() {
            mirror.write(&file, offset as u64, block)?;
        }
        Ok(file.sync_all()?)
    })?;
    let mut written = Vec::new();
    for event in &events {
        if event.name == "iomap_writepage_map" {
            let pair = (event.number("pos")?, event.number("len")?);
            written.push((usize::try_from(pair.0)?, usize::try_from(pair.1)?));
        }
    }
    let expected: Vec<_> = offsets().map(|offset| (offset, block)).collect();
    ensure!(
        written == expected,
        "written are {written:?} instead of every fourth block"
    );
    mirror.verify()
}

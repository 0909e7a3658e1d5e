// SPDX-License-Identifier: GPL-2.0

//! Bytes that turn to zeros: parts of blocks, dirty ones and preallocated ones.

use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::KIB;
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::mapping::FileMapping;
use crate::trace::{self, Event};

pub const CASES: &[Case] = &[
    Case::new("buffered_zero_edges", suites::XFS, edges)
        .doc("Punching and zeroing zeroes the parts of blocks at both edges and no byte more.")
        .holds(&["ZR-1", "ZR-3"]),
    Case::new("buffered_truncate_zeroes", suites::PAGE_CACHE, truncate)
        .doc("What a truncate cuts off is zeros when the file grows again, cached or not.")
        .holds(&["ZR-3", "ZR-6"]),
    Case::new(
        "buffered_zero_dirty_unwritten",
        suites::XFS,
        dirty_unwritten,
    )
    .doc("Zeroing dirty preallocated space writes it first and asks for its mapping again.")
    .holds(&["ZR-1", "ZR-2", "ZR-6"]),
    Case::new("buffered_store", suites::XFS, store)
        .doc("Stores through a mapping into data, holes and preallocated space are kept.")
        .holds(&["MK-2", "MK-3"]),
];

const SIZE: usize = 128 * KIB;

fn edges(context: &Context) -> Result<()> {
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    for (name, flags) in [("punch", punch), ("zero", FallocateFlags::ZERO_RANGE)] {
        let mut mirror = Mirror::filled(context.path(name)?, 1, SIZE)?;
        let file = mirror.buffered()?;
        for (offset, length) in [(10, 100), (5_000, 10_000), (40_000, 4_096), (100_001, 1)] {
            mirror.write(&file, offset + 20_000, 300)?;
            fallocate(&file, flags, offset, length)?;
            let zeros = vec![0; usize::try_from(length)?];
            mirror.note(offset, &zeros)?;
            mirror.verify_buffered()?;
            mirror.drop_cache()?;
        }
        mirror.verify()?;
    }
    Ok(())
}

fn truncate(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    for (cut, dirty) in [(100_001, false), (70_000, true), (4_095, true), (1, false)] {
        if dirty {
            mirror.write(&file, 0, SIZE)?;
        } else {
            mirror.drop_cache()?;
        }
        for length in [cut, SIZE] {
            file.set_len(length as u64)?;
            mirror.set_length(length);
        }
        mirror.verify_buffered()?;
        mirror.verify()?;
    }
    Ok(())
}

fn dirty_unwritten(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let cut = 50_100;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_undisturbed(ino, || {
        file.set_len(0)?;
        fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
        mirror.set_length(SIZE);
        mirror.write(&file, 0, SIZE)?;
        Ok(file.set_len(cut as u64)?)
    })?;
    mirror.set_length(cut);
    // What is asked for, what comes, and what is done in between.
    let mut steps = Vec::new();
    let of_the_write = |event: &&Event| !event.text.contains("ZERO");
    for event in events.iter().skip_while(of_the_write) {
        match event.name.as_str() {
            "iomap_iter" => steps.extend(event.flags("flags")?),
            "iomap_iter_dstmap" => steps.push(event.field("type")?),
            "iomap_writepage" => steps.push("write"),
            _ => {}
        }
    }
    steps.dedup();
    let place = |step: &str| steps.iter().position(|&found| found == step);
    let (first, write) = (place("UNWRITTEN"), place("write"));
    let second = place("MAPPED");
    ensure!(
        place("ZERO") == Some(0) && first.is_some() && first < write && write < second,
        "not mapped, written, mapped again: {steps:?}"
    );
    file.set_len(SIZE as u64)?;
    mirror.set_length(SIZE);
    mirror.verify_buffered()?;
    mirror.verify()
}

fn store(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    let size = 3 * SIZE;
    fallocate(&file, FallocateFlags::empty(), SIZE as u64, SIZE as u64)?;
    file.set_len(size as u64)?;
    mirror.set_length(size);
    mirror.drop_cache()?;
    let mapping = FileMapping::new(&file, size)?;
    let ino = file.metadata()?.ino();
    for offset in [5_000, SIZE + 5_000, 2 * SIZE + 5_000, size - 3] {
        let bytes = mirror.stamp(offset as u64, 3)?;
        let ((), events) = trace::record_iomap(ino, || Ok(mapping.write(offset, &bytes)?))?;
        let mut asked = Vec::new();
        for event in events.iter().filter(|event| event.name == "iomap_iter") {
            asked.push(event.flags("flags")?);
        }
        ensure!(
            asked.contains(&vec!["WRITE", "FAULT"]),
            "a store at {offset} asks with {asked:?}"
        );
        mirror.verify_buffered()?;
    }
    // Clean pages are asked for again.
    file.sync_all()?;
    let bytes = mirror.stamp(5_000, 3)?;
    let ((), events) = trace::record_iomap(ino, || Ok(mapping.write(5_000, &bytes)?))?;
    ensure!(
        !events.is_empty(),
        "a store into a clean page is not noticed"
    );
    drop(mapping);
    mirror.verify()
}

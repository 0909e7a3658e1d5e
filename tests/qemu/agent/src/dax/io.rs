// SPDX-License-Identifier: GPL-2.0

//! Reads and writes straight from and to persistent memory.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{statx, AtFlags, StatxAttributes, StatxFlags};

use super::{expect_turns, verify, KIB, MIB};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::{open, open_read, Mirror};
use crate::data::pattern;
use crate::data::random::Random;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fiemap;
use crate::trace;
use crate::{init, pmem};

pub const CASES: &[Case] = &[
    Case::new("dax_io", suites::DAX, anywhere)
        .doc("Reads and writes of any offset and length, over holes and the end, do their part.")
        .holds(&["IT-2", "IT-6", "IT-11"]),
    Case::new("dax_reaches_memory", suites::DAX, reaches_memory)
        .doc("What was written is in the memory at once, where FIEMAP says, and stays."),
    Case::new("dax_events", suites::DAX, events)
        .doc("Each read and write walks the file by the engine's iterator."),
    Case::new("dax_full", suites::DAX, full)
        .doc("A write that finds no space is short or ENOSPC, and the data before it is kept.")
        .holds(&["IT-9"]),
];

const SIZE: usize = 512 * KIB;

fn anywhere(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let mut random = Random::new(7);
    for round in 0..150 {
        let longest = if round % 2 == 0 { 300 } else { 60 * KIB };
        let (offset, length) = random.range(SIZE, longest, 1);
        mirror.write(&file, offset as u64, length)?;
        let (offset, length) = random.range(SIZE, longest, 1);
        let expected = mirror.range(offset, length);
        let mut found = vec![0; length];
        let count = file.read_at(&mut found, offset as u64);
        transfers(count, expected.len(), "a read")?;
        let found = found.get(..expected.len()).unwrap_or_default();
        pattern::compare(expected, found, offset as u64)
            .with_context(|| format!("round {round}"))?;
    }
    // Far behind the end: a hole.
    mirror.write(&file, 4 * SIZE as u64 + 11, 5)?;
    verify(&mirror)
}

fn reaches_memory(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    ensure!(is_in_memory(&file)?, "the file has a page cache");
    mirror.write(&file, 0, SIZE)?;
    mirror.write(&file, 70_001, 20_000)?;
    // No sync: there is nothing that could be behind.
    let memory = open_read(&pmem::device(), libc::O_DIRECT)?;
    let mut covered = 0;
    for extent in fiemap::extents(&file)? {
        let mut found = AlignedBuf::new(usize::try_from(extent.length)?)?;
        memory.read_exact_at(&mut found, extent.physical)?;
        let start = usize::try_from(extent.logical)?;
        let expected = mirror.range(start, found.len());
        let found = found.get(..expected.len()).unwrap_or_default();
        pattern::compare(expected, found, extent.logical).context("in the memory")?;
        covered += expected.len();
    }
    ensure!(covered == SIZE, "FIEMAP covers {covered} bytes");
    drop(file);
    init::remount_main(context.spec())?;
    verify(&mirror)
}

/// Does the file do without a page cache?
fn is_in_memory(file: &File) -> Result<bool> {
    let state = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty()).context("statx")?;
    Ok(state.stx_attributes.contains(StatxAttributes::DAX))
}

fn events(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_iomap(ino, || mirror.write(&file, 0, 20_100))?;
    expect_turns(&events, &["WRITE"])?;
    let mut found = vec![0; 20_000];
    let (count, events) = trace::record_iomap(ino, || Ok(file.read_at(&mut found, 100)?))?;
    ensure!(count == 20_000, "{count} bytes read");
    expect_turns(&events, &[])?;
    if context.on_rust() {
        // The Rust engine's event names the function that was called, C's the caller.
        for turn in events.iter().filter(|event| event.name == "iomap_iter") {
            let function = turn.field("caller")?;
            ensure!(function.starts_with("iomap_iter"), "of C: {turn:?}");
        }
    }
    verify(&mirror)
}

fn full(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("before")?, 1, SIZE)?;
    let filler = context.path("filler")?;
    File::create_new(&filler)?;
    let file = open(&filler, 0)?;
    let chunk = AlignedBuf::filled(MIB, 7)?;
    let mut offset = 0;
    let error = loop {
        match file.write_at(&chunk, offset) {
            Ok(0) => anyhow::bail!("a write of nothing at {offset}"),
            Ok(written) => offset += written as u64,
            Err(error) => break error,
        }
    };
    fails_with::<()>(Err(error), libc::ENOSPC, "a write to a full filesystem")?;
    ensure!(
        file.metadata()?.len() == offset,
        "the file has another size"
    );
    // What has its space can still be written.
    let before = mirror.buffered()?;
    mirror.write(&before, 1_000, 5_000)?;
    verify(&mirror)
}

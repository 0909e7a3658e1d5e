// SPDX-License-Identifier: GPL-2.0

//! Mappings of files in persistent memory: what a load or a store that faults finds.

use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::{expect_turns, verify, KIB};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::fiemap::{self, EXTENT_UNWRITTEN};
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dax_store", suites::DAX, store)
        .doc("Stores into data, holes and new blocks are in the file, with zeros around them.")
        .holds(&["IT-2"]),
    Case::new("dax_load_hole", suites::DAX, load_hole)
        .doc("Where a load found a hole, it finds what is written there later."),
    Case::new(
        "dax_store_preallocated",
        suites::DAX_FALLOCATE,
        preallocated,
    )
    .doc("Stores into preallocated space make data of it, with zeros around them."),
    Case::new("dax_sync_mapping", suites::DAX_FALLOCATE, synchronous)
        .doc("With MAP_SYNC, a store's block is the file's for good before the store is done."),
    Case::new("dax_sync_refused", suites::EXT2_DAX, sync_refused)
        .doc("A filesystem that cannot keep that promise refuses MAP_SYNC."),
];

const SIZE: usize = 128 * KIB;

fn store(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    let size = 2 * SIZE;
    file.set_len(size as u64)?;
    mirror.set_length(size);
    let mapping = FileMapping::new(&file, size)?;
    let ino = file.metadata()?.ino();
    for offset in [5_000, SIZE - 3, SIZE + 50_000, size - 3] {
        let bytes = mirror.stamp(offset as u64, 3)?;
        let ((), events) = trace::record_iomap(ino, || Ok(mapping.write(offset, &bytes)?))?;
        expect_turns(&events, &["WRITE", "FAULT"])?;
        verify(&mirror)?;
    }
    file.sync_all()?;
    verify(&mirror)
}

fn load_hole(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    file.set_len(SIZE as u64)?;
    mirror.set_length(SIZE);
    let mapping = FileMapping::new(&file, SIZE)?;
    let mut found = vec![0xFF; SIZE];
    mapping.read(0, &mut found)?;
    pattern::compare(mirror.bytes(), &found, 0)?;
    ensure!(
        fiemap::extents(&file)?.is_empty(),
        "loads have allocated blocks"
    );
    for (offset, length) in [(0, 10), (5_000, 100), (60_000, 20_000)] {
        mirror.write(&file, offset, length)?;
        mapping.read(0, &mut found)?;
        pattern::compare(mirror.bytes(), &found, 0)?;
    }
    // A store into a page that a load has mapped.
    let bytes = mirror.stamp(100_000, 20)?;
    mapping.write(100_000, &bytes)?;
    verify(&mirror)
}

fn preallocated(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
    mirror.set_length(SIZE);
    let mapping = FileMapping::new(&file, SIZE)?;
    for offset in [10, 40_000, SIZE - 5] {
        let bytes = mirror.stamp(offset as u64, 5)?;
        mapping.write(offset, &bytes)?;
        verify(&mirror)?;
    }
    Ok(())
}

fn synchronous(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
    mirror.set_length(SIZE);
    file.sync_all()?;
    let mapping = FileMapping::synchronous(&file, SIZE)?;
    for offset in [5_000, 90_001] {
        let bytes = mirror.stamp(offset as u64, 50)?;
        mapping.write(offset, &bytes)?;
        let block = fiemap::extents(&file)?
            .into_iter()
            .find(|extent| (extent.logical..extent.end()).contains(&(offset as u64)));
        ensure!(
            block.is_some_and(|extent| !extent.has(EXTENT_UNWRITTEN)),
            "the block at {offset} is {block:?}"
        );
    }
    verify(&mirror)
}

fn sync_refused(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let result = FileMapping::synchronous(&mirror.buffered()?, SIZE).map(drop);
    fails_with(result, libc::EOPNOTSUPP, "MAP_SYNC")
}

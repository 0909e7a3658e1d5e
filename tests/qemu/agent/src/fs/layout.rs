// SPDX-License-Identifier: GPL-2.0

//! Files with known layouts, and the extents that the kernel reports of them
//! checked against the device itself.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use crate::context::Context;
use crate::data::mirror::{open_read, Mirror};
use crate::data::pattern;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fiemap::{Extent, EXTENT_UNWRITTEN};

/// A file of `count` blocks of data, each followed by a block of hole, and one
/// more hole at the end.
pub fn comb(context: &Context, count: usize) -> Result<Mirror> {
    let block = usize::try_from(context.block_size()?)?;
    let mut mirror = Mirror::create(context.path("comb")?, 1)?;
    let file = mirror.direct()?;
    for index in 0..count {
        mirror.write(&file, (2 * index * block) as u64, block)?;
    }
    let size = 2 * count * block + block;
    file.set_len(size as u64)?;
    mirror.set_length(size);
    file.sync_all().context("fsync")?;
    Ok(mirror)
}

/// A file of 64 blocks: 8 of data, 8 of hole, 16 preallocated of which the
/// middle 4 are written, 16 of hole, 16 preallocated.
pub fn mixed(context: &Context) -> Result<Mirror> {
    let block = context.block_size()?;
    let mut mirror = Mirror::create(context.path("mixed")?, 1)?;
    let file = mirror.direct()?;
    let length = |blocks: u64| usize::try_from(blocks * block);
    mirror.write(&file, 0, length(8)?)?;
    for (start, count) in [(16, 16), (48, 16)] {
        let flags = FallocateFlags::empty();
        fallocate(&file, flags, start * block, count * block).context("fallocate")?;
    }
    mirror.set_length(length(64)?);
    mirror.write(&file, 22 * block, length(4)?)?;
    file.sync_all().context("fsync")?;
    Ok(mirror)
}

/// Ranges of the file that extents with (or without) a flag cover, adjacent ones
/// joined, in blocks.
pub fn covered(extents: &[Extent], block: u64, unwritten: bool) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let wanted = |extent: &&Extent| extent.has(EXTENT_UNWRITTEN) == unwritten;
    for extent in extents.iter().filter(wanted) {
        let (start, end) = (extent.logical / block, extent.end() / block);
        match ranges.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => ranges.push((start, end)),
        }
    }
    ranges
}

/// Reads the device where the extents say and compares with the file's data.
pub fn verify_on_device(context: &Context, mirror: &Mirror, extents: &[Extent]) -> Result<()> {
    let device: File = open_read(&context.disk("main")?.path(), libc::O_DIRECT)?;
    for extent in extents.iter().filter(|e| !e.has(EXTENT_UNWRITTEN)) {
        let expected = mirror.range(
            usize::try_from(extent.logical)?,
            usize::try_from(extent.length)?,
        );
        let mut found = AlignedBuf::new(usize::try_from(extent.length)?)?;
        device
            .read_exact_at(&mut found, extent.physical)
            .with_context(|| format!("cannot read the device for {extent:?}"))?;
        ensure!(!expected.is_empty(), "{extent:?} is after the end");
        let found = found.get(..expected.len()).unwrap_or_default();
        pattern::compare(expected, found, extent.logical)
            .with_context(|| format!("on the device, {extent:?}"))?;
    }
    Ok(())
}

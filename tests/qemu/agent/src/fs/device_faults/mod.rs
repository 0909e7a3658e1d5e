// SPDX-License-Identifier: GPL-2.0

//! A disk that fails where a file is: reads and writes of that place say EIO, all
//! others go on, nothing hangs, and once the disk is well again so is the file.

pub mod cached;
pub mod direct;
mod disk;
pub mod durable;
pub mod lost;
pub mod requests;
pub mod superblock;
pub mod synchronous;

use std::fs;
use std::ops::Range;

use anyhow::{ensure, Context as _, Result};

use super::KIB;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::sys::fiemap;
use crate::sys::mapping::FileMapping;
use crate::sys::page_flags;
use disk::{Fault, FaultyDisk};

/// Size of the files here.
const SIZE: usize = 256 * KIB;

/// One block of a file that is not at the start of a page, if blocks are smaller.
fn bad_range(context: &Context) -> Result<Range<usize>> {
    let block = usize::try_from(context.block_size()?)?;
    let start = 100 * KIB + if block < 4096 { block } else { 0 };
    Ok(start..start + block)
}

/// Has the disk fail where that range of the file is.
fn break_at(disk: &FaultyDisk, fault: Fault, mirror: &Mirror, range: &Range<usize>) -> Result<()> {
    disk.break_at(fault, place_of(mirror, range)?)
}

/// Where on the disk that range of the file is.
fn place_of(mirror: &Mirror, range: &Range<usize>) -> Result<Range<u64>> {
    let extents = fiemap::extents(&mirror.buffered()?)?;
    let (start, length) = (range.start as u64, range.len() as u64);
    let place = extents
        .iter()
        .find(|extent| extent.logical <= start && start + length <= extent.end())
        .map(|extent| extent.physical + start - extent.logical)
        .context("the range is not in one extent")?;
    Ok(place..place + length)
}

/// Each byte of the file is as in `one` or as in `other`, which are as long as it.
fn expect_either(mirror: &Mirror, one: &[u8], other: &[u8]) -> Result<()> {
    let found = fs::read(mirror.path()).context("reading after a failure")?;
    ensure!(
        found.len() == one.len() && found.len() == other.len(),
        "the file has {} bytes",
        found.len()
    );
    for (at, (found, either)) in found.iter().zip(one.iter().zip(other)).enumerate() {
        ensure!(
            found == either.0 || found == either.1,
            "at {at} there is {found:#x}, not {:#x}, not {:#x}",
            either.0,
            either.1
        );
    }
    Ok(())
}

/// No page of the file is locked or being written.
fn ensure_idle(mirror: &Mirror) -> Result<()> {
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    let busy = page_flags::busy(&mapping, SIZE)?;
    ensure!(busy == 0, "{busy} pages are still locked or being written");
    Ok(())
}

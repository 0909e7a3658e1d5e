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
    let extents = fiemap::extents(&mirror.buffered()?)?;
    let (start, length) = (range.start as u64, range.len() as u64);
    let place = extents
        .iter()
        .find(|extent| extent.logical <= start && start + length <= extent.end())
        .map(|extent| extent.physical + start - extent.logical)
        .context("the range is not in one extent")?;
    disk.break_at(fault, place..place + length)
}

/// No page of the file is locked or being written.
fn ensure_idle(mirror: &Mirror) -> Result<()> {
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    let busy = page_flags::busy(&mapping, SIZE)?;
    ensure!(busy == 0, "{busy} pages are still locked or being written");
    Ok(())
}

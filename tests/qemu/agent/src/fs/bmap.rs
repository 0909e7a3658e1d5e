// SPDX-License-Identifier: GPL-2.0

//! FIBMAP on filesystems that ask the engine.

use anyhow::{ensure, Context as _, Result};

use super::layout::{mixed, verify_on_device};
use super::KIB;
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::fibmap::device_block;
use crate::sys::fiemap::Extent;

pub const CASES: &[Case] = &[
    Case::new("bmap_only_data", suites::EXT4_XFS, only_data)
        .doc(
            "Blocks with data have a number; holes, preallocated blocks and what is after \
              the end have none.",
        )
        .holds(&["BM-2", "BM-3"]),
    Case::new("bmap_flushes", suites::REPORTS, flushes)
        .doc("Data that is only in the page cache is written before the answer.")
        .holds(&["BM-1"]),
];

fn only_data(context: &Context) -> Result<()> {
    let mirror = mixed(context)?;
    let file = mirror.direct()?;
    for block in 0..80 {
        let found = device_block(&file, block).context("FIBMAP")?;
        let data = (0..8).contains(&block) || (22..26).contains(&block);
        ensure!((found != 0) == data, "block {block} is at {found}");
    }
    Ok(())
}

fn flushes(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    let length = 64 * KIB;
    mirror.write(&file, 0, length)?;
    let mut extents = Vec::new();
    for index in 0..u32::try_from(length as u64 / block)? {
        let found = device_block(&file, index).context("FIBMAP")?;
        ensure!(found != 0, "block {index} has no place");
        extents.push(Extent {
            logical: u64::from(index) * block,
            physical: u64::from(found) * block,
            length: block,
            flags: 0,
        });
    }
    verify_on_device(context, &mirror, &extents)
}

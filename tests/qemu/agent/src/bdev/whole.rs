// SPDX-License-Identifier: GPL-2.0

//! The disk as a whole, for the host to look at when the guest is gone.

use anyhow::Result;

use super::region::Region;
use super::{DISK, KIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::digest;
use crate::data::random::Random;
use crate::suites::BDEV;

pub const CASES: &[Case] = &[Case::new("bdev_whole", BDEV, whole)
    .doc("What the host finds on the disk in the end is what was written to it.")];

fn whole(context: &Context) -> Result<()> {
    let sectors: u64 = context.disk(DISK)?.number("size")?;
    let size = usize::try_from(sectors * 512)?;
    let mut region = Region::new(context, 0..size as u64, 4096)?;
    let mut random = Random::new(1);
    for _ in 0..400 {
        let (offset, length) = random.range(size, 64 * KIB, 1);
        region.write(offset as u64, length)?;
    }
    region.cached().sync_all()?;
    context.promise_disk(DISK, digest::of_bytes(region.bytes()));
    Ok(())
}

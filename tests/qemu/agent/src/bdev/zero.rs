// SPDX-License-Identifier: GPL-2.0

//! Ranges of the disk that are told to be zeros, under what the cache holds of them.

use std::fs::File;
use std::io;

use anyhow::{Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::region::Region;
use super::{BLOCK_SIZES, KIB};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::suites::BDEV;
use crate::sys::block_device::zero_out;

pub const CASES: &[Case] = &[Case::new("bdev_zero", BDEV, zero).doc(
    "Punching, zeroing and BLKZEROOUT leave zeros there and dirty data around, and \
         refuse parts of sectors.",
)];

const SIZE: usize = 128 * KIB;

type Zero = fn(&File, u64, u64) -> io::Result<()>;

const WAYS: [(&str, Zero); 3] = [
    ("ZERO_RANGE", |disk, offset, length| {
        Ok(fallocate(disk, FallocateFlags::ZERO_RANGE, offset, length)?)
    }),
    ("PUNCH_HOLE", |disk, offset, length| {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(disk, flags, offset, length)?)
    }),
    ("BLKZEROOUT", zero_out),
];

fn zero(context: &Context) -> Result<()> {
    for (name, zero) in WAYS {
        for block in BLOCK_SIZES {
            let mut region = Region::new(context, 0..SIZE as u64, block)?;
            for (offset, length) in [(4_096, 8_192), (20_480 + 512, 512), (40_960 - 512, 10_240)] {
                // Dirty on both sides and inside.
                region.write(offset - 300, 700)?;
                region.write(offset + length - 100, 5_000)?;
                zero(region.cached(), offset, length).context(name)?;
                region.note(offset, &vec![0; usize::try_from(length)?])?;
                region
                    .verify_cached()
                    .with_context(|| format!("{name}, blocks of {block} bytes"))?;
                // A write into the zeros finds them there.
                region.write(offset + 10, 20)?;
            }
            region
                .verify()
                .with_context(|| format!("{name}, blocks of {block} bytes"))?;
        }
        let region = Region::new(context, 0..SIZE as u64, 512)?;
        for (offset, length) in [(100, 512), (512, 100)] {
            let result = zero(region.cached(), offset, length);
            fails_with(result, libc::EINVAL, "a part of a sector")?;
        }
        region.verify()?;
    }
    Ok(())
}

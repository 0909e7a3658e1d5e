// SPDX-License-Identifier: GPL-2.0

//! Bytes in persistent memory that turn to zeros.

use anyhow::Result;
use rustix::fs::{fallocate, FallocateFlags};

use super::{verify, KIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("dax_truncate", suites::DAX, truncate)
        .doc("What a truncate cuts off is zeros when the file grows again, and was mapped or not.")
        .holds(&["IT-6"]),
    Case::new("dax_zero_edges", suites::DAX_FALLOCATE, edges)
        .doc("Punching and zeroing zeroes the parts of blocks at both edges and no byte more.")
        .holds(&["IT-6"]),
];

const SIZE: usize = 128 * KIB;

fn truncate(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.buffered()?;
    for (cut, mapped) in [(100_001, false), (70_000, true), (4_095, true), (1, false)] {
        mirror.write(&file, 0, SIZE)?;
        let mapping = mapped.then(|| FileMapping::new(&file, SIZE)).transpose()?;
        if let Some(mapping) = &mapping {
            let bytes = mirror.stamp(cut as u64, 10)?;
            mapping.write(cut, &bytes)?;
        }
        for length in [cut, SIZE] {
            file.set_len(length as u64)?;
            mirror.set_length(length);
        }
        verify(&mirror)?;
    }
    Ok(())
}

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
            verify(&mirror)?;
        }
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Files as memory.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("mapped_written", written),
    workload("mapped_hole", hole),
    workload("mapped_unwritten", unwritten),
    workload("mapped_end", end),
];

const SIZE: usize = 128 * KIB;

fn stores(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.evict(&file);
    let mapping = calls.map(&file, SIZE)?;
    for (offset, length) in [(0, 8), (5 * PAGE - 4, 8), (60_000, 10_000), (SIZE - 1, 1)] {
        calls.store(&mapping, offset, length);
    }
    calls.load(&mapping, 0, 30_000);
    calls.fsync(&file);
    // Pages that are clean again are told once more.
    calls.store(&mapping, 61_000, 10);
    calls.write(&file, 61_005, 3_000);
    calls.sync_range(&file, 56 * KIB, 16 * KIB);
    calls.store(&mapping, 8 * PAGE, PAGE);
    drop(mapping);
    calls.evict(&file);
    calls.scan(&file, SIZE, 32 * KIB);
    Ok(())
}

fn written(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, SIZE, 64 * KIB);
    stores(calls)
}

fn hole(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.truncate(&file, SIZE);
    stores(calls)
}

fn unwritten(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.write(&file, 0, SIZE);
    calls.allocate(&file, FallocateFlags::ZERO_RANGE, 8 * KIB, SIZE - 20 * KIB);
    stores(calls)
}

/// The last page, of which a part is behind the end of the file.
fn end(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.write(&file, 0, 10_000);
    calls.evict(&file);
    let mapping = calls.map(&file, 12 * KIB)?;
    calls.load(&mapping, 8 * KIB, 4 * KIB);
    calls.store(&mapping, 9_000, 3_000);
    calls.fsync(&file);
    calls.truncate(&file, 11_000);
    calls.load(&mapping, 8 * KIB, 4 * KIB);
    calls.store(&mapping, 8 * KIB, 4 * KIB);
    calls.truncate(&file, 9_500);
    calls.truncate(&file, 60_000);
    calls.load(&mapping, 8 * KIB, 4 * KIB);
    drop(mapping);
    calls.evict(&file);
    calls.scan(&file, 60_000, 10_000);
    Ok(())
}

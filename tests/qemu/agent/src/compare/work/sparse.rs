// SPDX-License-Identifier: GPL-2.0

//! Files with holes.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, MIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("sparse_far", far),
    workload("sparse_alternating", alternating),
    workload("sparse_punched", punched),
];

/// Little data, far apart.
fn far(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    for offset in [0, 70_000, MIB - 10, 5 * MIB + 5_000, 40 * MIB + 4_000] {
        calls.write(&file, offset, 3_000);
    }
    calls.evict(&file);
    for offset in [0, 64 * KIB, MIB - 8 * KIB, 3 * MIB, 40 * MIB] {
        calls.read(&file, offset, 32 * KIB);
    }
    Ok(())
}

/// Every other page, every other block, read in one go.
fn alternating(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    for index in 0..32 {
        calls.write(&file, 2 * index * PAGE, PAGE);
    }
    for index in 0..32 {
        calls.write(&file, 64 * PAGE + 2 * index * KIB, KIB);
    }
    calls.evict(&file);
    calls.read(&file, 0, 512 * KIB);
    // The holes between, in memory by now.
    for index in 0..32 {
        calls.write(&file, (2 * index + 1) * PAGE + 100, 200);
    }
    calls.fsync(&file);
    calls.evict(&file);
    calls.scan(&file, 512 * KIB, 100_000);
    Ok(())
}

fn punched(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    calls.fill(&file, 256 * KIB, 64 * KIB);
    calls.fsync(&file);
    for (offset, length) in [
        (10, 20),
        (PAGE, PAGE),
        (3 * PAGE + 100, 5 * PAGE),
        (100_000, 50_000),
        (250 * KIB, 100 * KIB),
    ] {
        calls.allocate(&file, punch, offset, length);
        calls.read(&file, offset / PAGE * PAGE, 8 * PAGE);
        calls.evict(&file);
    }
    // Where the data has not been written yet.
    calls.fill(&file, 64 * KIB, 10_000);
    calls.allocate(&file, punch, 5_000, 30_000);
    calls.fsync(&file);
    calls.scan(&file, 256 * KIB, 64 * KIB);
    Ok(())
}

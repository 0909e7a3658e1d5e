// SPDX-License-Identifier: GPL-2.0

//! Truncation, and ranges that are zeroed, removed or inserted.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("cut_truncate", truncate),
    workload("cut_truncate_dirty", truncate_dirty),
    workload("cut_zero_range", zero_range),
    workload("cut_move", move_ranges),
];

const SIZES: &[usize] = &[99_999, 98_304, 70_001, 65_536, 4_097, 4_096, 1_000, 1, 0];

/// Down and up, on disk.
fn truncate(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 100_000, 50_000);
    calls.evict(&file);
    for &size in SIZES {
        calls.truncate(&file, size);
        calls.read(&file, size / PAGE * PAGE, 2 * PAGE);
        calls.truncate(&file, size + 3 * PAGE + 5);
        calls.read(&file, size / PAGE * PAGE, 4 * PAGE);
        calls.evict(&file);
    }
    Ok(())
}

/// Down and up, in memory.
fn truncate_dirty(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    for &size in SIZES {
        calls.write(&file, 0, 100_000);
        calls.truncate(&file, size);
        calls.write(&file, size + 2_000, 500);
        calls.truncate(&file, size + 2_100);
    }
    calls.fsync(&file);
    // Space that is allocated ahead, then cut.
    calls.allocate(&file, FallocateFlags::KEEP_SIZE, 0, 200 * KIB);
    calls.write(&file, 150 * KIB, 10 * KIB);
    calls.truncate(&file, 155 * KIB + 3);
    calls.truncate(&file, 180 * KIB);
    calls.fsync(&file);
    calls.scan(&file, 180 * KIB, 60 * KIB);
    Ok(())
}

fn zero_range(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    let keep = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    calls.fill(&file, 128 * KIB, 64 * KIB);
    calls.fsync(&file);
    for (offset, length) in [
        (10, 20),
        (PAGE - 10, 20),
        (2 * PAGE, PAGE),
        (20_000, 10_000),
        (50_001, 1),
        (60_000, 30_000),
    ] {
        calls.allocate(&file, FallocateFlags::ZERO_RANGE, offset, length);
        calls.read(&file, offset / PAGE * PAGE, 4 * PAGE);
        calls.evict(&file);
    }
    // Over data that was not written yet, over the end, behind it.
    calls.write(&file, 100_000, 20_000);
    calls.allocate(&file, FallocateFlags::ZERO_RANGE, 105_000, 3_000);
    calls.allocate(&file, keep, 120 * KIB, 16 * KIB);
    calls.allocate(&file, FallocateFlags::ZERO_RANGE, 125 * KIB + 1, 20 * KIB);
    calls.allocate(&file, FallocateFlags::ZERO_RANGE, 200 * KIB, 100);
    calls.evict(&file);
    calls.scan(&file, 210 * KIB, 70 * KIB);
    Ok(())
}

fn move_ranges(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 128 * KIB, 64 * KIB);
    calls.allocate(&file, FallocateFlags::COLLAPSE_RANGE, 16 * KIB, 32 * KIB);
    calls.write(&file, 20_000, 100);
    calls.allocate(&file, FallocateFlags::INSERT_RANGE, 8 * KIB, 16 * KIB);
    calls.read(&file, 0, 64 * KIB);
    calls.write(&file, 10_000, 10_000);
    calls.fsync(&file);
    calls.scan(&file, 112 * KIB, 28 * KIB);
    Ok(())
}

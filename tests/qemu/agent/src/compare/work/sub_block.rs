// SPDX-License-Identifier: GPL-2.0

//! Writes of less than a block, into whatever a block can be.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("sub_block_written", written),
    workload("sub_block_hole", hole),
    workload("sub_block_unwritten", unwritten),
    workload("sub_block_end", end),
];

/// Within a block, to its end, from its start, across two, across pages.
const RANGES: &[(usize, usize)] = &[
    (100, 50),
    (PAGE + 1_000, 24),
    (2 * PAGE, 10),
    (3 * PAGE + 1_020, 8),
    (5 * PAGE - 3, 6),
    (6 * PAGE + 512, 1_024),
    (8 * PAGE - 512, 2 * PAGE + 1),
    (12 * PAGE + 1, PAGE - 2),
    (15 * PAGE + 1_023, 2),
];

/// Each alone and cold, then all together in memory.
fn each(calls: &mut Calls<'_>, file: &crate::compare::calls::Handle) {
    for &(offset, length) in RANGES {
        calls.write(file, offset, length);
        calls.read(file, offset / PAGE * PAGE, 2 * PAGE);
        calls.evict(file);
    }
    for &(offset, length) in RANGES {
        calls.write(file, offset + 30, length);
    }
    calls.fsync(file);
    calls.scan(file, 64 * KIB, 16 * KIB);
}

fn written(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 64 * KIB, 64 * KIB);
    calls.evict(&file);
    each(calls, &file);
    Ok(())
}

fn hole(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.truncate(&file, 64 * KIB);
    each(calls, &file);
    Ok(())
}

fn unwritten(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 64 * KIB);
    each(calls, &file);
    Ok(())
}

/// Around and behind the end of the file.
fn end(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.write(&file, 0, 10_100);
    calls.evict(&file);
    for (offset, length) in [
        (10_000, 200),
        (10_300, 1),
        (11_263, 2),
        (12_287, 1),
        (14_000, 300),
        (30_000, 5),
    ] {
        calls.write(&file, offset, length);
        calls.evict(&file);
        calls.read(&file, offset / PAGE * PAGE, 3 * PAGE);
    }
    for offset in [40_000, 40_700, 41_900, 45_001] {
        calls.write(&file, offset, 10);
    }
    calls.fsync(&file);
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Files from their start to their end.

use anyhow::Result;

use super::{KIB, MIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("sequential_large", large),
    workload("sequential_pages", pages),
    workload("sequential_odd", odd),
];

fn large(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 2 * MIB, 512 * KIB);
    calls.evict(&file);
    calls.scan(&file, 2 * MIB, 256 * KIB);
    // Over it again, in memory and not.
    calls.fill(&file, MIB, 128 * KIB);
    calls.evict(&file);
    calls.fill(&file, MIB, 128 * KIB);
    calls.fsync(&file);
    Ok(())
}

fn pages(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 256 * KIB, PAGE);
    calls.evict(&file);
    calls.scan(&file, 256 * KIB + PAGE, PAGE);
    calls.fill(&file, 128 * KIB, PAGE);
    calls.fdatasync(&file);
    Ok(())
}

fn odd(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 100_000, 1_777);
    calls.evict(&file);
    calls.scan(&file, 101_000, 3_001);
    calls.fill(&file, 100_000, 777);
    calls.fsync(&file);
    Ok(())
}

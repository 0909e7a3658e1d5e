// SPDX-License-Identifier: GPL-2.0

//! Zeroing of parts of blocks.

use anyhow::{Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::files::{written, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("zero_range_100b", Needs::Whole, range),
    workload("truncate_100b", Needs::Cached, truncate),
];

const FILE: usize = 4 * MIB;

/// 100 bytes in the middle of each of 256 pages.
fn range(bench: &mut Bench<'_>) -> Result<()> {
    let file = written(bench, "file", FILE)?;
    for _ in bench.rounds() {
        bench.time(256, |index| {
            let offset = index * PAGE as u64 + 1000;
            Ok(fallocate(&file, FallocateFlags::ZERO_RANGE, offset, 100)?)
        })?;
        file.sync_all().context("cannot sync a file")?;
    }
    Ok(())
}

/// Takes 100 bytes at a time off the end.
fn truncate(bench: &mut Bench<'_>) -> Result<()> {
    for _ in bench.rounds() {
        let file = written(bench, "file", FILE)?;
        bench.time(256, |index| file.set_len(FILE as u64 - 100 * (index + 1)))?;
    }
    Ok(())
}

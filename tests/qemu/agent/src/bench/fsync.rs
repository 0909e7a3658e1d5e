// SPDX-License-Identifier: GPL-2.0

//! Writeback, as fsync waits for it.

use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};

use super::files::{open, written, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("fsync_sequential", Needs::Cached, sequential),
    workload("fsync_random", Needs::Cached, random),
    workload("fsync_every_other_block", Needs::Cached, alternating),
];

/// A new MiB at the end of a file.
fn sequential(bench: &mut Bench<'_>) -> Result<()> {
    let file = open(&bench.path("file"), 0)?;
    let data = bench.data(MIB)?;
    bench.copies(MIB);
    for round in bench.rounds() {
        file.write_all_at(&data, u64::from(round) * MIB as u64)
            .context("cannot write")?;
        bench.time(1, |_| file.sync_all())?;
    }
    Ok(())
}

/// 64 pages here and there in 8 MiB.
fn random(bench: &mut Bench<'_>) -> Result<()> {
    const FILE: usize = 8 * MIB;
    const PAGES: usize = 64;
    let file = written(bench, "file", FILE)?;
    let data = bench.data(PAGE)?;
    bench.copies(PAGES * PAGE);
    let mut numbers = Random::new(3);
    for _ in bench.rounds() {
        for part in 0..PAGES {
            // One in each part, so that none is written twice.
            let page = part * (FILE / PAGE / PAGES) + numbers.below(FILE / PAGE / PAGES);
            file.write_all_at(&data, (page * PAGE) as u64)
                .context("cannot write")?;
        }
        bench.time(1, |_| file.sync_all())?;
    }
    Ok(())
}

/// 1 MiB of which every other block is dirty: the bits of large folios, or of
/// folios of several blocks, are scanned.
fn alternating(bench: &mut Bench<'_>) -> Result<()> {
    let block = bench.spec.block_size.context("no block size")? as usize;
    let file = written(bench, "file", MIB)?;
    let data = bench.data(block)?;
    bench.copies(MIB / 2);
    for _ in bench.rounds() {
        for offset in (0..MIB).step_by(2 * block) {
            file.write_all_at(&data, offset as u64)
                .context("cannot write")?;
        }
        bench.time(1, |_| file.sync_all())?;
    }
    Ok(())
}

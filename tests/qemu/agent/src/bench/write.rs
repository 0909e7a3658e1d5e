// SPDX-License-Identifier: GPL-2.0

//! Writes into the page cache.

use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};

use super::files::{open, whole, written, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("write_1m", Needs::Cached, |b| sequential(b, MIB, 8)),
    workload("write_64k", Needs::Cached, |b| sequential(b, 64 << 10, 128)),
    workload("write_4k", Needs::Cached, |b| sequential(b, PAGE, 2048)),
    workload("write_100b", Needs::Cached, |b| sequential(b, 100, 4096)),
    workload("overwrite_4k", Needs::Cached, |b| random(b, PAGE)),
    workload("overwrite_100b", Needs::Cached, |b| random(b, 100)),
];

/// Writes an empty file from its start.
fn sequential(bench: &mut Bench<'_>, size: usize, count: u64) -> Result<()> {
    let file = open(&bench.path("file"), 0)?;
    bench.copies(size);
    let data = bench.data(size)?;
    for _ in bench.rounds() {
        file.set_len(0).context("cannot truncate a file")?;
        bench.time(count, |index| {
            whole(file.write_at(&data, index * size as u64), size)
        })?;
    }
    Ok(())
}

/// Overwrites what is cached, in folios as large as they come.
fn random(bench: &mut Bench<'_>, size: usize) -> Result<()> {
    const FILE: usize = 8 * MIB;
    let file = written(bench, "file", FILE)?;
    bench.copies(size);
    let data = bench.data(size)?;
    let mut numbers = Random::new(1);
    for _ in bench.rounds() {
        bench.time(1024, |_| {
            let offset = numbers.below(FILE / PAGE) * PAGE;
            whole(file.write_at(&data, offset as u64), size)
        })?;
    }
    Ok(())
}

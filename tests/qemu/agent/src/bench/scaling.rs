// SPDX-License-Identifier: GPL-2.0

//! How the cost of an operation grows with files, extents and folios.

use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};

use super::files::{holey, open, require_extents, whole, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("size_1m", Needs::Cached, |b| sparse(b, 1)),
    workload("size_16m", Needs::Cached, |b| sparse(b, 16)),
    workload("size_256m", Needs::Cached, |b| sparse(b, 256)),
    workload("size_8192m", Needs::Cached, |b| sparse(b, 8192)),
    workload("extents_1", Needs::Direct, |b| extents(b, 1)),
    workload("extents_100", Needs::Direct, |b| extents(b, 100)),
    workload("extents_10000", Needs::Direct, |b| extents(b, 10_000)),
    workload("extents_100000", Needs::Direct, |b| extents(b, 100_000)),
    workload("order_0", Needs::Whole, |b| folios(b, 0)),
    workload("order_2", Needs::Whole, |b| folios(b, 2)),
    workload("order_4", Needs::Whole, |b| folios(b, 4)),
    workload("order_6", Needs::Whole, |b| folios(b, 6)),
    workload("order_9", Needs::Whole, |b| folios(b, 9)),
];

/// Pages written here and there in a file that is a hole, in order.
fn sparse(bench: &mut Bench<'_>, mib: u64) -> Result<()> {
    let file = open(&bench.path("file"), 0)?;
    let data = bench.data(PAGE)?;
    let pages = (mib << 20) / PAGE as u64;
    bench.copies(PAGE);
    for _ in bench.rounds() {
        file.set_len(0).context("cannot truncate a file")?;
        file.set_len(mib << 20).context("cannot truncate a file")?;
        bench.time(256, |index| {
            let page = index * (pages / 256).max(1) % pages;
            whole(file.write_at(&data, page * PAGE as u64), PAGE)
        })?;
    }
    Ok(())
}

/// Direct reads at random places of a file of so many extents, with holes between.
fn extents(bench: &mut Bench<'_>, count: usize) -> Result<()> {
    let file = holey(bench, "file", count)?;
    require_extents(&file, count)?;
    let mut buffer = bench.data(PAGE)?;
    let mut numbers = Random::new(7);
    bench.copies(PAGE);
    for _ in bench.rounds() {
        bench.time(512, |_| {
            let offset = numbers.below(count) * 2 * PAGE;
            whole(file.read_at(&mut buffer, offset as u64), PAGE)
        })?;
    }
    Ok(())
}

/// Overwrites of a page in folios that were made by writes of `4096 << order`
/// bytes, and so are of that order.
fn folios(bench: &mut Bench<'_>, order: u32) -> Result<()> {
    let file = open(&bench.path("file"), 0)?;
    let size = PAGE << order;
    for offset in (0..4 * MIB).step_by(size) {
        let data = bench.buffer.get(..size).unwrap_or_default();
        file.write_all_at(data, offset as u64)
            .context("cannot fill a file")?;
    }
    let data = bench.data(PAGE)?;
    let mut numbers = Random::new(8);
    bench.copies(PAGE);
    for _ in bench.rounds() {
        bench.time(1024, |_| {
            let offset = numbers.below(4 * MIB / PAGE) * PAGE;
            whole(file.write_at(&data, offset as u64), PAGE)
        })?;
    }
    Ok(())
}

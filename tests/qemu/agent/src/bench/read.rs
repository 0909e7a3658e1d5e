// SPDX-License-Identifier: GPL-2.0

//! Reads through the page cache, cold and hot.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context as _, Result};
use rustix::fs::{fadvise, Advice};

use super::files::{evict, fragmented, holey, require_extents, whole, written, MIB, PAGE};
use super::measure::Bench;
use super::{control, workload, Needs, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("read_1m", Needs::Cached, |b| sequential(b, MIB)),
    workload("read_4k", Needs::Cached, |b| sequential(b, PAGE)),
    workload("read_4k_random", Needs::Cached, random),
    workload("read_fragmented", Needs::Whole, pieces),
    workload("read_holey", Needs::Cached, holes),
    control("read_4k_hot", Needs::Cached, hot),
];

const FILE: usize = 8 * MIB;

/// Reads what is not cached, with readahead.
fn sequential(bench: &mut Bench<'_>, size: usize) -> Result<()> {
    let file = written(bench, "file", FILE)?;
    read_all(bench, &file, size)
}

/// The same of a file that has an extent for each page.
fn pieces(bench: &mut Bench<'_>) -> Result<()> {
    const EXTENTS: usize = 1024;
    drop(fragmented(bench, "file", EXTENTS)?);
    let file = File::open(bench.path("file")).context("cannot open a file")?;
    require_extents(&file, EXTENTS)?;
    read_all(bench, &file, PAGE)
}

/// The same of a file that has a hole after each page.
fn holes(bench: &mut Bench<'_>) -> Result<()> {
    const EXTENTS: usize = 1024;
    drop(holey(bench, "file", EXTENTS)?);
    let file = File::open(bench.path("file")).context("cannot open a file")?;
    require_extents(&file, EXTENTS)?;
    read_all(bench, &file, PAGE)?;
    // Every other page is filled, not copied, before it is copied to the user.
    bench.copies(PAGE + PAGE / 2);
    Ok(())
}

fn read_all(bench: &mut Bench<'_>, file: &File, size: usize) -> Result<()> {
    let length = file.metadata().context("fstat")?.len();
    let mut buffer = bench.data(size)?;
    // From the disk to the cache, from there to the user.
    bench.copies(2 * size);
    for _ in bench.rounds() {
        evict(file)?;
        bench.time(length / size as u64, |index| {
            whole(file.read_at(&mut buffer, index * size as u64), size)
        })?;
    }
    Ok(())
}

/// Page by page, without readahead.
fn random(bench: &mut Bench<'_>) -> Result<()> {
    let file = written(bench, "file", FILE)?;
    fadvise(&file, 0, None, Advice::Random).context("fadvise")?;
    bench.copies(2 * PAGE);
    let mut buffer = bench.data(PAGE)?;
    let pages = (FILE / PAGE) as u64;
    for _ in bench.rounds() {
        evict(&file)?;
        // An odd factor goes to each page once. This one is near no simple part of their
        // number, so that none is next to one of the last few.
        bench.time(pages, |index| {
            let page = index * 1237 % pages;
            whole(file.read_at(&mut buffer, page * PAGE as u64), PAGE)
        })?;
    }
    Ok(())
}

/// What is cached already: no engine has a part in it.
fn hot(bench: &mut Bench<'_>) -> Result<()> {
    let file = written(bench, "file", FILE)?;
    bench.copies(PAGE);
    let mut buffer = bench.data(PAGE)?;
    let mut numbers = Random::new(2);
    for _ in bench.rounds() {
        bench.time(1024, |_| {
            let offset = numbers.below(FILE / PAGE) * PAGE;
            whole(file.read_at(&mut buffer, offset as u64), PAGE)
        })?;
    }
    Ok(())
}

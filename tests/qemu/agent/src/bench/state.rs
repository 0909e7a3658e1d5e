// SPDX-License-Identifier: GPL-2.0

//! What is kept in memory about a file's data, in bytes per MiB of it: by how much the
//! kernel's slabs grow. The tree that finds cached pages is in there, the same for all.

use std::fs;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::fs::{fadvise, Advice};

use super::disk::OtherDisk;
use super::files::{evict, open, written, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::sys::sync_range;

pub const WORKLOADS: &[Workload] = &[
    workload("state_of_pages", Needs::Cached, |b| read(b, Advice::Random)),
    workload("state_of_large_folios", Needs::Cached, |b| {
        read(b, Advice::Normal)
    }),
    workload("state_in_flight_1m", Needs::Cached, |b| in_flight(b, 1)),
    workload("state_in_flight_4k", Needs::Cached, |b| in_flight(b, 2)),
];

/// The kernel adds up what each processor counts once a second.
const COUNTED: Duration = Duration::from_secs(2);

/// Bytes in a MiB of what is cached, clean.
fn read(bench: &mut Bench<'_>, advice: Advice) -> Result<()> {
    const FILE: usize = 64 * MIB;
    let file = written(bench, "file", FILE)?;
    evict(&file)?;
    fadvise(&file, 0, None, advice).context("fadvise")?;
    let mut page = bench.data(PAGE)?;
    let before = slabs()?;
    for offset in (0..FILE).step_by(PAGE) {
        file.read_exact_at(&mut page, offset as u64)
            .context("cannot read")?;
    }
    bench.keeps(before, slabs()?, FILE);
    Ok(())
}

/// Bytes in a MiB of what is being written, of which `step` pages make a page:
/// requests of the block layer with it, which are the same for all.
fn in_flight(bench: &mut Bench<'_>, step: usize) -> Result<()> {
    const DIRTY: usize = 8 * MIB;
    let disk = OtherDisk::slow(bench.spec)?;
    let result = (|| {
        let file = open(&disk.root().join("file"), 0)?;
        for offset in (0..step * DIRTY).step_by(MIB) {
            file.write_all_at(bench.buffer.get(..MIB).unwrap_or_default(), offset as u64)
                .context("cannot write")?;
        }
        file.sync_all().context("cannot sync a file")?;
        let page = bench.data(PAGE)?;
        for offset in (0..step * DIRTY).step_by(step * PAGE) {
            file.write_all_at(&page, offset as u64)
                .context("cannot write")?;
        }
        let before = slabs()?;
        sync_range::start(&file, 0, step * DIRTY).context("sync_file_range")?;
        bench.keeps(before, slabs()?, DIRTY);
        file.sync_all().context("cannot sync a file")
    })();
    let removed = disk.remove();
    result.and(removed)
}

/// Bytes of all slabs.
fn slabs() -> Result<u64> {
    thread::sleep(COUNTED);
    let text = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let kib: Option<u64> = text
        .lines()
        .find_map(|line| line.strip_prefix("Slab:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Ok(kib.context("no Slab in /proc/meminfo")? << 10)
}

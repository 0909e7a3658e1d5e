// SPDX-License-Identifier: GPL-2.0

//! What the engine tells about files: extents, data, holes.

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{seek, SeekFrom};

use super::files::{holey, require_extents, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::sys::fiemap;

pub const WORKLOADS: &[Workload] = &[
    workload("fiemap_10000", Needs::Direct, extents),
    workload("seek_10000", Needs::Seek, seeks),
];

const EXTENTS: usize = 10_000;

/// All extents of a file by a single call; an operation is an extent.
fn extents(bench: &mut Bench<'_>) -> Result<()> {
    let file = holey(bench, "file", EXTENTS)?;
    require_extents(&file, EXTENTS)?;
    let mut answer = fiemap::Room::new(EXTENTS as u32);
    for _ in bench.rounds() {
        bench.time_all(EXTENTS as u64, || {
            let count = answer.ask(&file).context("FIEMAP")?;
            ensure!(count as usize == EXTENTS, "{count} extents");
            Ok(())
        })?;
    }
    Ok(())
}

/// From data to hole to data, through the file; an operation is a call.
fn seeks(bench: &mut Bench<'_>) -> Result<()> {
    let file = holey(bench, "file", EXTENTS)?;
    for _ in bench.rounds() {
        bench.time(2 * (EXTENTS as u64 - 1), |index| {
            let offset = index / 2 * 2 * PAGE as u64;
            let (to, expected) = match index % 2 {
                0 => (SeekFrom::Hole(offset), offset + PAGE as u64),
                _ => (
                    SeekFrom::Data(offset + PAGE as u64),
                    offset + 2 * PAGE as u64,
                ),
            };
            super::files::whole(Ok(seek(&file, to)? as usize), expected as usize)
        })?;
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Files that share blocks with others, as XFS makes them.

use anyhow::{Context as _, Result};
use rustix::fs::{fallocate, ioctl_ficlone, FallocateFlags};

use super::files::{open, written, MIB};
use super::measure::Bench;
use super::{workload, Needs, Workload};

pub const WORKLOADS: &[Workload] = &[workload("unshare_1m", Needs::Whole, unshare)];

/// Gives a clone of 1 MiB blocks of its own; they are written back in it.
fn unshare(bench: &mut Bench<'_>) -> Result<()> {
    let original = written(bench, "original", MIB)?;
    let clone = open(&bench.path("clone"), 0)?;
    // To the cache from the disk, and back.
    bench.copies(2 * MIB);
    for _ in bench.rounds() {
        clone.set_len(0).context("cannot truncate a file")?;
        ioctl_ficlone(&clone, &original).context("FICLONE")?;
        clone.sync_all().context("cannot sync a file")?;
        bench.time(1, |_| {
            Ok(fallocate(
                &clone,
                FallocateFlags::UNSHARE_RANGE,
                0,
                MIB as u64,
            )?)
        })?;
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Which processor runs a test. What one has at hand, the others do not see: free pages,
//! and batches of pages on their way to the lists of reclaim.

use anyhow::{Context as _, Result};
use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity, CpuSet};

use crate::restore::Restore;

/// Keeps this thread on the processor where it is as long as `work` runs.
pub fn stay<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let everywhere = sched_getaffinity(None).context("sched_getaffinity")?;
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    let restore =
        Restore::new(|| sched_setaffinity(None, &everywhere).context("sched_setaffinity"));
    sched_setaffinity(None, &here).context("sched_setaffinity")?;
    let result = work();
    restore.now()?;
    result
}

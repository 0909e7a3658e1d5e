// SPDX-License-Identifier: GPL-2.0

//! Which processors there are for a test. What one has at hand, the others do not see: free
//! pages, and batches of pages on their way to the lists of reclaim.

use std::fs;
use std::path::{Path, PathBuf};

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

/// Has the guest do with one processor as long as `work` runs.
pub fn alone<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let others = others()?;
    let restore = Restore::new(|| others.iter().try_for_each(|other| switch(other, "1")));
    others.iter().try_for_each(|other| switch(other, "0"))?;
    let result = work();
    restore.now()?;
    result
}

/// The switches of all processors but the first, which has none.
fn others() -> Result<Vec<PathBuf>> {
    let mut switches = Vec::new();
    for entry in fs::read_dir("/sys/devices/system/cpu").context("no list of processors")? {
        let path = entry?.path().join("online");
        if path.parent().and_then(Path::file_name) != Some("cpu0".as_ref()) && path.exists() {
            switches.push(path);
        }
    }
    Ok(switches)
}

fn switch(processor: &Path, state: &str) -> Result<()> {
    fs::write(processor, state).with_context(|| format!("cannot write {}", processor.display()))
}

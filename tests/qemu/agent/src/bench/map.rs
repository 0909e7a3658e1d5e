// SPDX-License-Identifier: GPL-2.0

//! Faults of shared mappings.

use anyhow::{Context as _, Result};

use super::files::{written, MIB, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::sys::mapping::FileMapping;

pub const WORKLOADS: &[Workload] = &[workload("mmap_write_fault", Needs::Cached, write_faults)];

/// The first write to each page of a clean file.
fn write_faults(bench: &mut Bench<'_>) -> Result<()> {
    const FILE: usize = 4 * MIB;
    let file = written(bench, "file", FILE)?;
    for _ in bench.rounds() {
        let mapping = FileMapping::new(&file, FILE).context("mmap")?;
        bench.time((FILE / PAGE) as u64, |page| {
            mapping.write(page as usize * PAGE, &[1])
        })?;
        drop(mapping);
        file.sync_all().context("cannot sync a file")?;
    }
    Ok(())
}

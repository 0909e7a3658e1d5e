// SPDX-License-Identifier: GPL-2.0

//! What the kernel uses for itself.

use std::fs;

use anyhow::{Context as _, Result};

/// What does not come back if the kernel loses it: slabs, modules and what they map,
/// variables of each processor.
pub const KERNELS_OWN: &[&str] = &["SUnreclaim", "VmallocUsed", "Percpu"];

/// Bytes in use, the sum of these fields of `/proc/meminfo`.
pub fn used(fields: &[&str]) -> Result<usize> {
    let text = fs::read_to_string("/proc/meminfo").context("no /proc/meminfo")?;
    let kib = |field: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<usize>().ok())
            .with_context(|| format!("no {field} in /proc/meminfo"))
    };
    fields.iter().map(|field| Ok(kib(field)? * 1024)).sum()
}

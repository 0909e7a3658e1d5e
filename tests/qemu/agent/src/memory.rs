// SPDX-License-Identifier: GPL-2.0

//! What the kernel uses for itself, and how what is free lies.

use std::fs;

use anyhow::{Context as _, Result};

use crate::sys::huge::HugeBuf;

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

/// How much memory [`join_free_pages`] looks after: more than tests have in large folios.
const JOINED: usize = 16 << 20;

/// Has the kernel move others' pages until there is room for large folios again, as it does
/// for a program that wants huge pages.
pub fn join_free_pages() -> Result<()> {
    HugeBuf::new(JOINED)
        .map(drop)
        .context("no memory for huge pages")
}

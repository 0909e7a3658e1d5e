// SPDX-License-Identifier: GPL-2.0

//! The floor of buffered I/O: the copy between the user's memory and the page cache, and
//! nothing else. Shows that what is taken off other workloads as copied is what copying
//! costs.

use anyhow::Result;

use super::files::{MIB, PAGE};
use super::measure::Bench;
use super::{control, Needs, Workload};
use crate::sys::copy::copy;

pub const WORKLOADS: &[Workload] = &[
    control("memcpy_1m", Needs::Cached, |b| memory(b, MIB, 8)),
    control("memcpy_4k", Needs::Cached, |b| memory(b, PAGE, 1024)),
    control("memcpy_100b", Needs::Cached, |b| memory(b, 100, 4096)),
];

/// Copies as the kernel does.
fn memory(bench: &mut Bench<'_>, size: usize, count: u64) -> Result<()> {
    let from = bench.data(size)?;
    let mut to = bench.data(size)?;
    bench.copies(size);
    for _ in bench.rounds() {
        bench.time(count, |_| {
            copy(&from, &mut to);
            Ok(())
        })?;
    }
    Ok(())
}

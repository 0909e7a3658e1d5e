// SPDX-License-Identifier: GPL-2.0

//! What is written back when, and in which pieces.

use anyhow::Result;
use rustix::fs::{syncfs, FallocateFlags};

use super::{KIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("sync_patterns", patterns),
    workload("sync_kinds", kinds),
    workload("sync_flags", flags),
    workload("sync_ranges", ranges),
    workload("sync_all", all),
];

/// After each write, after many, without any, twice.
fn patterns(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    for index in 0..8 {
        calls.write(&file, index * 5_000, 5_000);
        calls.fsync(&file);
    }
    calls.fsync(&file);
    for index in 0..8 {
        calls.write(&file, index * 20_000, 100);
    }
    calls.fdatasync(&file);
    calls.fdatasync(&file);
    calls.write(&file, 1_000, 10);
    calls.fdatasync(&file);
    calls.truncate(&file, 300_000);
    calls.fsync(&file);
    Ok(())
}

/// Dirty pages side by side on space of different kinds.
fn kinds(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 64 * KIB, 64 * KIB);
    calls.fsync(&file);
    calls.allocate(&file, FallocateFlags::empty(), 64 * KIB, 32 * KIB);
    calls.truncate(&file, 160 * KIB);
    // Written, unwritten, hole, behind the end.
    calls.write(&file, 48 * KIB, 128 * KIB);
    calls.fsync(&file);
    // Every other block, the same in pieces.
    for index in 0..40 {
        calls.write(&file, 2 * index * KIB, KIB);
    }
    calls.write(&file, 100 * KIB, 50 * KIB);
    calls.fdatasync(&file);
    calls.evict(&file);
    calls.scan(&file, 176 * KIB, 64 * KIB);
    Ok(())
}

fn flags(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    for flags in [0, libc::RWF_DSYNC, libc::RWF_SYNC, libc::RWF_NOWAIT] {
        calls.write_with(&file, (0, 10_000), 0, flags);
        calls.write_with(&file, (2_000, 3_000), 100, flags);
        calls.read_with(&file, (0, 16 * KIB), 0, libc::RWF_NOWAIT);
    }
    calls.evict(&file);
    calls.read_with(&file, (0, 16 * KIB), 0, libc::RWF_NOWAIT);
    for (name, flags) in [("dsync", libc::O_DSYNC), ("sync", libc::O_SYNC)] {
        let file = calls.open(name, flags)?;
        calls.fill(&file, 20_000, 7_000);
        calls.fill(&file, 20_000, 7_000);
    }
    Ok(())
}

fn ranges(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, 256 * KIB, 32 * KIB);
    for (offset, length) in [
        (0, PAGE),
        (100_000, 1),
        (60_000, 70_000),
        (200 * KIB, 100 * KIB),
    ] {
        calls.sync_range(&file, offset, length);
    }
    calls.write(&file, 3 * PAGE, 10);
    calls.write(&file, 5 * PAGE, 10);
    calls.sync_range(&file, 3 * PAGE, 3 * PAGE);
    calls.fsync(&file);
    Ok(())
}

/// By the kernel's flusher, which is asked to.
fn all(calls: &mut Calls<'_>) -> Result<()> {
    let one = calls.open("one", 0)?;
    let two = calls.open("two", 0)?;
    for index in 0..6 {
        calls.write(&one, index * 30_000, 20_000);
        calls.write(&two, index * 9_000, 9_000);
    }
    calls.plain("syncfs()", || syncfs(&one.file));
    calls.write(&one, 15_000, 20_000);
    calls.truncate(&two, 50_000);
    calls.plain("syncfs()", || syncfs(&one.file));
    Ok(())
}

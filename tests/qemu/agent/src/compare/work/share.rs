// SPDX-License-Identifier: GPL-2.0

//! Files that share blocks.

use anyhow::Result;
use rustix::fs::{ioctl_ficlone, FallocateFlags};

use super::{KIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::{workload, Workload};
use crate::sys::dedupe;

pub const WORKLOADS: &[Workload] = &[
    workload("share_buffered", buffered),
    workload("share_direct", direct),
    workload("share_mapped", mapped),
    workload("share_unshare", unshare),
    workload("share_dedupe", deduped),
];

const SIZE: usize = 256 * KIB;

/// A file with data, a hole and space without data, and its clone.
fn clones(calls: &mut Calls<'_>) -> Result<(Handle, Handle)> {
    let original = calls.open("original", 0)?;
    calls.fill(&original, 128 * KIB, 64 * KIB);
    calls.allocate(&original, FallocateFlags::ZERO_RANGE, 144 * KIB, 48 * KIB);
    calls.write(&original, 160 * KIB, 8 * KIB);
    calls.write(&original, SIZE - 10_000, 10_000);
    calls.fsync(&original);
    let clone = calls.open("clone", 0)?;
    calls.plain("FICLONE(clone, original)", || {
        ioctl_ficlone(&clone.file, &original.file)
    });
    // Where nothing can be shared there is a hole to work on.
    calls.truncate(&clone, SIZE);
    calls.evict(&original);
    calls.evict(&clone);
    Ok((original, clone))
}

fn buffered(calls: &mut Calls<'_>) -> Result<()> {
    let (original, clone) = clones(calls)?;
    for (offset, length) in [
        (100, 50),
        (PAGE, PAGE),
        (5 * PAGE - 3, 6),
        (40_000, 30_000),
        (130 * KIB, KIB),
        (159 * KIB, 4 * KIB),
        (SIZE - 5, 20),
    ] {
        calls.write(&clone, offset, length);
        calls.read(&clone, offset / PAGE * PAGE, 2 * PAGE);
    }
    calls.fsync(&clone);
    calls.write(&original, 90_000, 10_000);
    calls.truncate(&original, 100_001);
    calls.evict(&original);
    calls.evict(&clone);
    calls.scan(&clone, SIZE, 64 * KIB);
    Ok(())
}

fn direct(calls: &mut Calls<'_>) -> Result<()> {
    let (_, clone) = clones(calls)?;
    let file = calls.open("clone", libc::O_DIRECT)?;
    for (offset, length) in [
        (0, PAGE),
        (3 * PAGE + 512, 512),
        (8 * PAGE, 8 * PAGE),
        (20 * PAGE + 1_024, 3_072),
        (130 * KIB, 20 * KIB),
    ] {
        calls.write(&file, offset, length);
        calls.read(&file, offset, length);
    }
    calls.fsync(&file);
    calls.scan(&clone, SIZE, 64 * KIB);
    Ok(())
}

fn mapped(calls: &mut Calls<'_>) -> Result<()> {
    let (_, clone) = clones(calls)?;
    let mapping = calls.map(&clone, SIZE)?;
    calls.load(&mapping, 0, 3 * PAGE);
    for (offset, length) in [
        (10, 5),
        (70_000, 100),
        (140 * KIB, 1),
        (170 * KIB, 5 * PAGE),
    ] {
        calls.store(&mapping, offset, length);
    }
    drop(mapping);
    calls.evict(&clone);
    calls.scan(&clone, SIZE, 64 * KIB);
    Ok(())
}

fn unshare(calls: &mut Calls<'_>) -> Result<()> {
    let (_, clone) = clones(calls)?;
    for (offset, length) in [(10, 10), (16 * KIB, 32 * KIB), (50_000, 200_000)] {
        calls.allocate(&clone, FallocateFlags::UNSHARE_RANGE, offset, length);
        calls.fsync(&clone);
    }
    calls.scan(&clone, SIZE, 64 * KIB);
    Ok(())
}

fn deduped(calls: &mut Calls<'_>) -> Result<()> {
    let (original, clone) = clones(calls)?;
    calls.allocate(&clone, FallocateFlags::UNSHARE_RANGE, 0, 64 * KIB);
    calls.fsync(&clone);
    for (offset, length) in [(0, 64 * KIB), (16 * KIB, 16 * KIB)] {
        calls.call(&format!("FIDEDUPERANGE({offset}, {length})"), |_| {
            let answer = dedupe::range(&original.file, &clone.file, offset as u64, length as u64)?;
            Ok(format!("{answer:?}"))
        });
        calls.write(&clone, offset, PAGE + 10);
        calls.fsync(&clone);
    }
    calls.scan(&clone, SIZE, 64 * KIB);
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Reading ahead: how much, of what, in which bios.

use anyhow::Result;
use rustix::fs::{Advice, FallocateFlags};

use super::{KIB, MIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("ahead_sequential", sequential),
    workload("ahead_strided", strided),
    workload("ahead_advised", advised),
    workload("ahead_holes", holes),
    workload("ahead_mapped", mapped),
    workload("ahead_fragmented", fragmented),
];

fn cold(calls: &mut Calls<'_>, length: usize) -> Result<Handle> {
    let file = calls.open("file", 0)?;
    calls.fill(&file, length, 256 * KIB);
    calls.evict(&file);
    Ok(file)
}

fn sequential(calls: &mut Calls<'_>) -> Result<()> {
    for piece in [PAGE, 10_000, 128 * KIB] {
        let file = cold(calls, MIB + 1_234)?;
        calls.scan(&file, MIB + 2 * PAGE, piece);
    }
    Ok(())
}

fn strided(calls: &mut Calls<'_>) -> Result<()> {
    let file = cold(calls, MIB)?;
    for index in 0..16 {
        calls.read(&file, index * 60_000, 5_000);
    }
    let file = cold(calls, MIB)?;
    for index in (0..16).rev() {
        calls.read(&file, index * 16 * KIB, 16 * KIB);
    }
    Ok(())
}

fn advised(calls: &mut Calls<'_>) -> Result<()> {
    let file = cold(calls, MIB)?;
    calls.advise(&file, Advice::WillNeed, 100_000, 300_000);
    calls.read(&file, 100_000, 300_000);
    calls.evict(&file);
    calls.advise(&file, Advice::Random, 0, 0);
    calls.scan(&file, 64 * KIB, 8 * KIB);
    calls.evict(&file);
    calls.advise(&file, Advice::Sequential, 0, 0);
    calls.scan(&file, 512 * KIB, 32 * KIB);
    Ok(())
}

fn holes(calls: &mut Calls<'_>) -> Result<()> {
    let file = cold(calls, 512 * KIB)?;
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    for index in 0..10 {
        calls.allocate(&file, punch, index * 50_000, 7_000 + index * 1_000);
    }
    calls.allocate(&file, FallocateFlags::ZERO_RANGE, 300_000, 100_000);
    calls.evict(&file);
    calls.scan(&file, 512 * KIB, 20_000);
    Ok(())
}

fn mapped(calls: &mut Calls<'_>) -> Result<()> {
    let file = cold(calls, 512 * KIB + 100)?;
    let mapping = calls.map(&file, 512 * KIB)?;
    for offset in [300_000, 0, 4_096, 8_192, 20_000, 500 * KIB] {
        calls.load(&mapping, offset, 16);
    }
    Ok(())
}

/// Two files whose blocks lie between each other's.
fn fragmented(calls: &mut Calls<'_>) -> Result<()> {
    let one = calls.open("one", libc::O_DIRECT)?;
    let two = calls.open("two", libc::O_DIRECT)?;
    for index in 0..24 {
        for file in [&one, &two] {
            calls.write(file, index * PAGE, PAGE);
        }
    }
    let cached = calls.open("one", 0)?;
    calls.scan(&cached, 24 * PAGE, 10_000);
    calls.evict(&cached);
    calls.read(&cached, 0, 24 * PAGE);
    Ok(())
}

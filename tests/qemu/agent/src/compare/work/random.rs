// SPDX-License-Identifier: GPL-2.0

//! Reads and writes in any place, the same in every run.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::{workload, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("random_pages", pages),
    workload("random_bytes", bytes),
    workload("random_direct", direct),
    workload("random_mix", mix),
];

const SIZE: usize = 512 * KIB;

/// Ranges that are multiples of `unit`, on a file of which half is there.
fn ranges(
    calls: &mut Calls<'_>,
    file: &Handle,
    seed: u64,
    unit: usize,
    longest: usize,
    count: usize,
) {
    let mut random = Random::new(seed);
    calls.fill(file, SIZE / 2, 64 * KIB);
    calls.evict(file);
    for _ in 0..count {
        let (offset, length) = random.range(SIZE, longest, unit);
        match random.below(20) {
            0 => calls.evict(file),
            1 => calls.fdatasync(file),
            2..=9 => calls.read(file, offset, length),
            _ => calls.write(file, offset, length),
        }
    }
    calls.fsync(file);
}

fn pages(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    ranges(calls, &file, 1, PAGE, 8 * PAGE, 150);
    Ok(())
}

fn bytes(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    ranges(calls, &file, 2, 1, 9_000, 150);
    Ok(())
}

fn direct(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    ranges(calls, &file, 3, 512, 16 * PAGE, 150);
    Ok(())
}

/// Everything that changes a file, on one.
fn mix(calls: &mut Calls<'_>) -> Result<()> {
    let cached = calls.open("file", 0)?;
    let direct = calls.open("file", libc::O_DIRECT)?;
    let mut random = Random::new(4);
    let keep = FallocateFlags::KEEP_SIZE;
    for _ in 0..200 {
        let (offset, length) = random.range(SIZE, 40_000, 1);
        let (from, count) = random.range(SIZE, 40_960, 512);
        match random.below(16) {
            0..=2 => calls.write(&cached, offset, length),
            3..=4 => calls.read(&cached, offset, length),
            5..=6 => calls.write(&direct, from, count),
            7 => calls.read(&direct, from, count),
            8 => calls.truncate(&cached, offset),
            9 => calls.allocate(&cached, FallocateFlags::PUNCH_HOLE | keep, offset, length),
            10 => calls.allocate(&cached, FallocateFlags::ZERO_RANGE, offset, length),
            11 => calls.allocate(&cached, FallocateFlags::empty(), offset, length),
            12 => calls.allocate(&cached, keep, offset, length),
            13 => calls.sync_range(&cached, offset, length),
            14 => calls.fsync(&cached),
            _ => calls.evict(&cached),
        }
    }
    calls.fsync(&cached);
    Ok(())
}

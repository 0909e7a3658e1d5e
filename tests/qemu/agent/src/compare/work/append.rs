// SPDX-License-Identifier: GPL-2.0

//! Files that grow at their end.

use anyhow::Result;

use super::{KIB, PAGE};
use crate::compare::calls::Calls;
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("append_log", log),
    workload("append_synced", synced),
    workload("append_two", two),
    workload("append_direct", direct),
];

/// Records as of a log, synced now and then.
fn log(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_APPEND)?;
    for index in 0..120 {
        calls.append(&file, 100 + index * 37 % 900);
        if index % 16 == 15 {
            calls.fdatasync(&file);
        }
        if index % 50 == 49 {
            calls.evict(&file);
        }
    }
    calls.fsync(&file);
    calls.evict(&file);
    calls.scan(&file, 80 * KIB, 20_000);
    Ok(())
}

fn synced(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_APPEND | libc::O_DSYNC)?;
    for index in 0..24 {
        calls.append(&file, 1 + index * 411 % 5_000);
    }
    Ok(())
}

/// Two files by turns: their blocks lie between each other's.
fn two(calls: &mut Calls<'_>) -> Result<()> {
    let one = calls.open("one", 0)?;
    let two = calls.open("two", 0)?;
    for index in 0..16 {
        for file in [&one, &two] {
            calls.write(file, index * 3 * PAGE, 3 * PAGE);
        }
        if index % 4 == 3 {
            calls.fsync(&one);
            calls.fsync(&two);
        }
    }
    calls.evict(&one);
    calls.scan(&one, 16 * 3 * PAGE, 32 * KIB);
    Ok(())
}

fn direct(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT | libc::O_APPEND)?;
    for length in [512, 4_096, 1_024, 65_536, 512, 8_192, 3_584] {
        calls.append(&file, length);
    }
    calls.truncate(&file, 10_001);
    calls.append(&file, PAGE);
    calls.fsync(&file);
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Direct I/O: all alignments of the file and of memory, on space of all kinds.

use anyhow::Result;
use rustix::fs::FallocateFlags;

use super::{KIB, MIB, PAGE};
use crate::compare::calls::{Calls, Handle};
use crate::compare::{workload, Workload};

pub const WORKLOADS: &[Workload] = &[
    workload("direct_written", written),
    workload("direct_hole", hole),
    workload("direct_unwritten", unwritten),
    workload("direct_memory", memory),
    workload("direct_vectors", vectors),
    workload("direct_large", large),
    workload("direct_end", end),
    workload("direct_cached", cached),
    workload("direct_flags", flags),
];

/// Aligned to pages, to blocks, to sectors, to nothing; inside of a block, over
/// several.
const RANGES: &[(usize, usize)] = &[
    (0, PAGE),
    (2 * PAGE, 3 * PAGE),
    (6 * PAGE, 512),
    (7 * PAGE + 512, 512),
    (8 * PAGE + 3_584, 1_024),
    (10 * PAGE + 1_024, 2_048),
    (12 * PAGE + 512, 20 * KIB),
    (20 * PAGE, PAGE + 512),
    (25 * PAGE, 100),
    (25 * PAGE + 7, 512),
    (30 * PAGE, 128 * KIB),
];

fn each(calls: &mut Calls<'_>, file: &Handle) {
    for &(offset, length) in RANGES {
        calls.write(file, offset, length);
        calls.read(file, offset, length);
    }
    for &(offset, length) in RANGES {
        calls.write(file, offset, length);
    }
    calls.fsync(file);
    calls.scan(file, 64 * PAGE, 40 * KIB);
}

fn written(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.fill(&file, 64 * PAGE, 64 * PAGE);
    each(calls, &file);
    Ok(())
}

fn hole(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.truncate(&file, 64 * PAGE);
    each(calls, &file);
    Ok(())
}

fn unwritten(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 64 * PAGE);
    each(calls, &file);
    Ok(())
}

/// Memory at any place in its page. Where it is not where the device wants it both are
/// refused, also where there is data to read.
fn memory(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.fill(&file, 7 * 16 * KIB, 7 * 16 * KIB);
    for (index, skip) in [0, 4, 512, 513, 1_024, 3_584, 4_092]
        .into_iter()
        .enumerate()
    {
        for length in [512, PAGE, 3 * PAGE] {
            calls.write_with(&file, (index * 16 * KIB, length), skip, 0);
            calls.read_with(&file, (index * 16 * KIB, length), skip, 0);
        }
    }
    calls.fsync(&file);
    Ok(())
}

/// Memory in pieces: more than a bio takes, parts of a block, of odd length.
fn vectors(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 2 * MIB);
    let pages = [2, 17, 300].map(|count| vec![PAGE; count]);
    let parts = [
        vec![512, 3_584],
        vec![1_024, 1_536, 1_536],
        vec![1_000, 3_096],
    ];
    // New, in place, and where data ends in the middle of what is read.
    for offset in [0, 4 * KIB, 1_900 * KIB] {
        for lengths in pages.iter().chain(&parts) {
            calls.write_pieces(&file, offset, lengths);
            calls.read_pieces(&file, offset, lengths);
        }
    }
    calls.truncate(&file, 100 * KIB + 512);
    for lengths in pages.iter().chain(&parts) {
        calls.read_pieces(&file, 98 * KIB, lengths);
    }
    calls.fsync(&file);
    Ok(())
}

fn large(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.write(&file, 0, 2 * MIB);
    calls.write(&file, 512, MIB + 512);
    calls.read(&file, 0, 2 * MIB);
    calls.read(&file, 3 * PAGE, MIB + KIB);
    calls.fdatasync(&file);
    Ok(())
}

/// Over and behind the end of the file.
fn end(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.write(&file, 0, 2 * PAGE);
    calls.truncate(&file, 5_000);
    for (offset, length) in [(0, 2 * PAGE), (PAGE, PAGE), (4_608, 512), (5_120, 512)] {
        calls.read(&file, offset, length);
    }
    calls.write(&file, 5_120, 512);
    calls.truncate(&file, 5_300);
    calls.write(&file, 12 * KIB, PAGE);
    calls.write(&file, 64 * KIB + 512, 512);
    calls.read(&file, 0, 128 * KIB);
    calls.fsync(&file);
    Ok(())
}

/// Where pages are in memory, clean and dirty.
fn cached(calls: &mut Calls<'_>) -> Result<()> {
    let direct = calls.open("file", libc::O_DIRECT)?;
    let cached = calls.open("file", 0)?;
    calls.fill(&cached, 128 * KIB, 32 * KIB);
    calls.write(&direct, 8 * KIB, 16 * KIB);
    calls.read(&cached, 0, 32 * KIB);
    calls.write(&cached, 10_000, 3_000);
    calls.read(&direct, 8 * KIB, 8 * KIB);
    calls.write(&cached, 70_000, 100);
    calls.write(&direct, 68 * KIB, 512);
    let mapping = calls.map(&cached, 128 * KIB)?;
    calls.store(&mapping, 100_000, 100);
    calls.write(&direct, 96 * KIB, PAGE);
    calls.load(&mapping, 96 * KIB, PAGE);
    // Its own pages are what is written, and what is read into.
    calls.call("pwrite(file, 0, the mapping at 32768)", |_| {
        let pages = mapping.pointer(32 * KIB, PAGE)?;
        crate::sys::raw_io::write_from(&direct.file, pages, PAGE, 0)
    });
    calls.call("pread(file, 0, the mapping at 49152)", |_| {
        let pages = mapping.pointer(48 * KIB, PAGE)?;
        crate::sys::raw_io::read_to(&direct.file, pages, PAGE, 0)
    });
    drop(mapping);
    calls.fsync(&cached);
    calls.scan(&cached, 128 * KIB, 32 * KIB);
    Ok(())
}

/// Writes that last, and calls that must not wait.
fn flags(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    for flags in [
        libc::RWF_DSYNC,
        libc::RWF_SYNC,
        libc::RWF_NOWAIT,
        libc::RWF_HIPRI,
    ] {
        // New, then in place.
        for _ in 0..2 {
            calls.write_with(&file, (0, 8 * KIB), 0, flags);
        }
        calls.write_with(&file, (16 * KIB + 512, KIB), 0, flags);
        calls.read_with(&file, (0, 32 * KIB), 0, flags);
        calls.truncate(&file, 0);
    }
    let synced = calls.open("synced", libc::O_DIRECT | libc::O_DSYNC)?;
    calls.fill(&synced, 64 * KIB, 16 * KIB);
    calls.fill(&synced, 64 * KIB, 16 * KIB);
    Ok(())
}

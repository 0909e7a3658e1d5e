// SPDX-License-Identifier: GPL-2.0

//! Asynchronous direct I/O by `io_submit`.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::syncfs;

use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::trace;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("aio_depth_32", suites::ALL, depth_32)
        .doc("32 asynchronous requests in flight write and read what they should.")
        .holds(&["DIO-7", "DIO-27", "DIO-31"]),
    Case::new("aio_unaligned", suites::ALL, unaligned)
        .doc("Asynchronous requests that share blocks do not disturb each other.")
        .holds(&["DIO-11", "DIO-28"]),
    Case::new("aio_mixed_results", suites::EXT_XFS, mixed_results)
        .doc("Good requests complete among refused and short ones.")
        .holds(&["DIO-8", "DIO-26", "DIO-31"]),
    Case::new(
        "aio_overwrite_is_queued",
        suites::EXT_XFS,
        overwrite_is_queued,
    )
    .doc("An overwrite returns to the submitter before it is done.")
    .holds(&["DIO-27"]),
    Case::new("aio_append_waits", suites::EXT, append_waits)
        .doc("An extending write is done when the submission returns, and counted once.")
        .holds(&["DIO-28", "DIO-35"]),
    Case::new("queued_enospc", suites::FSX, enospc)
        .doc(
            "Requests that allocate while the disk becomes full are whole or end in ENOSPC, \
             of which the file shows nothing that was not written.",
        )
        .holds(&["DIO-8", "DIO-26", "DIO-31"]),
];

/// Order in which `count` pieces are visited: all of them, none next to the last.
pub fn scattered(count: usize) -> impl Iterator<Item = usize> {
    // 7 and a power of two have no common divisor.
    (0..count).map(move |index| (index * 7 + 3) % count)
}

/// Writes and reads back a file in 128 pieces, 32 at a time.
pub fn exercise(context: &Context, method: Method) -> Result<()> {
    const PIECES: usize = 128;
    let piece = 16 * KIB;
    let mut mirror = Mirror::filled(context.path("file")?, 1, PIECES * piece)?;
    let file = mirror.direct()?;
    let mut writes = Vec::new();
    for index in scattered(PIECES) {
        let offset = (index * piece) as u64;
        writes.push(Transfer::write(offset, mirror.stamp(offset, piece)?));
    }
    method.run_whole(&file, &mut writes, 32)?;
    drop(writes);

    let mut reads = scattered(PIECES)
        .map(|index| Transfer::read((index * piece) as u64, piece))
        .collect::<Result<Vec<_>, _>>()?;
    method.run_whole(&file, &mut reads, 32)?;
    for read in &reads {
        let expected = mirror.range(usize::try_from(read.offset)?, piece);
        pattern::compare(expected, &read.buffer, read.offset)?;
    }
    mirror.verify()
}

/// Runs good requests among bad ones and looks at each result.
pub fn exercise_errors(context: &Context, method: Method) -> Result<()> {
    let size = 60_000;
    let mirror = Mirror::filled(context.path("file")?, 1, size)?;
    let file = mirror.direct()?;
    let mut transfers_ = vec![
        Transfer::read(0, 4 * KIB)?,
        // Off the sectors: refused.
        Transfer::read(100, 4 * KIB)?,
        Transfer::read(8 * KIB as u64, 100)?,
        Transfer::write(300, AlignedBuf::filled(512, 1)?),
        // Over and after the end: short.
        Transfer::read(56 * KIB as u64, 16 * KIB)?,
        Transfer::read(MIB as u64, 4 * KIB)?,
        Transfer::read(32 * KIB as u64, 8 * KIB)?,
    ];
    let results = method.run(&file, &mut transfers_, 8)?;
    let mut results = results.into_iter();
    let mut next = || results.next().context("a result is missing");
    transfers(next()?, 4 * KIB, "a good read")?;
    fails_with(next()?, libc::EINVAL, "a read at 100")?;
    fails_with(next()?, libc::EINVAL, "a read of 100")?;
    fails_with(next()?, libc::EINVAL, "a write at 300")?;
    transfers(next()?, size - 56 * KIB, "a read over the end")?;
    transfers(next()?, 0, "a read after the end")?;
    transfers(next()?, 8 * KIB, "the last good read")?;
    for index in [0, 6] {
        let read = transfers_.get(index).context("no such request")?;
        let expected = mirror.range(usize::try_from(read.offset)?, read.buffer.len());
        pattern::compare(expected, &read.buffer, read.offset)?;
    }
    mirror.verify()
}

fn depth_32(context: &Context) -> Result<()> {
    exercise(context, Method::Aio)
}

fn unaligned(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    let pieces = 256;
    file.set_len((pieces * SECTOR) as u64)?;
    mirror.set_length(pieces * SECTOR);
    let mut writes = Vec::new();
    for index in scattered(pieces) {
        let offset = (index * SECTOR) as u64;
        writes.push(Transfer::write(offset, mirror.stamp(offset, SECTOR)?));
    }
    Method::Aio.run_whole(&file, &mut writes, 32)?;
    mirror.verify()
}

fn mixed_results(context: &Context) -> Result<()> {
    exercise_errors(context, Method::Aio)
}

/// Whether a write of that range is reported as queued.
fn is_queued(mirror: &mut Mirror, file: &File, offset: usize, length: usize) -> Result<bool> {
    let offset = offset as u64;
    let mut writes = [Transfer::write(offset, mirror.stamp(offset, length)?)];
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || {
        Method::Aio.run_whole(file, &mut writes, 1)
    })?;
    let count = |name: &str| events.iter().filter(|event| event.name == name).count();
    let (begun, completed) = (count("iomap_dio_rw_begin"), count("iomap_dio_complete"));
    ensure!(
        (begun, completed) == (1, 1),
        "{begun} requests begun, {completed} completed"
    );
    Ok(count("iomap_dio_rw_queued") > 0)
}

fn overwrite_is_queued(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    let file = mirror.direct()?;
    // The device may be done before the submitter looks, but not every time.
    for _ in 0..100 {
        if is_queued(&mut mirror, &file, 0, MIB)? {
            return mirror.verify();
        }
    }
    bail!("100 overwrites, none of them queued")
}

fn append_waits(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    for index in 0..4 {
        let end = mirror.bytes().len();
        let queued = is_queued(&mut mirror, &file, end, 64 * KIB)?;
        ensure!(!queued, "append {index} was queued");
    }
    mirror.verify()
}

fn enospc(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let mut ballast = Mirror::create(context.path("ballast")?, 2)?;
    let filler = ballast.direct()?;
    ballast.fill_disk(&filler)?;
    filler.set_len((ballast.bytes().len() - ROOM) as u64)?;
    for method in [Method::Aio, Method::Uring] {
        syncfs(&filler)?;
        fill_hole(context, &mut mirror, method)?;
        mirror.set_length(0);
        mirror.direct()?.set_len(0)?;
    }
    Ok(())
}

/// What is left of the disk, in bytes.
const ROOM: usize = 2 * MIB;

/// Has more pages written into a hole than the disk has space for, many at a time.
fn fill_hole(context: &Context, mirror: &mut Mirror, method: Method) -> Result<()> {
    const PAGES: usize = 2 * ROOM / PAGE_SIZE;
    let file = mirror.direct()?;
    mirror.set_length(2 * ROOM);
    file.set_len(2 * ROOM as u64)?;

    let mut writes = Vec::new();
    for index in scattered(PAGES) {
        let offset = (index * PAGE_SIZE) as u64;
        writes.push(Transfer::write(offset, mirror.stamp(offset, PAGE_SIZE)?));
    }
    let results = method.run(&file, &mut writes, 32)?;
    let mut whole = 0;
    for (write, result) in writes.iter().zip(results) {
        let what = format!("{method:?} write at {}", write.offset);
        let count = match result {
            Ok(count) => count,
            error => {
                fails_with(error, libc::ENOSPC, &what)?;
                0
            }
        };
        if count == PAGE_SIZE {
            whole += 1;
            continue;
        }
        // Of blocks smaller than a page some may have been written.
        let mut found = vec![0; PAGE_SIZE];
        let cached = mirror.buffered()?;
        cached.read_exact_at(&mut found, write.offset)?;
        for (sector, new) in found.chunks(SECTOR).zip(write.buffer.chunks(SECTOR)) {
            let is_empty = sector.iter().all(|&byte| byte == 0);
            ensure!(
                is_empty || sector == new,
                "{what}: neither zeros nor what was written"
            );
        }
        mirror.note(write.offset, &found)?;
    }
    context.note(format!("{method:?}: {whole} of {PAGES} writes were whole"));
    ensure!(
        (1..PAGES).contains(&whole),
        "{whole} of {PAGES} writes fit into {ROOM} bytes"
    );
    mirror.verify()
}

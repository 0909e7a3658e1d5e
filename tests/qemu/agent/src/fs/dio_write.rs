// SPDX-License-Identifier: GPL-2.0

//! Direct writes over data, and over the end of the file.

use std::io::IoSlice;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::check::transfers;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("dio_overwrite", suites::ALL, overwrite)
        .doc("Aligned overwrites of several lengths land where they belong.")
        .holds(&["DIO-18", "DIO-19", "DIO-34"]),
    Case::new("dio_unaligned_write", suites::ALL, unaligned_write)
        .doc("Overwrites that start and end inside a block leave the rest of the block alone.")
        .holds(&["DIO-11", "DIO-17"]),
    Case::new("dio_append", suites::ALL, append)
        .doc("Appending in pieces of a sector and more grows the file by each.")
        .holds(&["DIO-15", "DIO-17", "DIO-35"]),
    Case::new("dio_write_past_eof", suites::ALL, past_eof)
        .doc("Writing past the end leaves a hole that reads as zeros.")
        .holds(&["DIO-17", "DIO-35"]),
    Case::new("dio_write_across_eof", suites::ALL, across_eof)
        .doc("A write over the end overwrites, extends, and zeroes the rest of the last block.")
        .holds(&["DIO-17", "DIO-35"]),
    Case::new("dio_write_vectored", suites::ALL, vectored)
        .doc("pwritev writes buffers of mixed lengths in order.")
        .holds(&["DIO-19", "DIO-20"]),
    Case::new("dio_write_position", suites::ALL, position)
        .doc("A write without an offset moves the file's position by what it wrote.")
        .holds(&["DIO-34"]),
    Case::new("dio_write_enospc", suites::ALL, enospc)
        .doc("On a full disk extending writes end in ENOSPC and the file holds what was counted.")
        .timeout(FULL_DISK_LIMIT)
        .holds(&["DIO-26", "IT-9"]),
];

/// All of the disk is written once and read three times.
const FULL_DISK_LIMIT: Duration = Duration::from_secs(240);

fn overwrite(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, 4 * MIB)?;
    let file = mirror.direct()?;
    for (offset, length) in [
        (0, 4 * KIB),
        (8 * KIB, 12 * KIB),
        (MIB, MIB),
        (3 * MIB, 512 * KIB),
        (4 * MIB - 4 * KIB, 4 * KIB),
    ] {
        mirror.write(&file, offset as u64, length)?;
    }
    mirror.verify()
}

fn unaligned_write(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, 128 * KIB)?;
    let file = mirror.direct()?;
    for offset in (0..8 * KIB).step_by(SECTOR) {
        for length in [512, 1536, 3584, 4608] {
            mirror.write(&file, (offset * 7) as u64, length)?;
        }
    }
    mirror.verify()
}

fn append(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    for length in [512, 512, 1024, 1536, 4096, 512, 8192, 512, 64 * KIB, 512] {
        let end = mirror.bytes().len() as u64;
        mirror.write(&file, end, length)?;
        let size = file.metadata()?.len();
        ensure!(size == end + length as u64, "the file has {size} bytes");
    }
    mirror.verify()?;
    no_stale_tail(&mut mirror)
}

fn past_eof(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    for (id, offset) in [(1, 512), (2, 3584), (3, 64 * KIB), (4, MIB + 1536)] {
        for (name, length) in [("sector", 512), ("odd", 4608), ("long", 40 * KIB)] {
            let path = context.path(&format!("{name}{id}"))?;
            let mut mirror = Mirror::create(path, id)?;
            let file = mirror.direct()?;
            mirror.write(&file, offset as u64, length)?;
            mirror.verify()?;
            no_stale_tail(&mut mirror)?;
        }
    }
    Ok(())
}

fn across_eof(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    for (id, size) in [(1, 10_000), (2, 100), (3, 8_192), (4, 8_704)] {
        for length in [SECTOR, 8 * KIB, 33 * SECTOR] {
            let path = context.path(&format!("file{id}-{length}"))?;
            let mut mirror = Mirror::filled(path, id, size)?;
            let file = mirror.direct()?;
            // The sector that holds the end of the file, or the one after it.
            let offset = size - size % SECTOR;
            mirror.write(&file, offset as u64, length)?;
            mirror.verify()?;
            no_stale_tail(&mut mirror)?;
        }
    }
    Ok(())
}

/// Grows the file by truncation: what was after its end must be zeros.
fn no_stale_tail(mirror: &mut Mirror) -> Result<()> {
    let size = mirror.bytes().len() + 16 * KIB;
    mirror.direct()?.set_len(size as u64)?;
    mirror.set_length(size);
    mirror.verify().context("after the file was extended")
}

fn vectored(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, 512 * KIB)?;
    let file = mirror.direct()?;
    let mut position = 1536;
    let mut buffers = Vec::new();
    for length in [512, 4096, 1536, 64 * KIB, 512, 8192, 100 * KIB] {
        buffers.push(mirror.stamp(position, length)?);
        position += length as u64;
    }
    let slices: Vec<_> = buffers.iter().map(|b| IoSlice::new(b)).collect();
    let total = buffers.iter().map(|b| b.len()).sum();
    transfers(
        raw_io::write_vectored(&file, &slices, 1536, 0),
        total,
        "pwritev",
    )?;
    mirror.verify()
}

fn position(context: &Context) -> Result<()> {
    use std::io::{Read, Seek, SeekFrom, Write};

    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let mut file = mirror.direct()?;
    for length in [4096, 512, 8192] {
        let offset = mirror.bytes().len() as u64;
        let buffer = mirror.stamp(offset, length)?;
        transfers(file.write(&buffer), length, "write")?;
        let found = file.stream_position()?;
        ensure!(found == offset + length as u64, "the position is {found}");
    }
    file.seek(SeekFrom::Start(0))?;
    let mut buffer = AlignedBuf::new(64 * KIB)?;
    transfers(file.read(&mut buffer), 12_800, "read")?;
    ensure!(file.stream_position()? == 12_800, "reading moved elsewhere");
    mirror.verify()
}

fn enospc(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    mirror.fill_disk(&file)?;
    mirror.verify()?;
    // Half of it is free again: writing goes on.
    let half = mirror.bytes().len() / 2 / MIB * MIB;
    file.set_len(half as u64)?;
    mirror.set_length(half);
    file.sync_all()?;
    rustix::fs::syncfs(&file)?;
    mirror.write(&file, half as u64, MIB)?;
    mirror.verify()
}

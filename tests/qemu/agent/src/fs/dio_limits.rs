// SPDX-License-Identifier: GPL-2.0

//! Requests that the engine refuses or has nothing to do for.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Result};

use super::{KIB, SECTOR};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dio_misaligned_offset", suites::EXT_XFS, misaligned_offset)
        .doc("An offset off the device's sectors is EINVAL and changes nothing.")
        .holds(&["DIO-11", "IT-5"]),
    Case::new("dio_misaligned_length", suites::EXT_XFS, misaligned_length)
        .doc("A length off the device's sectors is EINVAL and changes nothing.")
        .holds(&["DIO-11", "IT-5"]),
    Case::new("dio_misaligned_memory", suites::EXT_XFS, misaligned_memory)
        .doc("Memory that the device cannot reach directly is EINVAL and changes nothing.")
        .holds(&["DIO-11", "IT-5"]),
    Case::new("dio_zero_length", suites::ALL, zero_length)
        .doc("Reads and writes of nothing return 0.")
        .holds(&["DIO-1"]),
    Case::new("dio_zero_length_begins", suites::EXT2, zero_length_begins)
        .doc("A read of nothing that reaches the engine leaves its first trace event alone.")
        .holds(&["DIO-1", "DIO-8"]),
];

/// Offset in the file, offset in memory, length.
type Request = (u64, usize, usize);

fn misaligned_offset(context: &Context) -> Result<()> {
    refused(context, &[(1, 0, 512), (256, 0, 4096), (4095, 0, 512)])
}

fn misaligned_length(context: &Context) -> Result<()> {
    refused(
        context,
        &[(0, 0, 1), (512, 0, 513), (0, 0, 4000), (4096, 0, 100)],
    )
}

fn misaligned_memory(context: &Context) -> Result<()> {
    let mask: usize = context.disk("main")?.number("queue/dma_alignment")?;
    let step = mask.div_ceil(2);
    ensure!(step > 0, "the device takes memory at any address");
    refused(context, &[(0, step, 512), (0, 1, 4096), (1024, step, 8192)])
}

/// Reads, overwrites and appends so; all must fail and leave the file alone.
fn refused(context: &Context, requests: &[Request]) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    let file = mirror.direct()?;
    let mut memory = AlignedBuf::filled(64 * KIB, 0xEE)?;
    for &(offset, shift, length) in requests {
        let range = shift..shift + length;
        let what = format!("{length} bytes at {offset}, memory at {shift}");
        let to = memory.get_mut(range.clone()).unwrap_or_default();
        fails_with(
            file.read_at(to, offset),
            libc::EINVAL,
            &format!("reading {what}"),
        )?;
        let from = memory.get(range).unwrap_or_default();
        fails_with(
            file.write_at(from, offset),
            libc::EINVAL,
            &format!("writing {what}"),
        )?;
        let end = offset + 64 * KIB as u64;
        fails_with(
            file.write_at(from, end),
            libc::EINVAL,
            &format!("appending {what}"),
        )?;
    }
    ensure!(
        memory.iter().all(|&byte| byte == 0xEE),
        "a refused read changed memory"
    );
    mirror.verify()
}

fn zero_length(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 8 * KIB)?;
    let file = mirror.direct()?;
    for offset in [0, SECTOR as u64, 8192, 1 << 20] {
        transfers(file.read_at(&mut [], offset), 0, "reading nothing")?;
        transfers(file.write_at(&[], offset), 0, "writing nothing")?;
        transfers(
            raw_io::write_vectored(&file, &[], offset, 0),
            0,
            "pwritev of nothing",
        )?;
    }
    mirror.verify()
}

fn zero_length_begins(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 8 * KIB)?;
    let file: File = mirror.direct()?;
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || {
        transfers(file.read_at(&mut [], 0), 0, "reading nothing")
    })?;
    let names = trace::names(&events);
    ensure!(names == ["iomap_dio_rw_begin"], "the trace has {names:?}");
    Ok(())
}

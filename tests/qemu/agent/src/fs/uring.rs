// SPDX-License-Identifier: GPL-2.0

//! Direct I/O by io_uring, and I/O that asks to be polled for.

use std::io::{IoSlice, IoSliceMut};

use anyhow::{ensure, Result};

use super::aio::{exercise, exercise_errors};
use super::KIB;
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("uring_depth_32", suites::ALL, depth_32)
        .doc("32 requests on a ring write and read what they should.")
        .holds(&["DIO-15", "DIO-27", "DIO-31"]),
    Case::new("uring_fixed_buffers", suites::ALL, fixed_buffers)
        .doc("The same with registered buffers, which come as lists of pages.")
        .holds(&["DIO-20", "DIO-21"]),
    Case::new("uring_mixed_results", suites::EXT_XFS, mixed_results)
        .doc("Good requests complete among refused and short ones.")
        .holds(&["DIO-26", "DIO-31"]),
    Case::new("uring_polled", suites::POLLED, polled)
        .doc("A polling ring reads and overwrites, or is refused where the device cannot poll.")
        .holds(&["DIO-9", "DIO-16", "DIO-22"]),
    Case::new("dio_hipri", suites::EXT_XFS, hipri)
        .doc("RWF_HIPRI on a synchronous call is no more than a hint.")
        .holds(&["DIO-9", "DIO-22"]),
];

fn depth_32(context: &Context) -> Result<()> {
    exercise(context, Method::Uring)
}

fn fixed_buffers(context: &Context) -> Result<()> {
    exercise(context, Method::UringFixed)
}

fn mixed_results(context: &Context) -> Result<()> {
    exercise_errors(context, Method::Uring)
}

fn polled(context: &Context) -> Result<()> {
    let piece = 4 * KIB;
    let count = 32;
    let mut mirror = Mirror::filled(context.path("file")?, 1, count * piece)?;
    let file = mirror.direct()?;
    let mut reads = (0..count)
        .map(|index| Transfer::read((index * piece) as u64, piece))
        .collect::<Result<Vec<_>, _>>()?;

    if context.disk("main")?.number::<u32>("queue/io_poll")? == 0 {
        context.note("the device cannot poll");
        for result in Method::UringPolled.run(&file, &mut reads, 8)? {
            fails_with(result, libc::EOPNOTSUPP, "a polled read")?;
        }
        return Ok(());
    }

    Method::UringPolled.run_whole(&file, &mut reads, 8)?;
    for (index, read) in reads.iter().enumerate() {
        let expected = mirror.range(index * piece, piece);
        ensure!(expected.len() == piece, "the file is too short");
        pattern::compare(expected, &read.buffer, read.offset)?;
    }
    let mut writes = Vec::new();
    for index in 0..count {
        let offset = (index * piece) as u64;
        writes.push(Transfer::write(offset, mirror.stamp(offset, piece)?));
    }
    Method::UringPolled.run_whole(&file, &mut writes, 8)?;
    mirror.verify()
}

fn hipri(context: &Context) -> Result<()> {
    let length = 16 * KIB;
    let mut mirror = Mirror::filled(context.path("file")?, 1, 4 * length)?;
    let file = mirror.direct()?;
    let mut buffer = AlignedBuf::new(length)?;
    let mut to = [IoSliceMut::new(&mut buffer)];
    let count = raw_io::read_vectored(&file, &mut to, 0, libc::RWF_HIPRI);
    transfers(count, length, "a read")?;
    pattern::compare(mirror.range(0, length), &buffer, 0)?;
    let bytes = mirror.stamp(0, length)?;
    let count = raw_io::write_vectored(&file, &[IoSlice::new(&bytes)], 0, libc::RWF_HIPRI);
    transfers(count, length, "an overwrite")?;
    mirror.verify()
}

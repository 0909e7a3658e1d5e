// SPDX-License-Identifier: GPL-2.0

//! Buffers that are odd: missing memory, and mapped files.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{anyhow, Result};

use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;
use crate::transfer::{Direction, Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("dio_buffer_missing", suites::EXT_XFS, buffer_missing)
        .doc("I/O with memory that is not there is EFAULT.")
        .holds(&["DIO-20", "DIO-26"]),
    Case::new(
        "dio_buffer_half_missing",
        suites::EXT_XFS,
        buffer_half_missing,
    )
    .doc("A fault in mid-buffer fails the whole call; what was before it may be on the disk.")
    .holds(&["DIO-20", "DIO-26"]),
    Case::new("dio_buffer_half_touched", suites::ALL, buffer_half_touched)
        .doc("Memory of which the first part alone is there yet is filled, and read, whole.")
        .holds(&["DIO-25", "DIO-34"]),
    Case::new("dio_read_into_mapping", suites::ALL, read_into_mapping)
        .doc("Pages of another file that a direct read fills are dirty and reach the disk.")
        .holds(&["DIO-20"]),
    Case::new(
        "dio_read_into_cleaned_mapping",
        suites::EXT_XFS,
        read_into_cleaned_mapping,
    )
    .doc("Pages that are written back while a direct read fills them get dirty again.")
    .holds(&["DIO-21", "DIO-29"]),
    Case::new("dio_write_from_mapping", suites::ALL, write_from_mapping)
        .doc("A direct write takes its data from the mapped pages of another file.")
        .holds(&["DIO-20"]),
    Case::new("dio_own_mapping", suites::ALL, own_mapping)
        .doc("The buffer may be a mapping of the file itself: no deadlock and the right data.")
        .holds(&["DIO-6", "DIO-25"]),
    Case::new(
        "dio_own_mapping_overlapping",
        suites::OVERLAPPING,
        own_mapping_overlapping,
    )
    .doc("Even source and target may be the same range of the file.")
    .holds(&["DIO-6", "DIO-25"]),
];

fn buffer_missing(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    let file = mirror.direct()?;
    // Page 0 is never mapped; its first sectors are aligned addresses.
    let nowhere = SECTOR as *mut u8;
    let read = raw_io::read_to(&file, nowhere, 4 * KIB, 0);
    fails_with(read, libc::EFAULT, "a read into nothing")?;
    let write = raw_io::write_from(&file, nowhere, 4 * KIB, 0);
    fails_with(write, libc::EFAULT, "a write from nothing")?;
    mirror.verify()
}

fn buffer_half_missing(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, 64 * KIB)?;
    let file = mirror.direct()?;
    let half = 32 * KIB;

    let mut buffer = half_buffer(half)?;
    let read = raw_io::read_to(&file, buffer.as_mut_ptr(), 2 * half, 0);
    fails_with(read, libc::EFAULT, "a read into half a buffer")?;
    mirror.verify()?;

    let stamped = mirror.stamp(0, half)?;
    buffer.copy_from_slice(&stamped);
    let write = raw_io::write_from(&file, buffer.as_ptr(), 2 * half, 0);
    fails_with(write, libc::EFAULT, "a write from half a buffer")?;
    // The half that was there was submitted before the fault was met.
    mirror.verify()
}

/// A buffer with memory behind it that nobody may touch.
fn half_buffer(length: usize) -> io::Result<AlignedBuf> {
    let mut buffer = AlignedBuf::new(2 * length)?;
    buffer.unmap_from(length)?;
    Ok(buffer)
}

fn buffer_half_touched(context: &Context) -> Result<()> {
    let length = 256 * KIB;
    let half = length / 2;
    let mut mirror = Mirror::filled(context.path("file")?, 1, 2 * length)?;
    let file = mirror.direct()?;
    // btrfs lets nothing fault while it holds locks: it gets the part that is
    // there, faults the rest in and goes on, and the caller must not notice.
    for method in Method::ALL {
        let mut read = [Transfer::new(
            Direction::Read,
            0,
            half_touched(length, 0xEE)?,
        )];
        method.run_whole(&file, &mut read, 1)?;
        let [read] = &read;
        pattern::compare(mirror.range(0, length), &read.buffer, 0)?;

        let memory = half_touched(length, 0x11)?;
        let offset = length as u64;
        let mut write = [Transfer::write(offset, memory)];
        method.run_whole(&file, &mut write, 1)?;
        mirror.note(offset, &vec![0x11; half])?;
        mirror.note(offset + half as u64, &vec![0; half])?;
        mirror.verify()?;
    }
    Ok(())
}

/// Memory whose first half holds a byte and whose second half has no pages yet.
fn half_touched(length: usize, byte: u8) -> io::Result<AlignedBuf> {
    let mut buffer = AlignedBuf::new(length)?;
    buffer.iter_mut().take(length / 2).for_each(|b| *b = byte);
    Ok(buffer)
}

fn read_into_mapping(context: &Context) -> Result<()> {
    let length = 256 * KIB;
    let source = Mirror::filled(context.path("source")?, 1, length)?;
    let mut target = Mirror::filled(context.path("target")?, 2, length)?;
    let mapping = FileMapping::new(&target.buffered()?, length)?;
    let pieces = [(0, 4 * KIB), (8 * KIB, 64 * KIB), (100 * KIB, SECTOR)];
    for (offset, length) in pieces {
        let to = mapping.pointer(offset, length)?;
        let count = raw_io::read_to(&source.direct()?, to, length, offset as u64);
        transfers(count, length, "a read into a mapping")?;
        target.note(offset as u64, source.range(offset, length))?;
    }
    // Written back, dropped and read again from the disk.
    drop(mapping);
    target.drop_cache()?;
    target.verify()
}

fn read_into_cleaned_mapping(context: &Context) -> Result<()> {
    let length = 512 * KIB;
    let sources = [
        Mirror::filled(context.path("source1")?, 1, length)?,
        Mirror::filled(context.path("source2")?, 2, length)?,
    ];
    let mut target = Mirror::filled(context.path("target")?, 3, length)?;
    let buffered = target.buffered()?;
    let stop = AtomicBool::new(false);
    // Another thread cleans the pages all the time: some rounds hit the moment
    // between the submission of a read and its completion.
    for source in sources.iter().cycle().take(40) {
        stop.store(false, Ordering::Relaxed);
        let mapping = FileMapping::new(&buffered, length)?;
        let to = mapping.pointer(0, length)?;
        let file = source.direct()?;
        thread::scope(|scope| {
            let cleaner = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    buffered.sync_data()?;
                }
                io::Result::Ok(())
            });
            let count = raw_io::read_to(&file, to, length, 0);
            stop.store(true, Ordering::Relaxed);
            cleaner.join().map_err(|_| anyhow!("a thread panicked"))??;
            transfers(count, length, "a read into a mapping")
        })?;
        target.note(0, source.bytes())?;
        drop(mapping);
        target.drop_cache()?;
        target.verify_buffered()?;
    }
    Ok(())
}

fn write_from_mapping(context: &Context) -> Result<()> {
    let length = 256 * KIB;
    let source = Mirror::filled(context.path("source")?, 1, length)?;
    let mut target = Mirror::filled(context.path("target")?, 2, length)?;
    source.drop_cache()?;
    let mapping = FileMapping::new(&source.buffered()?, length)?;
    let from = mapping.pointer(0, length)?;
    let count = raw_io::write_from(&target.direct()?, from, length, 0);
    transfers(count, length, "a write from a mapping")?;
    target.note(0, source.bytes())?;
    target.verify()
}

fn own_mapping(context: &Context) -> Result<()> {
    let (low, high) = (0..256 * KIB, 512 * KIB..768 * KIB);
    copy_within(context, low.clone(), high.clone())?;
    copy_within(context, high, low)
}

fn own_mapping_overlapping(context: &Context) -> Result<()> {
    let range = 64 * KIB..192 * KIB;
    copy_within(context, range.clone(), range)?;
    // Downwards, as nothing is overwritten before it was read then. The pages
    // that come into the cache as the source are stale once they are the target.
    copy_within(context, 64 * KIB..192 * KIB, 60 * KIB..188 * KIB)
}

/// Copies a range of a file to another by a direct write from its mapping, then
/// by a direct read into it.
fn copy_within(context: &Context, from: Range<usize>, to: Range<usize>) -> Result<()> {
    let length = from.len();
    for reading in [false, true] {
        let path = context.path(&format!("file-{}-{}-{reading}", from.start, to.start))?;
        let mut mirror = Mirror::filled(path, 1, MIB)?;
        // Every page has to fault in while the engine works.
        mirror.drop_cache()?;
        let mapping = FileMapping::new(&mirror.buffered()?, MIB)?;
        let file = mirror.direct()?;
        let result = if reading {
            let pointer = mapping.pointer(to.start, length)?;
            raw_io::read_to(&file, pointer, length, from.start as u64)
        } else {
            let pointer = mapping.pointer(from.start, length)?;
            raw_io::write_from(&file, pointer, length, to.start as u64)
        };
        transfers(result, length, "I/O with the file's own mapping")?;
        let bytes = mirror.range(from.start, length).to_vec();
        mirror.note(to.start as u64, &bytes)?;
        drop(mapping);
        mirror.verify()?;
    }
    Ok(())
}

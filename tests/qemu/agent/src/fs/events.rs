// SPDX-License-Identifier: GPL-2.0

//! The engine's trace events: which come, in which order, and what they say.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{bail, ensure, Context as _, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fiemap;
use crate::trace::{self, Event};
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("trace_dio_write", suites::EXT_XFS, dio_write)
        .doc(
            "A direct overwrite leaves its events in order, with the fields of the request \
              and of its mapping.",
        )
        .holds(&["IT-2", "IT-8", "DIO-34", "TR-1"]),
    Case::new("trace_dio_read", suites::EXT_XFS, dio_read)
        .doc("A direct read over the end says what it asked for and what it got.")
        .holds(&["IT-2", "DIO-1", "TR-1"]),
    Case::new("trace_dio_queued", suites::EXT_XFS, dio_queued)
        .doc("An asynchronous request is marked so, and is reported as queued.")
        .holds(&["DIO-27", "TR-1"]),
    Case::new("trace_dio_force_wait", suites::EXT, dio_force_wait)
        .doc("The flags that a filesystem passes to the engine show by name.")
        .holds(&["DIO-2", "TR-1"]),
    Case::new("trace_report", suites::EXT_XFS, report)
        .doc("FIEMAP iterates with the flag REPORT and shows each mapping by type.")
        .holds(&["FM-2", "TR-1"]),
];

/// `major:minor` of the file's device, as events write it.
fn device(file: &File) -> Result<String> {
    let dev = file.metadata()?.dev();
    Ok(format!("{}:{}", libc::major(dev), libc::minor(dev)))
}

fn expect_names(events: &[Event], expected: &[&str]) -> Result<()> {
    let names = trace::names(events);
    ensure!(
        names == expected,
        "the trace has {names:?}, not {expected:?}"
    );
    Ok(())
}

fn expect_numbers(event: &Event, expected: &[(&str, i64)]) -> Result<()> {
    for &(key, value) in expected {
        let found = event.number(key)?;
        ensure!(
            found == value,
            "{}: {key} is {found} instead of {value}: {}",
            event.name,
            event.text
        );
    }
    Ok(())
}

fn nth<'a>(events: &'a [Event], name: &str, index: usize) -> Result<&'a Event> {
    events
        .iter()
        .filter(|event| event.name == name)
        .nth(index)
        .with_context(|| format!("no {name} number {index}"))
}

const SIZE: usize = 64 * KIB;
const OFFSET: i64 = 8192;
const LENGTH: i64 = 4096;

fn dio_write(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let ((), events) =
        trace::record_iomap(ino, || mirror.write(&file, OFFSET as u64, LENGTH as usize))?;
    expect_names(
        &events,
        &[
            "iomap_dio_rw_begin",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter",
            "iomap_dio_complete",
        ],
    )?;
    let device = device(&file)?;
    for event in &events {
        ensure!(event.field("dev")? == device, "device: {}", event.text);
    }

    let begin = nth(&events, "iomap_dio_rw_begin", 0)?;
    expect_numbers(
        begin,
        &[
            ("size", SIZE as i64),
            ("offset", OFFSET),
            ("length", LENGTH),
            ("done_before", 0),
            ("aio", 0),
        ],
    )?;
    ensure!(begin.flags("flags")? == ["DIRECT"], "flags: {}", begin.text);

    for (index, processed) in [(0, 0), (1, LENGTH)] {
        let iter = nth(&events, "iomap_iter", index)?;
        expect_numbers(iter, &[("pos", OFFSET), ("processed", processed)])?;
        let flags = iter.flags("flags")?;
        ensure!(flags == ["WRITE", "DIRECT"], "flags: {}", iter.text);
        let ops = iter.field("ops")?;
        // A filesystem in Rust has no table of functions.
        let expected = match context.fs() {
            "ext2_rs" => "0x0",
            fs => fs,
        };
        ensure!(ops.starts_with(expected), "ops: {}", iter.text);
    }

    let map = nth(&events, "iomap_iter_dstmap", 0)?;
    ensure!(map.field("type")? == "MAPPED", "type: {}", map.text);
    ensure!(map.field("bdev")? == device, "bdev: {}", map.text);
    let start = map.number("offset")?;
    let end = start + map.number("length")?;
    ensure!(
        start <= OFFSET && end > OFFSET,
        "the mapping does not cover the request: {}",
        map.text
    );
    let extent = *fiemap::extents(&file)?.first().context("no extent")?;
    let expected = i64::try_from(extent.physical)? + start;
    expect_numbers(map, &[("addr", expected)])?;

    let complete = nth(&events, "iomap_dio_complete", 0)?;
    expect_numbers(
        complete,
        &[
            ("size", SIZE as i64),
            // The position has moved on by now.
            ("offset", OFFSET + LENGTH),
            ("aio", 0),
            ("error", 0),
            ("ret", LENGTH),
        ],
    )
}

fn dio_read(context: &Context) -> Result<()> {
    let size = 10_000;
    let mirror = Mirror::filled(context.path("file")?, 1, size)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let mut buffer = AlignedBuf::new(SIZE)?;
    let (count, events) =
        trace::record_iomap(ino, || Ok(file.read_at(&mut buffer, OFFSET as u64)?))?;
    ensure!(count as i64 == size as i64 - OFFSET, "{count} bytes");
    let begin = nth(&events, "iomap_dio_rw_begin", 0)?;
    expect_numbers(begin, &[("offset", OFFSET), ("length", SIZE as i64)])?;
    let iter = nth(&events, "iomap_iter", 0)?;
    ensure!(iter.flags("flags")? == ["DIRECT"], "flags: {}", iter.text);
    let complete = nth(&events, "iomap_dio_complete", 0)?;
    expect_numbers(complete, &[("error", 0), ("ret", count as i64)])
}

fn dio_queued(context: &Context) -> Result<()> {
    let mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let length = MIB - OFFSET as usize;
    // The device may win the race against the submitter now and then, the more
    // so on a busy machine: long reads, and many tries.
    for _ in 0..100 {
        let mut reads = [Transfer::read(OFFSET as u64, length)?];
        let ((), events) =
            trace::record_iomap(ino, || Method::Aio.run_whole(&file, &mut reads, 1))?;
        expect_numbers(nth(&events, "iomap_dio_rw_begin", 0)?, &[("aio", 1)])?;
        expect_numbers(nth(&events, "iomap_dio_complete", 0)?, &[("aio", 1)])?;
        if let Ok(queued) = nth(&events, "iomap_dio_rw_queued", 0) {
            // The mapping loop has used up the length by then.
            let expected = [("size", MIB as i64), ("offset", MIB as i64), ("length", 0)];
            return expect_numbers(queued, &expected);
        }
    }
    bail!("100 reads, none of them queued")
}

fn dio_force_wait(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let ((), events) =
        trace::record_iomap(ino, || mirror.write(&file, SIZE as u64, LENGTH as usize))?;
    let begin = nth(&events, "iomap_dio_rw_begin", 0)?;
    let flags = begin.flags("dio_flags")?;
    ensure!(flags == ["DIO_FORCE_WAIT"], "an append: {}", begin.text);
    Ok(())
}

fn report(context: &Context) -> Result<()> {
    let mirror = super::layout::comb(context, 3)?;
    let file = mirror.direct()?;
    let ino = file.metadata()?.ino();
    let (extents, events) = trace::record_iomap(ino, || Ok(fiemap::extents(&file)?))?;
    ensure!(extents.len() == 3, "{extents:?}");
    let mut data = Vec::new();
    for event in &events {
        match event.name.as_str() {
            "iomap_iter" => {
                let flags = event.flags("flags")?;
                ensure!(flags == ["REPORT"], "flags: {}", event.text);
            }
            "iomap_iter_dstmap" => match event.field("type")? {
                "MAPPED" => data.push((event.number("offset")?, event.number("addr")?)),
                "HOLE" => expect_numbers(event, &[("addr", -1)])?,
                other => bail!("type {other}"),
            },
            other => bail!("an event {other}"),
        }
    }
    let expected = extents
        .iter()
        .map(|e| Ok((i64::try_from(e.logical)?, i64::try_from(e.physical)?)))
        .collect::<Result<Vec<_>>>()?;
    ensure!(data == expected, "mappings {data:?}, extents {expected:?}");
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! The fields of the engine's trace events, on operations whose every number
//! the script dictates.

use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};

use super::scripted::Scripted;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::trace::{names, record_iomap, Event};
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("trace_direct_write", SCRIPT, direct_write)
        .doc("A direct write leaves its events in order, each with all of its fields.")
        .holds(&[
            "TR-1", "TR-2", "TR-3", "TR-4", "TR-5", "IT-2", "DIO-1", "DIO-34", "DIFF-26",
        ]),
    Case::new("trace_names_of_flags", SCRIPT, names_of_flags)
        .doc("Types and flags are spelled as names.")
        .holds(&["TR-2", "TR-6"]),
    Case::new("trace_source_map", SCRIPT, source_map)
        .doc("A source mapping has an event of its own, after that of the mapping.")
        .holds(&["TR-2"]),
    Case::new("trace_errors", SCRIPT, errors)
        .doc("Errors show as what was processed, and in the completion.")
        .holds(&["TR-3", "TR-5"]),
    Case::new("trace_asynchronous", SCRIPT, asynchronous)
        .doc("Asynchronous requests say so.")
        .holds(&["TR-7", "TR-4", "TR-5"]),
    Case::new("trace_nothing_to_do", SCRIPT, nothing_to_do)
        .doc("A request of nothing, or past the end, leaves its first event only.")
        .holds(&["DIO-1", "DIO-8", "TR-4"]),
];

fn trace<T>(fs: &Scripted, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Event>)> {
    record_iomap(fs.file().metadata()?.ino(), work)
}

fn expect(events: &[Event], wanted: &[&str]) -> Result<()> {
    ensure!(names(events) == wanted, "{:#?}", events);
    Ok(())
}

/// Checks "key value" pairs of the `index`th event.
fn fields(events: &[Event], index: usize, wanted: &[(&str, &str)]) -> Result<()> {
    let event = events
        .get(index)
        .with_context(|| format!("no event {index}"))?;
    for (key, value) in wanted {
        let found = event.field(key)?;
        ensure!(found == *value, "{key} is not {value}: {event:?}");
    }
    Ok(())
}

fn direct_write(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\ndio done_before=16 force_wait\n\
         extent offset=0 length=8192 addr=1048576\nextent offset=8192 length=8192 addr=2097152",
    )?;
    let (count, events) = trace(&fs, || Ok(fs.write(4096, 8192, 1)?))?;
    ensure!(count == 8208, "{count} bytes");
    expect(
        &events,
        &[
            "iomap_dio_rw_begin",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter",
            "iomap_dio_complete",
        ],
    )?;
    let device = fs.disk().attribute("dev")?;
    for index in 0..events.len() {
        fields(&events, index, &[("dev", &device)])?;
    }
    fields(
        &events,
        0,
        &[
            ("size", "0x10000"),
            ("offset", "0x1000"),
            ("length", "0x2000"),
            ("done_before", "0x10"),
            ("flags", "DIRECT"),
            ("dio_flags", "DIO_FORCE_WAIT"),
            ("aio", "0"),
        ],
    )?;
    // The first event of a walk comes before there is a mapping.
    for (index, pos, processed, length) in [
        (1, "0x1000", "0", None),
        (3, "0x1000", "4096", Some("0x1000")),
        (5, "0x2000", "4096", Some("0x1000")),
    ] {
        fields(
            &events,
            index,
            &[
                ("pos", pos),
                ("processed", processed),
                ("flags", "WRITE|DIRECT"),
            ],
        )?;
        if let Some(length) = length {
            fields(&events, index, &[("length", length)])?;
        }
        let event = events.get(index).context("no event")?;
        ensure!(
            event.text.contains("flags WRITE|DIRECT (0x11) ops 0x"),
            "{event:?}"
        );
        let caller = event.field("caller")?;
        if context.on_rust() {
            ensure!(caller.starts_with("iomap_dio_rw+0x0/"), "{event:?}");
        }
    }
    fields(
        &events,
        2,
        &[
            ("bdev", &device),
            ("addr", "0x100000"),
            ("offset", "0x0"),
            ("length", "0x2000"),
            ("type", "MAPPED"),
        ],
    )?;
    fields(
        &events,
        6,
        &[
            ("size", "0x10000"),
            // The position has moved by then.
            ("offset", "0x3000"),
            ("flags", "DIRECT"),
            ("aio", "0"),
            ("error", "0"),
            ("ret", "8208"),
        ],
    )
}

fn names_of_flags(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for (mapping, kind, flags) in [
        ("type=hole", "HOLE", ""),
        ("type=delalloc", "DELALLOC", ""),
        ("type=mapped flags=new|dirty", "MAPPED", "NEW|DIRTY"),
        (
            "type=unwritten flags=shared|merged",
            "UNWRITTEN",
            "SHARED|MERGED",
        ),
        (
            "type=inline flags=bh|size_changed",
            "INLINE",
            "BH|SIZE_CHANGED",
        ),
    ] {
        fs.restart(&format!("extent offset=0 length=4096 addr=4096 {mapping}"))?;
        let (_, events) = trace(&fs, || Ok(crate::sys::fibmap::device_block(fs.file(), 0)?))?;
        expect(&events, &["iomap_iter", "iomap_iter_dstmap", "iomap_iter"])?;
        fields(&events, 1, &[("type", kind)])?;
        let event = events.get(1).context("no event")?;
        ensure!(event.text.ends_with(&format!("flags {flags}")), "{event:?}");
        fields(&events, 0, &[("flags", "REPORT")])?;
    }
    Ok(())
}

fn source_map(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\n\
         answer offset=0 length=4096 addr=65536 flags=shared src offset=0 length=8192 addr=131072",
    )?;
    let (count, events) = trace(&fs, || Ok(fs.write(0, 4096, 1)?))?;
    ensure!(count == 4096);
    expect(
        &events,
        &[
            "iomap_dio_rw_begin",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter_srcmap",
            "iomap_iter",
            "iomap_dio_complete",
        ],
    )?;
    fields(&events, 2, &[("addr", "0x10000"), ("length", "0x1000")])?;
    fields(
        &events,
        3,
        &[
            ("addr", "0x20000"),
            ("length", "0x2000"),
            ("type", "MAPPED"),
        ],
    )
}

fn errors(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nextent offset=0 length=700 addr=65536\nend_io ret=-28",
    )?;
    let (result, events) = trace(&fs, || Ok(fs.read(0, 4096)))?;
    ensure!(result.is_err());
    expect(
        &events,
        &[
            "iomap_dio_rw_begin",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter",
            "iomap_dio_complete",
        ],
    )?;
    fields(&events, 3, &[("processed", "-22"), ("flags", "DIRECT")])?;
    fields(
        &events,
        4,
        &[("error", "-22"), ("ret", "-28"), ("offset", "0x0")],
    )
}

fn asynchronous(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536\nbio hold",
    )?;
    let (result, events) = trace(&fs, || {
        let mut transfer = Transfer::write(4096, AlignedBuf::new(4096)?);
        fs.queued(Method::Aio, &mut transfer, || fs.run("release"))
    })?;
    ensure!(result? == 4096);
    expect(
        &events,
        &[
            "iomap_dio_rw_begin",
            "iomap_iter",
            "iomap_iter_dstmap",
            "iomap_iter",
            "iomap_dio_rw_queued",
            "iomap_dio_complete",
        ],
    )?;
    fields(&events, 0, &[("aio", "1"), ("done_before", "0x0")])?;
    fields(
        &events,
        4,
        &[("size", "0x10000"), ("offset", "0x2000"), ("length", "0x0")],
    )?;
    fields(
        &events,
        5,
        &[
            ("aio", "1"),
            ("error", "0"),
            ("ret", "4096"),
            ("offset", "0x2000"),
        ],
    )
}

fn nothing_to_do(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=4096")?;
    let (_, events) = trace(&fs, || Ok(fs.read(4096, 512)?))?;
    expect(&events, &["iomap_dio_rw_begin"])?;
    fields(&events, 0, &[("offset", "0x1000"), ("length", "0x200")])?;
    let (_, events) = trace(&fs, || {
        Method::Aio.run(fs.file(), &mut [Transfer::read(0, 0)?], 1)
    })?;
    expect(&events, &["iomap_dio_rw_begin"])?;
    fields(&events, 0, &[("length", "0x0"), ("aio", "1")])
}

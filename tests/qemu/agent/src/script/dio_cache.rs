// SPDX-License-Identifier: GPL-2.0

//! Direct I/O and the page cache: what is flushed and thrown away before and
//! after, and what happens where that fails.

use std::io::{IoSlice, IoSliceMut};

use anyhow::{ensure, Context as _, Result};

use super::scripted::{expect_errno, Scripted};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;
use crate::trace;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("dio_read_flushes", SCRIPT, read_flushes)
        .doc("A read writes dirty pages back first and leaves them in the cache.")
        .holds(&["DIO-3"]),
    Case::new("dio_read_flush_fails", SCRIPT, read_flush_fails)
        .doc("An error of that flush is the read's, before anything else has happened.")
        .holds(&["DIO-3", "DIO-8"]),
    Case::new("dio_read_nowait_dirty", SCRIPT, read_nowait_dirty)
        .doc("A read that must not wait fails on dirty pages and ignores clean ones.")
        .holds(&["DIO-3", "DIO-2"]),
    Case::new("dio_write_invalidates", SCRIPT, write_invalidates)
        .doc("A write flushes its range and drops the pages of it before any I/O.")
        .holds(&["DIO-6"]),
    Case::new("dio_write_flush_fails", SCRIPT, write_flush_fails)
        .doc("Whatever error the flush has, the write asks to be done buffered.")
        .holds(&["DIO-6", "DIO-8", "TR-7"]),
    Case::new("dio_write_busy_page", SCRIPT, write_busy_page)
        .doc("A page that cannot be dropped makes the write ask to be done buffered.")
        .holds(&["DIO-6"]),
    Case::new("dio_write_nowait_cached", SCRIPT, write_nowait_cached)
        .doc("A write that must not wait fails on any cached page.")
        .holds(&["DIO-6"]),
    Case::new("dio_write_drops_late_pages", SCRIPT, write_drops_late_pages)
        .doc("Pages that came in during the write are dropped after end_io, even if that fails.")
        .holds(&["DIO-33", "DIO-37"]),
    Case::new(
        "dio_write_error_keeps_late_pages",
        SCRIPT,
        write_error_keeps_late_pages,
    )
    .doc("After an I/O error pages are left alone.")
    .holds(&["DIO-33"]),
    Case::new("dio_write_late_busy_page", SCRIPT, write_late_busy_page)
        .doc("A late page that stays is reported in the log and by fsync, the write succeeds.")
        .holds(&["DIO-33"])
        .logs(&[
            "Page cache invalidation failure on direct I/O",
            r"File: /mnt/file0 PID: \d+ Comm: ",
        ]),
];

const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

fn read_flushes(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\ncache index=1 dirty"))?;
    ensure!(fs.read(4096, 4096)?.0 == 4096);
    fs.expect(&[
        "read",
        "writepages start=4096 end=8191 ret=0",
        "begin",
        "submit",
        "end",
        "end_io cached=1",
        "return ret=4096",
    ])
}

fn read_flush_fails(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for errno in [libc::EIO, libc::ENOSPC] {
        fs.restart(&format!(
            "{EXTENT}\ncache index=1 dirty\nerror writeback=-{errno}"
        ))?;
        expect_errno(fs.read(4096, 4096), errno)?;
        let wanted = format!("return ret=-{errno} dio_count=0");
        fs.expect(&["read", "writepages", &wanted])?;
    }
    Ok(())
}

fn read_nowait_dirty(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\ncache index=1 dirty\ncache index=2"),
    )?;
    let mut buffer = AlignedBuf::new(4096)?;
    let mut read = |pos| {
        let mut segments = [IoSliceMut::new(&mut buffer)];
        raw_io::read_vectored(fs.file(), &mut segments, pos, libc::RWF_NOWAIT)
    };
    expect_errno(read(4096), libc::EAGAIN)?;
    fs.expect(&["read", "return ret=-11 dio_count=0"])?;
    ensure!(read(8192)? == 4096);
    fs.expect(&[
        "read",
        "begin flags=direct|nowait",
        "submit flags=-",
        "end flags=direct|nowait",
        "end_io",
        "return ret=4096",
    ])
}

fn write_invalidates(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\ncache index=1 dirty\ncache index=2\ncache index=3 dirty"),
    )?;
    ensure!(fs.write(4096, 8192, 1)? == 8192);
    fs.expect(&[
        "write",
        "writepages start=4096 end=12287 ret=0",
        "begin",
        "submit",
        "end",
        "end_io cached=1",
        "return ret=8192",
    ])
}

fn write_flush_fails(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for errno in [libc::EIO, libc::ENOSPC] {
        fs.restart(&format!(
            "{EXTENT}\ncache index=1 dirty\nerror writeback=-{errno}"
        ))?;
        let ((), events) = trace::record(&["iomap/iomap_dio_invalidate_fail"], || {
            expect_errno(fs.write(4096, 4096, 1), libc::ENOTBLK)
        })?;
        fs.expect(&[
            "write",
            "writepages",
            "return ret=-15 left=4096 dio_count=0",
        ])?;
        ensure!(events.len() == 1, "{events:?}");
        let event = events.first().context("no event")?;
        ensure!(event.number("size")? == 65536, "{event:?}");
        ensure!(event.number("offset")? == 4096, "{event:?}");
        ensure!(event.number("length")? == 4096, "{event:?}");
    }
    Ok(())
}

fn write_busy_page(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\ncache index=1 busy"))?;
    expect_errno(fs.write(4096, 4096, 1), libc::ENOTBLK)?;
    fs.expect(&["write", "return ret=-15 left=4096 dio_count=0"])
}

fn write_nowait_cached(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\ncache index=1"))?;
    let buffer = AlignedBuf::filled(4096, 1)?;
    let write =
        |pos| raw_io::write_vectored(fs.file(), &[IoSlice::new(&buffer)], pos, libc::RWF_NOWAIT);
    expect_errno(write(4096), libc::EAGAIN)?;
    fs.expect(&["write", "return ret=-11 dio_count=0"])?;
    ensure!(write(8192)? == 4096);
    fs.expect(&[
        "write",
        "begin flags=write|direct|nowait",
        "submit flags=sync|idle",
        "end",
        "end_io",
        "return ret=4096",
    ])
}

/// Writes page 1, and puts it into the page cache while the bio is held.
fn write_with_late_page(
    fs: &Scripted,
    cache: &str,
    release: &str,
) -> Result<std::io::Result<usize>> {
    let mut transfer = Transfer::write(4096, AlignedBuf::filled(4096, 1)?);
    fs.queued(Method::Aio, &mut transfer, || {
        fs.run(&format!("{cache}\n{release}"))
    })
}

fn write_drops_late_pages(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for (end_io, errno) in [("keep", None), ("ret=-28", Some(libc::ENOSPC))] {
        fs.restart(&format!("{EXTENT}\nbio hold\nend_io {end_io}"))?;
        let written = write_with_late_page(&fs, "cache index=1\ncache index=2", "release")?;
        match errno {
            None => ensure!(written? == 4096),
            Some(errno) => expect_errno(written, errno)?,
        }
        fs.expect(&[
            "write sync=0",
            "begin",
            "submit",
            "end",
            "return ret=queued",
            "end_io pos=4096 size=4096 cached=2 context=worker dio_count=1",
        ])?;
        fs.run("end_io keep")?;
        ensure!(fs.read(0, 512)?.0 == 512);
        // Page 2 is out of the write's range.
        fs.expect_only("end_io", &["end_io cached=1"])?;
    }
    Ok(())
}

fn write_error_keeps_late_pages(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\nbio hold"))?;
    let written = write_with_late_page(&fs, "cache index=1", "release complete error=-5")?;
    expect_errno(written, libc::EIO)?;
    fs.expect_only(
        "end_io",
        &["end_io size=4096 error=-5 context=worker cached=1"],
    )?;
    ensure!(fs.read(0, 512)?.0 == 512);
    fs.expect_only("end_io", &["end_io cached=1"])
}

fn write_late_busy_page(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\nbio hold"))?;
    let written = write_with_late_page(&fs, "cache index=1 busy", "release")?;
    ensure!(written? == 4096);
    expect_errno(fs.file().sync_data(), libc::EIO)?;
    fs.file().sync_data().context("reported twice")
}

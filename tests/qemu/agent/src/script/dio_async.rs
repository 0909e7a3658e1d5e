// SPDX-License-Identifier: GPL-2.0

//! Who waits, and where a request is completed: by the submitter, in the
//! interrupt, by the workqueue, or by the issuer. Bios are held back by the
//! script, so that the order of events is certain.

use std::time::{Duration, Instant};

use anyhow::{ensure, Result};

use super::scripted::{expect_bytes, expect_errno, fill_device, Scripted};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::trace;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("dio_async_read_in_interrupt", SCRIPT, read_in_interrupt)
        .doc("A successful asynchronous read is completed in the interrupt.")
        .holds(&["DIO-27", "DIO-31"]),
    Case::new(
        "dio_async_read_error_in_worker",
        SCRIPT,
        read_error_in_worker,
    )
    .doc("A failed asynchronous read is completed by the workqueue, the mount's first request too.")
    .holds(&["DIO-7", "DIO-31"]),
    Case::new("dio_async_write_in_worker", SCRIPT, write_in_worker)
        .doc("An asynchronous write is completed by the workqueue, fsync included.")
        .holds(&["DIO-31", "DIO-37", "DIO-7"]),
    Case::new("dio_async_done_at_submission", SCRIPT, done_at_submission)
        .doc("A request whose bios end during submission is completed there and returns bytes.")
        .holds(&["DIO-22", "DIO-27"]),
    Case::new("dio_async_queued_event", SCRIPT, queued_event)
        .doc("A queued request leaves its trace event.")
        .holds(&["DIO-27", "TR-7"]),
    Case::new("dio_async_forced_to_wait", SCRIPT, forced_to_wait)
        .doc("FORCE_WAIT makes an asynchronous request return bytes.")
        .holds(&["DIO-2", "DIO-28"]),
    Case::new("dio_async_enotblk_waits", SCRIPT, enotblk_waits)
        .doc("After ENOTBLK the request waits for what it has submitted.")
        .holds(&["DIO-24"]),
    Case::new("dio_sync_waits", SCRIPT, sync_waits)
        .doc("A synchronous request sleeps until its last bio is done and completes in its task.")
        .holds(&["DIO-2", "DIO-27", "DIO-30"]),
    Case::new("dio_async_many_bios", SCRIPT, many_bios)
        .doc("end_io runs once, when the last of many bios is done.")
        .holds(&["DIO-29", "DIO-37"]),
    Case::new(
        "dio_async_pages_released_first",
        SCRIPT,
        pages_released_first,
    )
    .doc("The caller's pages are let go before the request is completed.")
    .holds(&["DIO-29", "DIFF-1"]),
];

const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

fn read_in_interrupt(context: &Context) -> Result<()> {
    fill_device(context, 65536, 4096, 0x5A)?;
    let fs = Scripted::new(context, "")?;
    for method in [Method::Aio, Method::Uring] {
        fs.restart(&format!("{EXTENT}\nbio hold"))?;
        let mut transfer = Transfer::read(0, 4096)?;
        let result = fs.queued(method, &mut transfer, || {
            fs.expect(&["read sync=0", "begin", "submit", "end", "return ret=queued"])?;
            fs.run("release")
        })?;
        ensure!(result? == 4096);
        expect_bytes(&transfer.buffer, 0x5A, "the data")?;
        fs.expect(&["end_io pos=0 size=4096 error=0 context=irq dio_count=1"])?;
    }
    Ok(())
}

fn read_error_in_worker(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\nbio hold"))?;
    let result = fs.queued(Method::Aio, &mut Transfer::read(0, 4096)?, || {
        fs.run("release complete error=-5")
    })?;
    expect_errno(result, libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "submit",
        "end",
        "return ret=queued",
        "end_io size=4096 error=-5 context=worker ret=-5",
    ])
}

fn write_in_worker(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT} flags=dirty\nbio hold"))?;
    fs.run("inode sync")?;
    let mut transfer = Transfer::write(4096, AlignedBuf::filled(4096, 0x21)?);
    let result = fs.queued(Method::Aio, &mut transfer, || fs.run("release"))?;
    ensure!(result? == 4096);
    fs.expect(&[
        "write",
        "begin",
        "submit",
        "end",
        "return ret=queued",
        "end_io pos=4096 size=4096 error=0 context=worker dio_count=1",
        "fsync start=4096 end=8191 datasync=1",
    ])?;
    expect_bytes(&fs.device(69632, 4096)?, 0x21, "the device")
}

fn done_at_submission(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for (transfer, name) in [
        (Transfer::read(0, 4096)?, "read"),
        (Transfer::write(0, AlignedBuf::new(4096)?), "write"),
    ] {
        fs.restart(&format!("{EXTENT}\nbio complete"))?;
        let results = Method::Aio.run(fs.file(), &mut [transfer], 1)?;
        ensure!(matches!(results.as_slice(), [Ok(4096)]), "{results:?}");
        fs.expect(&[
            name,
            "begin",
            "submit",
            "end written=4096",
            "end_io size=4096 context=task",
            "return ret=4096 pos=4096 left=0",
        ])?;
    }
    Ok(())
}

fn queued_event(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\nbio hold"))?;
    let (result, events) = trace::record(&["iomap/iomap_dio_rw_queued"], || {
        fs.queued(Method::Aio, &mut Transfer::read(4096, 4096)?, || {
            fs.run("release")
        })
    })?;
    ensure!(result? == 4096);
    let [event] = events.as_slice() else {
        anyhow::bail!("not one event: {events:?}");
    };
    // What was left when it was queued.
    ensure!(event.number("size")? == 65536, "{event:?}");
    ensure!(event.number("offset")? == 8192, "{event:?}");
    ensure!(event.number("length")? == 0, "{event:?}");
    Ok(())
}

fn forced_to_wait(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\nbio hold delay=100\ndio force_wait"),
    )?;
    let results = Method::Aio.run(fs.file(), &mut [Transfer::read(0, 4096)?], 1)?;
    ensure!(matches!(results.as_slice(), [Ok(4096)]), "{results:?}");
    fs.expect(&[
        "read sync=0",
        "begin",
        "submit",
        "end",
        "end_io context=task",
        "return ret=4096 pos=4096",
    ])
}

fn enotblk_waits(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nanswer lookup\nanswer ret=-15\n\
         extent offset=0 length=4096 addr=65536\nbio hold delay=100",
    )?;
    let transfer = Transfer::write(0, AlignedBuf::new(8192)?);
    let results = Method::Aio.run(fs.file(), &mut [transfer], 1)?;
    ensure!(matches!(results.as_slice(), [Ok(4096)]), "{results:?}");
    fs.expect(&[
        "write sync=0",
        "begin",
        "submit",
        "end",
        "begin ret=-15",
        "end_io size=4096 error=0 context=task",
        "return ret=4096 left=4096",
    ])
}

fn sync_waits(context: &Context) -> Result<()> {
    const DELAY: Duration = Duration::from_millis(200);
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\nbio hold delay=200\nbio hold delay=200"),
    )?;
    let started = Instant::now();
    ensure!(fs.read(0, 4096)?.0 == 4096);
    let took = started.elapsed();
    // The delay is counted from the last tick, which may lie back on a busy host.
    ensure!(took >= DELAY / 2, "returned after {took:?}");
    fs.expect(&[
        "read",
        "begin",
        "submit",
        "end",
        "end_io context=task",
        "return ret=4096",
    ])?;
    ensure!(fs.write(0, 4096, 1)? == 4096);
    fs.expect(&[
        "write",
        "begin",
        "submit",
        "end",
        "end_io context=task",
        "return ret=4096",
    ])
}

fn many_bios(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=12288\nextent offset=0 length=4096 addr=65536\n\
         extent offset=4096 length=4096 addr=131072\nextent offset=8192 length=4096 addr=196608\n\
         bio submit\nbio hold\nbio complete",
    )?;
    let result = fs.queued(Method::Aio, &mut Transfer::read(0, 12288)?, || {
        let lines = fs.log()?;
        ensure!(
            lines.iter().all(|line| line.name() != "end_io"),
            "{lines:?}"
        );
        fs.run("release")
    })?;
    ensure!(result? == 12288);
    fs.expect_only("end_io", &["end_io size=12288 error=0 context=irq"])
}

fn pages_released_first(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine lets go of the pages after the completion");
    }
    let fs = Scripted::new(context, "")?;
    for transfer in [
        Transfer::read(0, 4096)?,
        Transfer::write(0, AlignedBuf::filled(4096, 1)?),
    ] {
        fs.restart(&format!("{EXTENT}\nbio hold"))?;
        let mut transfer = transfer;
        let result = fs.queued(Method::Aio, &mut transfer, || fs.run("release complete"))?;
        ensure!(result? == 4096);
        fs.expect_only("end_io", &["end_io size=4096 error=0 pinned=0"])?;
    }
    Ok(())
}

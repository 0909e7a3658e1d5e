// SPDX-License-Identifier: GPL-2.0

//! Completion by whoever issued the request: handed over to io_uring, polled for,
//! or split from the submission.

use anyhow::{ensure, Result};

use super::scripted::{expect_bytes, expect_errno, Scripted};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::null_disk::NullDisk;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::transfer::{Direction, Method, Transfer};

const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

pub const CASES: &[Case] = &[
    Case::new("dio_caller_completes", SCRIPT, caller_completes)
        .doc("A plain overwrite is completed by its issuer, if that can.")
        .holds(&["DIO-15", "DIO-31"]),
    Case::new(
        "dio_caller_does_not_complete",
        SCRIPT,
        caller_does_not_complete,
    )
    .doc("Zeroing, a sync or a mapping past the size leave completion to the workqueue.")
    .holds(&["DIO-15"]),
    Case::new("dio_polled", SCRIPT, polled)
        .doc("Only a request of one bio and one mapping that can end inline is polled.")
        .holds(&["DIO-9", "DIO-16", "DIO-21", "DIO-22"]),
    Case::new("dio_polled_device", SCRIPT, polled_device)
        .doc("A polled read is completed by the task that polls for it.")
        .holds(&["DIO-22", "DIO-31"]),
    Case::new("dio_polled_withdrawn", SCRIPT, withdrawn)
        .doc("A bio that has ended is polled for no more, though its request goes on.")
        .holds(&["DIFF-30"]),
    Case::new("dio_split_completion", SCRIPT, split_completion)
        .doc("__iomap_dio_rw leaves completion to the caller if there is something to complete.")
        .holds(&["DIO-1", "DIO-3", "DIO-8", "DIO-27"]),
];

/// Writes through io_uring, which says that it can complete requests itself.
fn write_with_caller(fs: &Scripted, script: &str, pos: u64, length: usize) -> Result<()> {
    fs.restart(&format!(
        "{script}\ndio caller_comp\nbio hold\nbio hold\nbio hold"
    ))?;
    let mut transfer = Transfer::write(pos, AlignedBuf::filled(length, 1)?);
    let result = fs.queued(Method::Uring, &mut transfer, || fs.run("release complete"))?;
    ensure!(result? == length);
    Ok(())
}

fn caller_completes(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    write_with_caller(&fs, EXTENT, 0, 4096)?;
    fs.expect(&[
        "write",
        "begin",
        "submit",
        "end",
        "return ret=queued",
        "end_io size=4096 error=0 context=task",
    ])?;
    // From inside to past the end: what counts is where the mapping's part starts.
    write_with_caller(
        &fs,
        "inode size=4096\nextent offset=0 length=65536 addr=65536",
        0,
        8192,
    )?;
    fs.expect_only("end_io", &["end_io size=8192 error=0 context=task"])?;
    // The same write is left to the workqueue if nobody offers.
    fs.restart(&format!("{EXTENT}\nbio hold"))?;
    let mut transfer = Transfer::write(0, AlignedBuf::new(4096)?);
    ensure!(fs.queued(Method::Uring, &mut transfer, || fs.run("release complete"))?? == 4096);
    fs.expect_only("end_io", &["end_io size=4096 error=0 context=worker"])
}

fn caller_does_not_complete(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for script in [
        &format!("{EXTENT} flags=new"),
        &format!("{EXTENT} type=unwritten"),
        &format!("{EXTENT} flags=dirty\ninode sync"),
        "inode size=4096\nextent offset=0 length=65536 addr=65536",
    ] {
        write_with_caller(&fs, script, 4096, 4096)?;
        fs.expect_only("end_io", &["end_io size=4096 error=0 context=worker"])?;
    }
    Ok(())
}

fn polled(context: &Context) -> Result<()> {
    const BIOS: &str = "bio complete\nbio complete";
    let fs = Scripted::new(context, "")?;
    let write = |length| Ok(Transfer::write(0, AlignedBuf::new(length)?));
    let cases: [(&str, &str, Result<Transfer>, &[&str]); 6] = [
        (
            "a read",
            "",
            Ok(Transfer::read(0, 4096)?),
            &["submit flags=polled published=1"],
        ),
        (
            "a second mapping",
            "\nanswer offset=0 length=4096 addr=65536",
            Ok(Transfer::read(0, 8192)?),
            &["submit flags=polled published=1", "submit flags=-"],
        ),
        (
            "a second bio",
            "\nanswer offset=0 length=2097152 addr=65536",
            scattered_read(500),
            &["submit flags=-", "submit flags=-"],
        ),
        (
            "a write",
            "",
            write(4096),
            &["submit flags=sync|idle published=0"],
        ),
        (
            "a write that the caller completes",
            "\ndio caller_comp",
            write(4096),
            &["submit flags=sync|idle|polled published=1"],
        ),
        (
            "a write to new space",
            "\ndio caller_comp\nanswer offset=0 length=4096 addr=65536 flags=new",
            write(4096),
            &["submit flags=sync|idle published=0"],
        ),
    ];
    for (what, script, transfer, submits) in cases {
        context.note(what);
        fs.restart(&format!("{EXTENT}{script}\n{BIOS}\ninode size=2097152"))?;
        let mut transfers = [transfer?];
        Method::UringPolled.run_whole(fs.file(), &mut transfers, 1)?;
        fs.expect_only("submit", submits)?;
    }
    Ok(())
}

fn withdrawn(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine keeps it published");
    }
    let fs = Scripted::new(context, "")?;
    // The first bio ends before the second mapping is asked for.
    fs.restart(&format!(
        "{EXTENT}\nanswer offset=0 length=4096 addr=65536\nbio complete\nbio complete"
    ))?;
    Method::UringPolled.run_whole(fs.file(), &mut [Transfer::read(0, 8192)?], 1)?;
    fs.expect_only(
        "submit",
        &[
            "submit flags=polled published=1",
            "submit flags=- published=0",
        ],
    )?;
    // A worker ends what has failed.
    fs.restart(&format!("{EXTENT}\nbio hold"))?;
    let mut transfer = Transfer::read(0, 4096)?;
    let fail = || fs.run("release complete error=-5");
    expect_errno(
        fs.queued(Method::UringPolled, &mut transfer, fail)?,
        libc::EIO,
    )?;
    fs.expect_of(
        &["submit", "end_io"],
        &[
            "submit flags=polled published=1",
            "end_io error=-5 context=worker published=0",
        ],
    )
}

/// A read into pages of which hardly two in a row are so in memory: a bio takes 256
/// that are not.
fn scattered_read(pages: usize) -> Result<Transfer> {
    let mut buffer = AlignedBuf::new(pages * PAGE_SIZE)?;
    // Pages get memory when they are touched, neighbours mostly one after the
    // other; so the odd ones have to wait for all of the even ones.
    for parity in [0, 1] {
        for page in buffer.chunks_mut(PAGE_SIZE).skip(parity).step_by(2) {
            page.fill(0xEE);
        }
    }
    Ok(Transfer {
        direction: Direction::Read,
        ..Transfer::write(0, buffer)
    })
}

fn polled_device(context: &Context) -> Result<()> {
    let disk = NullDisk::with_poll_queue()?;
    let options = format!("bdev2={}", disk.path().display());
    let fs = Scripted::with_options(context, &options, &format!("{EXTENT} bdev=1"))?;
    ensure!(fs.write(0, 4096, 0x38)? == 4096);
    fs.clear_log()?;

    let mut transfers = [Transfer::read(0, 4096)?];
    Method::UringPolled.run_whole(fs.file(), &mut transfers, 1)?;
    for transfer in &transfers {
        expect_bytes(&transfer.buffer, 0x38, "the data")?;
    }
    fs.expect(&[
        "read sync=0",
        "begin",
        "submit flags=polled published=1 bdev=1",
        "end",
        "return ret=queued",
        // The bio is gone by then: nobody may poll for it.
        "end_io size=4096 error=0 context=task published=0",
    ])
}

fn split_completion(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\ndio split"))?;
    ensure!(fs.read(65536, 512)?.0 == 0);
    fs.expect(&["read", "dio ptr=null", "return ret=0"])?;

    ensure!(fs.read(0, 4096)?.0 == 4096);
    fs.expect(&[
        "read",
        "begin",
        "submit",
        "end",
        "dio ptr=valid left=0 dio_count=1",
        "end_io",
        "return ret=4096 dio_count=0",
    ])?;

    fs.run("answer ret=-5")?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "dio ptr=valid left=4096 dio_count=1",
        "end_io size=0 error=-5",
        "return ret=-5 dio_count=0",
    ])?;

    fs.run("cache index=0 dirty\nerror writeback=-28")?;
    expect_errno(fs.read(0, 4096), libc::ENOSPC)?;
    fs.expect(&[
        "read",
        "writepages",
        "dio ptr=error",
        "return ret=-28 dio_count=0",
    ])?;

    fs.restart(&format!("{EXTENT}\ndio split\nbio hold"))?;
    let result = fs.queued(Method::Aio, &mut Transfer::read(0, 4096)?, || {
        fs.expect(&[
            "read",
            "begin",
            "submit",
            "end",
            "dio ptr=error",
            "return ret=queued",
        ])?;
        fs.run("release")
    })?;
    ensure!(result? == 4096);
    fs.expect(&["end_io size=4096 error=0"])
}

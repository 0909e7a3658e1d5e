// SPDX-License-Identifier: GPL-2.0

//! What a direct request returns: errors of some of its parts, partial
//! progress, and what end_io makes of it.

use std::io::{IoSlice, IoSliceMut};

use anyhow::{ensure, Result};

use super::scripted::{expect_errno, Scripted};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;
use crate::transfer::{Direction, Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("dio_end_io_decides", SCRIPT, end_io_decides)
        .doc("The result of end_io replaces the error: bytes, an error of its own, or forgiveness.")
        .holds(&["DIO-32", "DIO-34"]),
    Case::new("dio_device_error", SCRIPT, device_error)
        .doc("An error of the device itself fails the request.")
        .holds(&["DIO-26", "DIO-29"]),
    Case::new("dio_first_error_wins", SCRIPT, first_error_wins)
        .doc("The first of several errors is returned and replaces all progress.")
        .holds(&["DIO-26"]),
    Case::new("dio_stops_after_error", SCRIPT, stops_after_error)
        .doc("No bio is submitted once one has failed, and no tail is zeroed.")
        .holds(&["DIO-20"]),
    Case::new("dio_nowait_second_mapping", SCRIPT, nowait_second_mapping)
        .doc("EAGAIN from a later mapping fails the whole request that must not wait.")
        .holds(&["DIO-26"]),
    Case::new("dio_partial", SCRIPT, partial)
        .doc("With PARTIAL a fault after some progress returns that progress, waited for.")
        .holds(&["DIO-25", "DIO-34"]),
    Case::new("dio_partial_nowait", SCRIPT, partial_nowait)
        .doc("It is not waited for if the request must not wait.")
        .holds(&["DIO-25"]),
    Case::new(
        "dio_partial_without_progress",
        SCRIPT,
        partial_without_progress,
    )
    .doc("Without progress, or without PARTIAL, a fault is EFAULT.")
    .holds(&["DIO-25"]),
    Case::new("dio_read_flags_of_mapping", SCRIPT, read_flags_of_mapping)
        .doc("A read of new or shared space neither zeroes anything nor tells end_io of it.")
        .holds(&["DIO-12", "DIFF-2"]),
];

const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

fn end_io_decides(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for (script, result, pos) in [
        ("end_io size", Ok(4096), 4096),
        ("end_io ret=100", Ok(100), 100),
        ("end_io ret=-28", Err(libc::ENOSPC), 0),
        ("end_io ret=0\nbio complete error=-5", Ok(4096), 4096),
        (
            "end_io ret=-28\nbio complete error=-5",
            Err(libc::ENOSPC),
            0,
        ),
        ("end_io keep\nbio complete error=-5", Err(libc::EIO), 0),
    ] {
        context.note(script.replace('\n', ", "));
        for write in [false, true] {
            fs.restart(&format!("{EXTENT}\n{script}"))?;
            let (name, found) = if write {
                ("write", fs.write(0, 4096, 1))
            } else {
                ("read", fs.read(0, 4096).map(|(count, _)| count))
            };
            match result {
                Ok(count) => ensure!(found? == count),
                Err(errno) => expect_errno(found, errno)?,
            }
            let end = format!("return pos={pos} dio_count=0");
            fs.expect(&[name, "begin", "submit", "end", "end_io size=4096", &end])?;
        }
    }
    Ok(())
}

fn device_error(context: &Context) -> Result<()> {
    // Past the end of the device: the block layer refuses.
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=1099511627776",
    )?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "submit",
        "end",
        "end_io size=4096 error=-5",
        "return ret=-5 pos=0 dio_count=0",
    ])?;
    expect_errno(fs.write(0, 4096, 1), libc::EIO)?;
    let results = Method::Aio.run(fs.file(), &mut [Transfer::read(0, 4096)?], 1)?;
    ensure!(
        matches!(results.as_slice(), [Err(error)] if error.raw_os_error() == Some(libc::EIO)),
        "{results:?}"
    );
    Ok(())
}

fn first_error_wins(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\nanswer offset=0 length=4096 addr=65536\nanswer ret=-28\nbio complete error=-121"),
    )?;
    expect_errno(fs.write(0, 8192, 1), libc::EREMOTEIO)?;
    fs.expect(&[
        "write",
        "begin pos=0",
        "submit",
        "end written=4096",
        "begin pos=4096 ret=-28",
        "end_io size=4096 error=-121",
        "return ret=-121",
    ])
}

fn stops_after_error(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=1048576 block_size=65536\n\
         extent offset=0 length=1048576 addr=1048576 type=unwritten\nbio complete error=-5",
    )?;
    let memory = AlignedBuf::new(300 * 4096)?;
    let segments: Vec<IoSlice<'_>> = memory
        .chunks(4096)
        .filter_map(|page| page.get(..512))
        .map(IoSlice::new)
        .collect();
    expect_errno(
        raw_io::write_vectored(fs.file(), &segments, 0, 0),
        libc::EIO,
    )?;
    fs.expect(&[
        "write",
        "begin pos=0",
        "submit pos=0 bytes=131072 vecs=256",
        "end written=131072",
        "begin pos=131072",
        "end pos=131072 written=0",
        "end_io size=131072 error=-5",
        "return ret=-5",
    ])
}

fn nowait_second_mapping(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT}\nanswer offset=0 length=4096 addr=65536\nanswer ret=-11"),
    )?;
    let mut buffer = AlignedBuf::new(8192)?;
    let mut segments = [IoSliceMut::new(&mut buffer)];
    let result = raw_io::read_vectored(fs.file(), &mut segments, 0, libc::RWF_NOWAIT);
    expect_errno(result, libc::EAGAIN)?;
    fs.expect(&[
        "read",
        "begin pos=0 flags=direct|nowait",
        "submit",
        "end written=4096",
        "begin pos=4096 ret=-11",
        "end_io size=4096 error=-11",
        "return ret=-11 pos=0",
    ])
}

/// Memory of which only the first page is there; faults are off in the script.
fn one_page_of_two() -> Result<AlignedBuf> {
    let mut buffer = AlignedBuf::new(8192)?;
    buffer[..4096].fill(1);
    Ok(buffer)
}

fn partial(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for transfer in [
        Transfer::write(0, one_page_of_two()?),
        Transfer {
            direction: Direction::Read,
            ..Transfer::write(0, one_page_of_two()?)
        },
    ] {
        fs.restart(&format!(
            "{EXTENT}\ndio partial nofault done_before=512\nbio hold delay=50"
        ))?;
        let results = Method::Aio.run(fs.file(), &mut [transfer], 1)?;
        ensure!(matches!(results.as_slice(), [Ok(4608)]), "{results:?}");
        let mut lines = fs.log()?;
        lines.retain(|line| !["read", "write"].contains(&line.name()));
        super::log::compare(
            &lines,
            &[
                "begin pos=0 len=8192",
                "submit pos=0 bytes=4096",
                "end written=4096",
                "begin pos=4096 len=4096",
                "end written=0",
                "end_io size=4096 error=0 context=task",
                "return ret=4608 pos=4096 left=4096",
            ],
        )?;
    }
    Ok(())
}

fn partial_nowait(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    for direction in [Direction::Read, Direction::Write] {
        fs.restart(&format!("{EXTENT}\ndio partial nofault\nbio hold"))?;
        let mut transfer = Transfer {
            flags: libc::RWF_NOWAIT,
            ..Transfer::new(direction, 0, one_page_of_two()?)
        };
        let result = fs.queued(Method::Aio, &mut transfer, || {
            fs.expect_of(
                &["begin", "submit", "end", "end_io", "return"],
                &[
                    "begin pos=0 len=8192",
                    "submit pos=0 bytes=4096",
                    "end written=4096",
                    "begin pos=4096 len=4096",
                    "end written=0",
                    "return ret=queued",
                ],
            )?;
            fs.run("release")
        })?;
        ensure!(result? == 4096);
        fs.expect_only("end_io", &["end_io size=4096 error=0"])?;
    }
    Ok(())
}

fn partial_without_progress(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT}\ndio partial nofault"))?;
    let absent = AlignedBuf::new(8192)?;
    let write = |memory: &AlignedBuf| raw_io::write_from(fs.file(), memory.as_ptr(), 8192, 0);
    expect_errno(write(&absent), libc::EFAULT)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "end_io size=0 error=-14",
        "return ret=-14",
    ])?;

    fs.restart(&format!("{EXTENT}\ndio nofault"))?;
    expect_errno(write(&one_page_of_two()?), libc::EFAULT)?;
    fs.expect(&[
        "write",
        "begin",
        "submit bytes=4096",
        "end written=4096",
        "begin",
        "end written=0",
        "end_io size=4096 error=-14",
        "return ret=-14",
    ])
}

fn read_flags_of_mapping(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine treats reads like writes here, and would write zeroes");
    }
    let fs = Scripted::new(context, &format!("{EXTENT} flags=new|shared"))?;
    ensure!(fs.read(512, 512)?.0 == 512);
    fs.expect(&[
        "read",
        "begin",
        "submit pos=512 op=read bytes=512",
        "end written=512",
        "end_io size=512 error=0 flags=-",
        "return ret=512",
    ])
}

// SPDX-License-Identifier: GPL-2.0

//! Filesystems that answer nonsense. The C engine believes it, and may never
//! come to an end; the Rust engine warns, gives the mapping back and fails.

use std::io;

use anyhow::{ensure, Context as _, Result};

use super::scripted::{expect_errno, Scripted};
use super::syscalls;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::fibmap::device_block;
use crate::sys::fiemap::{self, Request};
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("hostile_empty", SCRIPT, empty)
        .doc("An empty mapping fails the operation.")
        .holds(&["IT-10", "DIFF-5"])
        .logs(&[warning!("mapping_is_empty")]),
    Case::new("hostile_starts_late", SCRIPT, starts_late)
        .doc("A mapping that starts after the position fails the operation.")
        .holds(&["IT-10", "DIFF-6"])
        .logs(&[warning!("mapping_starts_after_pos")]),
    Case::new("hostile_ends_early", SCRIPT, ends_early)
        .doc("A mapping that ends before the position fails the operation.")
        .holds(&["IT-10", "DIFF-6"])
        .logs(&[warning!("mapping_ends_before_pos")]),
    Case::new("hostile_overflows", SCRIPT, overflows)
        .doc("A mapping before the file or with an end beyond 64 bits fails the operation.")
        .holds(&["IT-10", "DIFF-6"])
        .logs(&[warning!("mapping_is_outside_of_any_file")]),
    Case::new("hostile_no_device", SCRIPT, no_device)
        .doc("A written mapping without a device fails direct I/O.")
        .holds(&["DIFF-10"])
        .logs(&[warning!("dio_without_block_device")]),
    Case::new("hostile_no_data", SCRIPT, no_data)
        .doc("An inline mapping without its data fails direct I/O.")
        .holds(&["DIFF-10"])
        .logs(&[warning!("inline_data_crosses_page")]),
    Case::new("hostile_unknown_type", SCRIPT, unknown_type)
        .doc("A mapping of an unknown type fails every operation.")
        .holds(&["DIO-10", "DIFF-7"])
        .logs(&[warning!("mapping_has_unknown_type")]),
    Case::new("hostile_stale", SCRIPT, stale)
        .doc("A mapping that is stale from the start fails the operation.")
        .holds(&["IT-10", "DIFF-8"])
        .logs(&[warning!("mapping_is_stale")]),
    Case::new("hostile_source_map", SCRIPT, source_map)
        .doc("A source mapping that does not cover the position fails the operation.")
        .holds(&["IT-11", "DIFF-9"])
        .logs(&[warning!("mapping_has_bad_source")]),
    Case::new("hostile_recovers", SCRIPT, recovers)
        .doc("After such a failure the same file works again, for all operations.")
        .holds(&["DIFF-5"])
        .logs(&[warning!("mapping_is_empty")]),
    Case::new("hostile_asynchronous", SCRIPT, asynchronous)
        .doc("What was submitted before the nonsense came is waited for, and the error reported.")
        .holds(&["DIFF-5", "DIO-26"])
        .logs(&[warning!("mapping_is_empty")]),
];

const SIZE: &str = "inode size=65536";

fn rust_only(context: &Context) -> Result<()> {
    if context.on_rust() {
        Ok(())
    } else {
        skip("the C engine does not check mappings")
    }
}

/// Every operation must fail on `answer`: one begin, one end, nothing between.
fn refused_by_all(context: &Context, answer: &str) -> Result<()> {
    rust_only(context)?;
    let fs = Scripted::new(context, "")?;
    let restart = || fs.restart(&format!("{SIZE}\nanswer {answer}"));
    let body = ["begin pos=4096 ret=0", "end pos=4096 written=0"];
    let mut direct = vec!["read"];
    direct.extend(body);
    direct.extend(["end_io size=0 error=-5", "return ret=-5 dio_count=0"]);

    restart()?;
    expect_errno(fs.read(4096, 4096), libc::EIO).context("read")?;
    fs.expect(&direct).context("read")?;

    restart()?;
    expect_errno(fs.write(4096, 4096, 1), libc::EIO).context("write")?;
    if let Some(first) = direct.first_mut() {
        *first = "write";
    }
    fs.expect(&direct).context("write")?;

    for whence in [libc::SEEK_DATA, libc::SEEK_HOLE] {
        restart()?;
        expect_errno(seek(&fs, whence), libc::EIO).context("seek")?;
        fs.expect(&body).context("seek")?;
    }

    restart()?;
    expect_errno(report(&fs), libc::EIO).context("fiemap")?;
    fs.expect(&body).context("fiemap")?;

    restart()?;
    ensure!(device_block(fs.file(), 1)? == 0, "bmap found a block");
    fs.expect(&body).context("bmap")
}

fn seek(fs: &Scripted, whence: libc::c_int) -> io::Result<i64> {
    syscalls::seek(fs.file(), 4096, whence)
}

fn report(fs: &Scripted) -> io::Result<()> {
    let request = Request {
        start: 4096,
        length: 4096,
        flags: 0,
        room: 4,
    };
    fiemap::ask(fs.file(), request)
        .map(|_| ())
        .map_err(|(error, _)| error)
}

fn empty(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=4096 length=0 addr=65536")
}

fn starts_late(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=8192 length=4096 addr=65536")
}

fn ends_early(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=0 length=4096 addr=65536")?;
    refused_by_all(context, "offset=0 length=100 addr=65536 type=hole")
}

fn overflows(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=4096 length=0xffffffffffffffff addr=65536")?;
    refused_by_all(context, "offset=0x8000000000000000 length=4096 addr=65536")?;
    // Long, but it can be counted.
    let fs = Scripted::new(
        context,
        &format!("{SIZE}\nanswer offset=4096 length=0x7fffffffffffffff type=hole"),
    )?;
    ensure!(fs.read(4096, 4096)?.0 == 4096);
    fs.expect(&[
        "read",
        "begin",
        "end written=4096",
        "end_io error=0",
        "return ret=4096",
    ])
}

fn no_device(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Scripted::new(
        context,
        &format!("{SIZE}\nextent offset=0 length=65536 addr=65536 bdev=2"),
    )?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "end written=0",
        "end_io error=-5",
        "return ret=-5",
    ])
}

fn no_data(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Scripted::new(
        context,
        &format!("{SIZE}\nextent offset=0 length=4096 type=inline no_data"),
    )?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "end written=0",
        "end_io error=-5",
        "return ret=-5",
    ])?;
    expect_errno(fs.write(0, 4096, 1), libc::EIO)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "end_io error=-5",
        "return ret=-5",
    ])
}

fn unknown_type(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=0 length=65536 addr=65536 type=99")?;
    refused_by_all(context, "offset=0 length=65536 addr=65536 type=65535")
}

fn stale(context: &Context) -> Result<()> {
    refused_by_all(context, "offset=0 length=65536 addr=65536 flags=stale")
}

fn source_map(context: &Context) -> Result<()> {
    refused_by_all(
        context,
        "offset=0 length=65536 addr=65536 src offset=0 length=4096 addr=131072",
    )?;
    refused_by_all(
        context,
        "offset=0 length=65536 addr=65536 src offset=4096 length=0 addr=131072",
    )
}

fn recovers(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Scripted::new(
        context,
        &format!("{SIZE}\nextent offset=0 length=65536 addr=65536\nanswer length=0"),
    )?;
    expect_errno(fs.read(4096, 4096), libc::EIO)?;
    ensure!(fs.read(4096, 4096)?.0 == 4096);
    ensure!(fs.write(4096, 4096, 1)? == 4096);
    seek(&fs, libc::SEEK_DATA)?;
    report(&fs)?;
    ensure!(device_block(fs.file(), 1)? == 17);
    Ok(())
}

fn asynchronous(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Scripted::new(
        context,
        &format!("{SIZE}\nanswer offset=0 length=4096 addr=65536\nanswer length=0\nbio hold"),
    )?;
    let result = fs.queued(Method::Aio, &mut Transfer::read(0, 8192)?, || {
        fs.run("release")
    })?;
    expect_errno(result, libc::EIO)?;
    fs.expect(&[
        "read",
        "begin pos=0",
        "submit pos=0",
        "end pos=0 written=4096",
        "begin pos=4096 length=0",
        "end pos=4096 written=0",
        "return ret=queued",
        "end_io size=4096 error=-5 context=worker",
    ])
}

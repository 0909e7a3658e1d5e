// SPDX-License-Identifier: GPL-2.0

//! Direct writes: sizes, flags of bios, and the answers for
//! which a caller falls back to buffered I/O.

use std::fs;
use std::io::IoSlice;

use anyhow::{ensure, Context as _, Result};

use super::scripted::{expect_bytes, expect_errno, Scripted};
use super::syscalls;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("dio_write_plain", SCRIPT, plain)
        .doc("An overwrite is one bio with the write flags, accounted to the task.")
        .holds(&["DIO-18", "DIO-21", "DIO-37"]),
    Case::new("dio_write_hints", SCRIPT, hints)
        .doc("Data bios carry write hint and priority of the request, bios of zeroes don't.")
        .holds(&["DIO-18"]),
    Case::new("dio_write_to_hole", SCRIPT, to_hole)
        .doc("A hole as answer to a write is the filesystem's fault: a warning and EIO.")
        .holds(&["DIO-10"])
        .logs(&[warning!(
            "dio_write_to_hole",
            "__iomap_dio_rw|iomap_dio_iter"
        )]),
    Case::new("dio_write_shared", SCRIPT, shared)
        .doc("end_io learns that a write went to shared or unwritten blocks, over all mappings.")
        .holds(&["DIO-12"]),
    Case::new(
        "dio_write_does_not_move_the_size",
        SCRIPT,
        does_not_move_the_size,
    )
    .doc("The size of a file that grows is left to end_io.")
    .holds(&["DIO-35"]),
    Case::new("dio_write_overwrite_only", SCRIPT, overwrite_only)
        .doc("Overwrite-only writes past the size fail before anything happens, others tell begin.")
        .holds(&["DIO-4", "DIO-8"]),
    Case::new("dio_write_begin_enotblk", SCRIPT, begin_enotblk)
        .doc("ENOTBLK of begin or end is swallowed: bytes so far, the rest left in the iov.")
        .holds(&["DIO-24"]),
    Case::new("dio_write_order", SCRIPT, order)
        .doc("Bios of one write are submitted in the order of the file.")
        .holds(&["DIO-18", "DIO-21"]),
];

fn plain(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536",
    )?;
    let before = written_bytes()?;
    ensure!(fs.write(4096, 8192, 0x31)? == 8192);
    let accounted = written_bytes()?.saturating_sub(before);
    ensure!(accounted == 8192, "{accounted} bytes accounted to the task");
    fs.expect(&[
        "write pos=4096 count=8192 sync=1",
        "begin pos=4096 len=8192 flags=write|direct private=1",
        "submit pos=4096 op=write flags=sync|idle sector=136 bytes=8192 bdev=0",
        "end pos=4096 len=8192 written=8192 flags=write|direct",
        "end_io pos=4096 size=8192 error=0 flags=- context=task dio_count=1",
        "return ret=8192 pos=12288 left=0 dio_count=0",
    ])?;
    expect_bytes(&fs.device(69632, 8192)?, 0x31, "the device")
}

/// Bytes that this process has caused to be written.
fn written_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io").context("no accounting of I/O")?;
    text.lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))
        .and_then(|number| number.parse().ok())
        .context("no write_bytes in /proc/self/io")
}

fn hints(context: &Context) -> Result<()> {
    const RWH_WRITE_LIFE_LONG: u64 = 4;
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536 flags=new",
    )?;
    syscalls::set_write_hint(fs.file(), RWH_WRITE_LIFE_LONG).context("F_SET_RW_HINT")?;
    ensure!(fs.write(512, 512, 1)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=0 hint=0 ioprio=0",
        // Best effort, level 4: what a task has that never asked for another.
        "submit pos=512 hint=4 ioprio=16388",
        "submit pos=1024 hint=0 ioprio=0",
        "end",
        "end_io",
        "return ret=512",
    ])
}

fn to_hole(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=4096")?;
    expect_errno(fs.write(0, 4096, 1), libc::EIO)?;
    fs.expect(&[
        "write",
        "begin type=hole",
        "end written=0",
        "end_io size=0 error=-5",
        "return ret=-5 dio_count=0",
    ])
}

fn shared(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=16384\n\
         extent offset=0 length=4096 addr=65536 flags=shared\n\
         extent offset=4096 length=4096 addr=131072 type=unwritten\n\
         extent offset=8192 length=4096 addr=196608",
    )?;
    for (pos, length, flags) in [
        (0, 4096, "cow"),
        (4096, 4096, "unwritten"),
        (8192, 4096, "-"),
        (0, 12288, "unwritten|cow"),
    ] {
        ensure!(fs.write(pos, length, 1)? == length);
        let wanted = format!("end_io size={length} error=0 flags={flags}");
        fs.expect_only("end_io", &[&wanted])?;
    }
    Ok(())
}

fn does_not_move_the_size(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "extent offset=0 length=65536 addr=65536")?;
    ensure!(fs.write(0, 4096, 1)? == 4096);
    fs.expect_only("return", &["return ret=4096 pos=4096 isize=0"])?;
    fs.run("end_io grow")?;
    ensure!(fs.write(0, 4096, 1)? == 4096);
    fs.expect_only("return", &["return ret=4096 pos=4096 isize=4096"])
}

fn overwrite_only(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\ndio overwrite_only force_wait\ncache index=0 dirty\n\
         extent offset=0 length=65536 addr=65536",
    )?;
    for (pos, length) in [(8192, 512), (4096, 8192), (16384, 512)] {
        expect_errno(fs.write(pos, length, 1), libc::EAGAIN)?;
        fs.expect(&["write", "return ret=-11 dio_count=0"])?;
    }
    ensure!(fs.write(4096, 4096, 1)? == 4096);
    fs.expect(&[
        "write",
        "writepages start=4096 end=8191",
        "begin flags=write|direct|overwrite_only",
        "submit",
        "end flags=write|direct|overwrite_only",
        "end_io",
        "return ret=4096",
    ])
}

fn begin_enotblk(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nanswer lookup\nanswer ret=-15\nanswer ret=-15\n\
         extent offset=0 length=4096 addr=65536",
    )?;
    ensure!(fs.write(0, 8192, 1)? == 4096);
    fs.expect(&[
        "write",
        "begin pos=0 len=8192",
        "submit pos=0 bytes=4096",
        "end written=4096",
        "begin pos=4096 len=4096 ret=-15",
        "end_io size=4096 error=0",
        "return ret=4096 pos=4096 left=4096 dio_count=0",
    ])?;
    // Nothing done at all: 0, and end_io is called nevertheless.
    ensure!(fs.write(0, 8192, 1)? == 0);
    fs.expect(&[
        "write",
        "begin pos=0 len=8192 ret=-15",
        "end_io pos=0 size=0 error=0",
        "return ret=0 pos=0 left=8192 dio_count=0",
    ])?;
    Ok(())
}

fn order(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=1048576\nextent offset=0 length=1048576 addr=1048576",
    )?;
    let memory = AlignedBuf::filled(600 * 4096, 0x21)?;
    let segments: Vec<IoSlice<'_>> = memory
        .chunks(4096)
        .filter_map(|page| page.get(..512))
        .map(IoSlice::new)
        .collect();
    ensure!(raw_io::write_vectored(fs.file(), &segments, 0, 0)? == 307_200);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=0 op=write sector=2048 bytes=131072 vecs=256",
        "submit pos=131072 op=write sector=2304 bytes=131072 vecs=256",
        "submit pos=262144 op=write sector=2560 bytes=45056 vecs=88",
        "end written=307200",
        "end_io size=307200",
        "return ret=307200",
    ])
}

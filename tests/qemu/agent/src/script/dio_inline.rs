// SPDX-License-Identifier: GPL-2.0

//! Direct I/O on data that lies in memory: inline mappings.

use std::os::unix::fs::FileExt;

use anyhow::{ensure, Result};

use super::scripted::{expect_bytes, expect_errno, Scripted};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("dio_inline_read", SCRIPT, read)
        .doc("Inline data is copied out; the count is clipped to the size.")
        .holds(&["DIO-36", "DIO-10"]),
    Case::new("dio_inline_write", SCRIPT, write)
        .doc("A write copies in, zeroes the gap after the old size, and grows the file.")
        .holds(&["DIO-36", "DIO-35"]),
    Case::new("dio_inline_odd_ranges", SCRIPT, odd_ranges)
        .doc("Nothing has to be aligned, and the mapping may start anywhere in the file.")
        .holds(&["DIO-36", "DIO-11"]),
    Case::new("dio_inline_too_long", SCRIPT, too_long)
        .doc("Inline data that does not fit its page is the filesystem's fault.")
        .holds(&["DIO-36"])
        .logs(&[warning!(
            "inline_data_crosses_page",
            "__iomap_dio_rw|iomap_dio_(inline_)?iter"
        )]),
    Case::new("dio_inline_bad_memory", SCRIPT, bad_memory)
        .doc("Nothing copied at all is EFAULT and changes nothing.")
        .holds(&["DIO-36"]),
];

const EXTENT: &str = "extent offset=0 length=4096 type=inline";

fn read(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("inode size=100\n{EXTENT}"))?;
    fs.set_data(&[0x41; 512])?;
    let (count, data) = fs.read(0, 512)?;
    ensure!(count == 100, "{count} bytes");
    expect_bytes(&data[..100], 0x41, "the data")?;
    fs.expect(&[
        "read",
        "begin type=inline",
        "end written=512",
        "end_io size=512 error=0 flags=-",
        "return ret=100 pos=100 left=412",
    ])
}

fn write(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("inode size=100\n{EXTENT}"))?;
    fs.set_data(&[0x41; 4096])?;
    ensure!(fs.write(512, 512, 0x42)? == 512);
    fs.expect(&[
        "write",
        "begin type=inline",
        "dirty_inode isize=1024",
        "end written=512",
        "end_io size=512 error=0 flags=- context=task",
        "return ret=512 pos=1024 isize=1024",
    ])?;
    let data = fs.data()?;
    expect_bytes(&data[..100], 0x41, "what was there")?;
    expect_bytes(&data[100..512], 0, "the gap")?;
    expect_bytes(&data[512..1024], 0x42, "what was written")?;
    expect_bytes(&data[1024..], 0x41, "what is past the end")?;

    ensure!(fs.write(0, 512, 0x43)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "dirty_inode isize=1024",
        "end",
        "end_io",
        "return ret=512 isize=1024",
    ])
}

fn odd_ranges(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=5000\nextent offset=4000 length=1000 type=inline",
    )?;
    ensure!(fs.file().write_at(b"odd", 4017)? == 3);
    ensure!(fs.data()?.get(17..20) == Some(b"odd".as_slice()));
    let mut buffer = [0; 5];
    ensure!(fs.file().read_at(&mut buffer, 4016)? == 5);
    ensure!(&buffer == b"\0odd\0", "{buffer:?}");
    Ok(())
}

fn too_long(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nextent offset=0 length=4097 type=inline",
    )?;
    expect_errno(fs.read(0, 512), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "end written=0",
        "end_io size=0 error=-5",
        "return ret=-5",
    ])?;
    expect_errno(fs.write(0, 512, 1), libc::EIO)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "end_io size=0 error=-5",
        "return ret=-5",
    ])
}

fn bad_memory(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("inode size=100\n{EXTENT}"))?;
    let mut buffer = AlignedBuf::new(8192)?;
    let gone = buffer.as_mut_ptr().wrapping_add(4096);
    buffer.unmap_from(4096)?;
    expect_errno(raw_io::read_to(fs.file(), gone, 512, 0), libc::EFAULT)?;
    fs.expect(&[
        "read",
        "begin",
        "end written=0",
        "end_io size=0 error=-14",
        "return ret=-14",
    ])?;
    expect_errno(raw_io::write_from(fs.file(), gone, 512, 0), libc::EFAULT)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "end_io size=0 error=-14",
        "return ret=-14 isize=100",
    ])
}

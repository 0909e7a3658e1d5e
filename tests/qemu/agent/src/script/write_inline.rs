// SPDX-License-Identifier: GPL-2.0

//! Inline data in the page cache.

use anyhow::{ensure, Result};

use super::cached::{expect_same, overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("inline_read", SCRIPT, read)
        .doc("Inline data is copied to the folio, and zeros follow.")
        .holds(&["RD-10", "RD-11"]),
    Case::new("inline_read_tail", SCRIPT, read_tail)
        .doc("Inline data behind blocks is put behind them in the folio, which has a state.")
        .holds(&["RD-10", "RD-11"]),
    Case::new("inline_read_too_short", SCRIPT, too_short)
        .doc("Inline data of which the mapping does not have all is a warning and EIO.")
        .holds(&["RD-10"])
        .logs(&[warning!("inline_data_too_short", "iomap_read_inline_data")]),
    Case::new("inline_read_goes_on", SCRIPT, goes_on)
        .doc("The end hook hears how much was inline, and what follows is asked for.")
        .holds(&["DIFF-17"]),
    Case::new("inline_write", SCRIPT, write)
        .doc("A write goes to the folio and from there to where the data lies; the folio stays clean.")
        .holds(&["BW-21", "BW-22"]),
    Case::new("inline_write_buffers", SCRIPT, write_buffers)
        .doc("So does one to a file whose page cache has buffer heads.")
        .holds(&["BW-21"]),
    Case::new("inline_write_elsewhere", SCRIPT, write_elsewhere)
        .doc("Inline data that is not at the start of the file cannot be written.")
        .holds(&["BW-9"])
        .logs(&[warning!("inline_data_not_at_start", "iomap_write_begin(_inline)?")]),
    Case::new("inline_bad_memory", SCRIPT, bad_memory)
        .doc("Inline data without memory, or across a page, is EIO.")
        .holds(&["DIFF-21"])
        .logs(&[warning!("inline_data_crosses_page")]),
    Case::new("inline_over_folio", SCRIPT, over_folio)
        .doc("Inline data that reaches over its folio is EIO.")
        .holds(&["DIFF-22"])
        .logs(&[warning!("inline_data_too_short")]),
];

fn read(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=3000 block_size=1024\n\
         extent offset=0 length=4096 type=inline\nbuffered",
    )?;
    fs.set_data(&[0xDD; 4096])?;
    fs.expect_bios(&[], || fs.run("read_folio pos=0"))?;
    fs.expect_of(
        &["begin", "read_folio_return"],
        &[
            "begin pos=0 len=4096 type=inline",
            "read_folio_return uptodate=1",
        ],
    )?;
    // At the start of its folio: no state.
    fs.expect_folio(0, "uptodate=1 locked=0 state=none")?;
    fs.run("inode size=4096")?;
    fs.expect_contents(0, &overlay(vec![0; 4096], 0, 3000, 0xDD))?;
    // By readahead, too.
    fs.restart("inode size=3000\nextent offset=0 length=4096 type=inline\nbuffered")?;
    fs.set_data(&[0xDD; 3000])?;
    fs.expect_contents(0, &[0xDD; 3000])?;
    fs.expect_idle()
}

fn read_tail(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=2500 block_size=1024\n\
         extent offset=0 length=2048 addr=65536\n\
         extent offset=2048 length=2048 type=inline\nbuffered",
    )?;
    fs.set_data(&[0xDD; 4096])?;
    fs.expect_bios(&["R 128+4"], || fs.run("read_folio pos=0"))?;
    fs.expect_only(
        "begin",
        &[
            "begin pos=0 len=4096",
            "begin pos=2048 len=2048 type=inline",
        ],
    )?;
    fs.expect_folio(0, "uptodate=1 locked=0 state=blocks uptodate_blocks=0-3")?;
    fs.run("inode size=4096")?;
    let mut wanted = stored(BASE, 2048);
    wanted.extend(overlay(vec![0; 2048], 0, 452, 0xDD));
    fs.expect_contents(0, &wanted)?;

    // The tail alone, with all before it written already: the state knows.
    fs.restart(
        "inode size=2500 block_size=1024\n\
         extent offset=2048 length=2048 type=inline\nbuffered\n\
         answer offset=0 length=2048 type=delalloc",
    )?;
    fs.set_data(&[0xDD; 4096])?;
    fs.put_all(0, 2048, 0xCC)?;
    fs.expect_bios(&[], || fs.run("read_folio pos=0"))?;
    let mut wanted = vec![0xCC; 2048];
    wanted.extend([0xDD; 452]);
    fs.expect_contents(0, &wanted)
}

fn too_short(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=3000\nextent offset=0 length=2999 type=inline\nbuffered",
    )?;
    fs.run("read_folio pos=0")?;
    fs.expect_of(
        &["end", "read_folio_return"],
        &["end written=0", "read_folio_return ret=0 uptodate=0"],
    )?;
    expect_errno(fs.get(0, 100), libc::EIO)?;
    expect_errno(fs.put(0, 100, 1), libc::EIO)?;
    fs.expect_idle()
}

fn goes_on(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine stops there");
    }
    let fs = Cached::new(
        context,
        "inode size=2500 block_size=1024\n\
         extent offset=0 length=2048 addr=65536\n\
         extent offset=2048 length=1024 type=inline\nbuffered",
    )?;
    fs.set_data(&[0xDD; 4096])?;
    fs.run("read_folio pos=0")?;
    fs.expect_of(
        &["begin", "end"],
        &[
            "begin pos=0",
            "end pos=0 written=2048",
            "begin pos=2048 type=inline",
            "end pos=2048 len=1024 written=1024",
            "begin pos=3072 type=hole",
            "end pos=3072 len=1024 written=1024",
        ],
    )?;
    fs.expect_folio(0, "uptodate=1 locked=0")?;
    let mut wanted = stored(BASE, 2048);
    wanted.extend([0xDD; 452]);
    fs.expect_contents(0, &wanted)
}

fn write(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=1000\nextent offset=0 length=4096 type=inline\nbuffered hooks",
    )?;
    fs.set_data(&[0xDD; 1000])?;
    fs.put_all(500, 1000, 0xCC)?;
    fs.expect(&[
        "write",
        "begin pos=500 len=1000 type=inline",
        "get_folio",
        "iomap_valid",
        "dirty_inode isize=1000",
        "put_folio copied=1000 isize=1500",
        "end written=1000 mapflags=size_changed",
        "return ret=1000 isize=1500",
    ])?;
    fs.expect_folio(0, "uptodate=1 dirty=0 state=none")?;
    let mut wanted = vec![0xDD; 500];
    wanted.extend([0xCC; 1000]);
    fs.expect_contents(0, &wanted)?;
    wanted.resize(4096, 0);
    expect_same(&fs.data()?, &wanted, "the inline data")?;
    // Zeroing takes the same way.
    fs.expect_run(
        "zero pos=100 len=200",
        &[
            "begin pos=100 len=200 flags=zero",
            "get_folio",
            "iomap_valid",
            "dirty_inode",
            "put_folio copied=200",
            "end written=200",
            "zero ret=0 did_zero=1",
        ],
    )?;
    let wanted = overlay(wanted, 100, 200, 0);
    expect_same(&fs.data()?, &wanted, "the inline data")
}

fn write_buffers(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=1000\nextent offset=0 length=4096 type=inline flags=bh\nbuffered buffers",
    )?;
    fs.set_data(&[0xDD; 1000])?;
    fs.put_all(500, 1000, 0xCC)?;
    fs.expect(&[
        "write",
        "begin pos=500 len=1000 type=inline mapflags=bh",
        "dirty_inode isize=1000",
        "end written=1000",
        "return ret=1000 isize=1500",
    ])?;
    fs.expect_folio(0, "uptodate=1 dirty=0 locked=0 state=none")?;
    let mut wanted = vec![0xDD; 500];
    wanted.extend([0xCC; 1000]);
    fs.expect_contents(0, &wanted)?;
    wanted.resize(4096, 0);
    expect_same(&fs.data()?, &wanted, "the inline data")?;
    fs.expect_idle()
}

fn write_elsewhere(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=5000\nextent offset=4096 length=4096 type=inline\nbuffered",
    )?;
    expect_errno(fs.put(4096, 100, 1), libc::EIO)?;
    fs.expect_of(&["end", "return"], &["end written=0", "return ret=-5"])?;
    ensure!(fs.data()?.iter().all(|&byte| byte == 0), "data was written");
    fs.expect_idle()
}

/// Reads and writes must fail, and leave the data page alone.
fn refused(fs: &Cached, script: &str) -> Result<()> {
    fs.restart(script)?;
    fs.run("read_folio pos=0")?;
    fs.expect_only("read_folio_return", &["read_folio_return uptodate=0"])?;
    expect_errno(fs.get(0, 100), libc::EIO)?;
    expect_errno(fs.put(0, 100, 1), libc::EIO)?;
    fs.expect_folio(0, "uptodate=0 dirty=0 locked=0")?;
    ensure!(fs.data()?.iter().all(|&byte| byte == 0), "data was written");
    fs.expect_idle()
}

fn bad_memory(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine uses it");
    }
    let fs = Cached::new(context, "")?;
    refused(
        &fs,
        "inode size=1000\nextent offset=0 length=1000 type=inline no_data\nbuffered",
    )?;
    refused(
        &fs,
        "inode size=1000\nextent offset=0 length=1000 type=inline data_offset=3097\nbuffered",
    )?;
    // To the byte.
    fs.restart(
        "inode size=1000\nextent offset=0 length=1000 type=inline data_offset=3096\nbuffered",
    )?;
    fs.put_all(0, 1000, 0xCC)?;
    expect_same(
        &fs.data()?,
        &overlay(vec![0; 4096], 3096, 1000, 0xCC),
        "the inline data",
    )
}

fn over_folio(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine writes over its end");
    }
    let fs = Cached::new(
        context,
        "inode size=5000 block_size=1024\n\
         extent offset=0 length=2048 addr=65536\n\
         extent offset=2048 length=4096 type=inline\nbuffered",
    )?;
    fs.run("read_folio pos=0")?;
    fs.expect_only("read_folio_return", &["read_folio_return uptodate=0"])?;
    expect_errno(fs.get(0, 5000), libc::EIO)?;
    fs.expect_idle()
}

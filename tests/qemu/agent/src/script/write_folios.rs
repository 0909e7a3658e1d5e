// SPDX-License-Identifier: GPL-2.0

//! Writes into the page cache: the hooks around each folio, and sizes.

use std::io::{IoSlice, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use anyhow::{ensure, Context as _, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::child::Child;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("write_sequence", SCRIPT, sequence)
        .doc("A write gets each folio, has the mapping checked, fills it, grows the file and puts it.")
        .holds(&["BW-1", "BW-2", "BW-6", "BW-8", "BW-22", "BW-27"]),
    Case::new("write_without_hooks", SCRIPT, without_hooks)
        .doc("Each hook of a folio may be missing.")
        .holds(&["BW-6", "BW-7", "BW-8"]),
    Case::new("write_partial_success", SCRIPT, partial_success)
        .doc("What was written counts; the error behind it is met twice and dropped.")
        .holds(&["BW-2", "BW-26"]),
    Case::new("write_position", SCRIPT, position)
        .doc("The file's position moves by what was written, and not after an error.")
        .holds(&["BW-2"]),
    Case::new("write_nowait", SCRIPT, nowait)
        .doc("A write that must not wait says so to the filesystem, and is EAGAIN where it would read.")
        .holds(&["BW-1", "BW-13", "BW-14"]),
    Case::new("write_no_sync", SCRIPT, no_sync)
        .doc("Syncing is the filesystem's business, O_SYNC or not.")
        .holds(&["BW-2"]),
    Case::new("write_chunks", SCRIPT, chunks)
        .doc("Without large folios a write goes page by page, with them folio by folio.")
        .holds(&["BW-3", "BW-5", "BW-7"]),
    Case::new("write_old_folio", SCRIPT, old_folio)
        .doc("A folio that is there is taken, whatever size it has.")
        .holds(&["BW-7", "BW-19"]),
    Case::new("write_get_folio_fails", SCRIPT, get_folio_fails)
        .doc("A folio that cannot be had is the write's error, and nothing is put.")
        .holds(&["BW-6", "BW-18"]),
    Case::new("write_stale", SCRIPT, stale)
        .doc("A mapping that is not valid under the folio's lock is mapped again; nothing is cut off.")
        .holds(&["BW-8", "IT-7"]),
    Case::new("write_stale_after_progress", SCRIPT, stale_after_progress)
        .doc("So is one that becomes so in the middle, from there on.")
        .holds(&["BW-8", "IT-7"]),
    Case::new("write_always_stale_is_killable", SCRIPT, always_stale)
        .doc("A write whose mappings are never valid goes on until it is killed.")
        .holds(&["BW-5", "IT-7"]),
    Case::new("write_extends", SCRIPT, extends)
        .doc("A write past the end takes store permission from the page with the old end.")
        .holds(&["BW-22", "BW-23"]),
    Case::new("write_size_changed", SCRIPT, size_changed)
        .doc("The end hook hears of a size that has changed.")
        .holds(&["BW-27"]),
];

const PLAIN: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered";
const HOOKS: &str = "extent offset=0 length=65536 addr=65536\nbuffered hooks";

fn sequence(context: &Context) -> Result<()> {
    let fs = Cached::new(context, HOOKS)?;
    fs.put_all(0, 6000, 0xCC)?;
    fs.expect(&[
        "write pos=0 count=6000",
        "begin pos=0 len=6000 flags=write private=1",
        "get_folio pos=0 len=4096 ret=0 index=0 size=4096",
        "iomap_valid cookie=1 offset=0 length=65536 ret=1",
        "put_folio pos=0 copied=4096 locked=1 isize=4096",
        "get_folio pos=4096 len=1904 index=1",
        "iomap_valid ret=1",
        "put_folio pos=4096 copied=1904 locked=1 isize=6000",
        "end pos=0 len=6000 written=6000 mapflags=size_changed",
        "return ret=6000 pos=6000 left=0 isize=6000",
    ])?;
    fs.expect_contents(0, &[0xCC; 6000])
}

fn without_hooks(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (omit, wanted) in [
        ("get_folio", &["iomap_valid", "put_folio copied=4096"][..]),
        ("put_folio", &["get_folio", "iomap_valid"]),
        ("iomap_valid", &["get_folio", "put_folio copied=4096"]),
        ("get_folio put_folio iomap_valid", &[]),
    ] {
        fs.restart(&format!("{HOOKS}\nomit {omit}"))?;
        fs.put_all(0, 4096, 0xCC)?;
        fs.expect_of(&["get_folio", "iomap_valid", "put_folio"], wanted)?;
        fs.expect_contents(0, &[0xCC; 4096])?;
        fs.expect_idle()?;
    }
    Ok(())
}

fn partial_success(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("inode size=65536\n{HOOKS}"))?;
    fs.run("get_folio\nget_folio ret=-28\nget_folio ret=-28")?;
    let count = fs.put(0, 8192, 0xCC)?;
    ensure!(count == 4096, "{count} bytes");
    fs.expect(&[
        "write",
        "begin pos=0 len=8192",
        "get_folio pos=0 ret=0",
        "iomap_valid",
        "put_folio copied=4096",
        "get_folio pos=4096 ret=-28",
        "end pos=0 len=8192 written=4096",
        "begin pos=4096 len=4096",
        "get_folio pos=4096 ret=-28",
        "end pos=4096 len=4096 written=0",
        "return ret=4096 pos=4096 left=4096",
    ])?;
    // An error that has gone by then is not met at all.
    fs.run("get_folio\nget_folio ret=-28")?;
    fs.put_all(0, 8192, 0xDD)?;
    fs.expect_contents(0, &[0xDD; 8192])
}

fn position(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN}\nanswer ret=-28"))?;
    let mut file = fs.cache();
    expect_errno(file.write(&[1; 1000]), libc::ENOSPC)?;
    ensure!(file.write(&[2; 1000])? == 1000);
    ensure!(file.write(&[3; 1000])? == 1000);
    fs.expect_only(
        "return",
        &["return ret=-28 pos=0", "return pos=1000", "return pos=2000"],
    )?;
    let wanted = overlay(overlay(stored(BASE, 4096), 0, 1000, 2), 1000, 1000, 3);
    fs.expect_contents(0, &wanted)
}

fn nowait(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN}\ninode block_size=1024"))?;
    let buffer = AlignedBuf::filled(4096, 0xCC)?;
    let write = |pos, length| {
        let part = buffer.get(..length).unwrap_or_default();
        raw_io::write_vectored(fs.cache(), &[IoSlice::new(part)], pos, libc::RWF_NOWAIT)
    };
    // All of a block, or all of a folio: nothing to wait for.
    ensure!(write(1024, 1024)? == 1024);
    ensure!(write(4096, 4096)? == 4096);
    fs.expect_only(
        "begin",
        &["begin flags=write|nowait", "begin flags=write|nowait"],
    )?;
    // A part of a block has to be read.
    fs.expect_bios(&[], || expect_errno(write(2048, 100), libc::EAGAIN))?;
    // Not if it is valid, nor if it is zeroed.
    ensure!(write(1100, 100)? == 100);
    fs.run("inode size=131072")?;
    ensure!(write(65536, 100)? == 100);
    fs.expect_bios(&["R 128+2", "R 132+4"], || {
        fs.expect_contents(0, &overlay(stored(BASE, 4096), 1024, 1024, 0xCC))
    })
}

fn no_sync(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_SYNC)
        .open(fs.path())
        .context("cannot open the file")?;
    fs.expect_bios(&[], || {
        ensure!(file.write_at(&[0xCC; 4096], 0)? == 4096);
        Ok(())
    })?;
    fs.expect(&["write", "begin", "end written=4096", "return ret=4096"])
}

fn chunks(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    fs.restart(HOOKS)?;
    fs.put_all(100, 9000, 0xCC)?;
    fs.expect_only(
        "get_folio",
        &[
            "get_folio pos=100 len=3996 size=4096",
            "get_folio pos=4096 len=4096 size=4096",
            "get_folio pos=8192 len=908 size=4096",
        ],
    )?;
    // Large ones: the folio is as large as the write, down to a power of two, as
    // far as its place allows.
    fs.restart("extent offset=0 length=1048576 addr=65536\nbuffered hooks large=65536")?;
    fs.put_all(0, 200_000, 0xCC)?;
    fs.expect_only(
        "get_folio",
        &[
            "get_folio pos=0 len=65536 size=65536",
            "get_folio pos=65536 len=65536 size=65536",
            "get_folio pos=131072 len=65536 size=65536",
            "get_folio pos=196608 len=3392 size=4096",
        ],
    )?;
    fs.put_all(266_240, 50_000, 0xCC)?;
    fs.expect_only(
        "get_folio",
        &[
            "get_folio pos=266240 len=50000 index=65 size=4096",
            "get_folio pos=270336 len=45904 index=66 size=8192",
            "get_folio pos=278528 len=37712 index=68 size=16384",
            "get_folio pos=294912 len=21328 index=72 size=16384",
            "get_folio pos=311296 len=4944 index=76 size=4096",
            "get_folio pos=315392 len=848 index=77 size=4096",
        ],
    )?;
    let mut wanted = vec![0xCC; 200_000];
    wanted.resize(266_240, 0);
    wanted.resize(316_240, 0xCC);
    fs.expect_contents(0, wanted.get(..196_608).unwrap_or_default())?;
    fs.expect_contents(266_240, &[0xCC; 50_000])
}

fn old_folio(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered hooks large=65536",
    )?;
    fs.run("readahead pos=0 len=16384\nread_folio pos=16384 size=16384")?;
    fs.clear_log()?;
    // Small ones for a large write, a large one for a small write.
    fs.put_all(0, 8192, 0xCC)?;
    fs.put_all(20_000, 4096, 0xCC)?;
    fs.put_all(32_000, 1000, 0xCC)?;
    fs.expect_only(
        "get_folio",
        &[
            "get_folio pos=0 len=8192 index=0 size=4096",
            "get_folio pos=4096 len=4096 index=1 size=4096",
            "get_folio pos=20000 len=4096 index=4 size=16384",
            "get_folio pos=32000 len=1000 index=4 size=16384",
            "get_folio pos=32768 len=232 index=8 size=4096",
        ],
    )?;
    let mut wanted = overlay(stored(BASE, 36_864), 0, 8192, 0xCC);
    wanted = overlay(wanted, 20_000, 4096, 0xCC);
    fs.expect_contents(0, &overlay(wanted, 32_000, 1000, 0xCC))
}

fn get_folio_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for errno in [libc::ENOMEM, libc::EAGAIN, libc::ENOSPC] {
        fs.restart(&format!("{HOOKS}\nget_folio ret=-{errno}"))?;
        expect_errno(fs.put(0, 4096, 0xCC), errno)?;
        fs.expect(&[
            "write",
            "begin",
            &format!("get_folio ret=-{errno}"),
            "end written=0",
            &format!("return ret=-{errno} left=4096 isize=0"),
        ])?;
        fs.expect_idle()?;
    }
    Ok(())
}

fn stale(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\nvalid no times=2"))?;
    fs.put_all(0, 4096, 0xCC)?;
    let round = [
        "begin pos=0 len=4096",
        "get_folio pos=0",
        "iomap_valid ret=0",
        "put_folio pos=0 copied=0 locked=1 isize=0",
        "end pos=0 len=4096 written=0 mapflags=stale",
    ];
    let mut wanted = vec!["write"];
    wanted.extend(round);
    wanted.extend(round);
    wanted.extend([
        "begin pos=0 len=4096",
        "get_folio pos=0",
        "iomap_valid ret=1",
        "put_folio copied=4096",
        "end written=4096 mapflags=size_changed",
        "return ret=4096",
    ]);
    fs.expect(&wanted)?;
    fs.expect_contents(0, &[0xCC; 4096])
}

fn stale_after_progress(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!("{HOOKS}\ninode size=65536\nvalid yes\nvalid no"),
    )?;
    fs.put_all(0, 12288, 0xCC)?;
    fs.expect_of(
        &["begin", "iomap_valid", "end"],
        &[
            "begin pos=0 len=12288",
            "iomap_valid ret=1",
            "iomap_valid ret=0",
            "end pos=0 len=12288 written=4096 mapflags=stale",
            "begin pos=4096 len=8192",
            "iomap_valid ret=1",
            "iomap_valid ret=1",
            "end pos=4096 len=8192 written=8192 mapflags=-",
        ],
    )?;
    fs.expect_contents(0, &[0xCC; 12288])
}

fn always_stale(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\nvalid no times=0xffffffff"))?;
    let child = Child::writing(fs.cache(), 4096)?;
    // It does not end by itself.
    for _ in 0..16 {
        fs.clear_log()?;
        fs.wait_for_any()?;
    }
    child.kill()?;
    fs.clear_log()?;
    fs.run("reset")?;
    fs.run(PLAIN)?;
    fs.expect_idle()?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_contents(0, &[0xCC; 4096])
}

fn extends(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\ninode size=1000"))?;
    let mapping = fs.mapping(4096)?;
    // The page is writable once its first store has asked for that.
    mapping.write(0, &[1])?;
    mapping.write(1, &[2])?;
    fs.expect_only("mkwrite", &["mkwrite index=0"])?;
    // A write in the same page does not change that ...
    fs.put_all(100, 100, 0xCC)?;
    fs.clear_log()?;
    mapping.write(2, &[3])?;
    fs.expect_only("mkwrite", &[])?;
    // ... nor does one that begins at the end: no block was skipped.
    fs.put_all(1000, 500, 0xCC)?;
    fs.clear_log()?;
    mapping.write(3, &[4])?;
    fs.expect_only("mkwrite", &[])?;
    // One behind the end takes the permission: blocks up to there are in the file
    // now, for which the first store did not ask.
    fs.run("inode block_size=1024")?;
    fs.put_all(8192, 100, 0xCC)?;
    fs.clear_log()?;
    mapping.write(4, &[5])?;
    fs.expect_of(
        &["mkwrite", "begin"],
        &["mkwrite index=0", "begin pos=0 len=4096 flags=write|fault"],
    )
}

fn size_changed(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\ninode size=4096"))?;
    for (pos, length, flags, size) in [
        (0, 4096, "-", 4096),
        (100, 200, "-", 4096),
        (4000, 97, "size_changed", 4097),
        (8192, 1, "size_changed", 8193),
    ] {
        fs.put_all(pos, length, 0xCC)?;
        fs.expect_of(
            &["end", "return"],
            &[
                &format!("end written={length} mapflags={flags}"),
                &format!("return isize={size}"),
            ],
        )?;
    }
    Ok(())
}

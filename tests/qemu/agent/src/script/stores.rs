// SPDX-License-Identifier: GPL-2.0

//! Stores through shared mappings.

use std::fs::File;
use std::io;
use std::thread;

use anyhow::{bail, ensure, Context as _, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("store_dirties_folio", SCRIPT, dirties)
        .doc("The first store asks for all blocks of the folio, and dirties each of them.")
        .holds(&["MK-2", "MK-3", "MK-4"]),
    Case::new("store_several_mappings", SCRIPT, several)
        .doc("It asks for one mapping after the other until the folio is covered.")
        .holds(&["MK-2", "MK-3"]),
    Case::new("store_at_eof", SCRIPT, at_eof)
        .doc("It asks for what the folio has of the file.")
        .holds(&["MK-1", "MK-2"]),
    Case::new("store_behind_eof", SCRIPT, behind_eof)
        .doc("A folio that is behind the end by then asks for nothing, and the store is tried again.")
        .holds(&["MK-1", "MK-3"]),
    Case::new("store_without_blocks", SCRIPT, without_blocks)
        .doc("A store that gets no blocks faults, and the folio is unlocked and clean.")
        .holds(&["MK-3"]),
    Case::new("store_again", SCRIPT, again)
        .doc("One that would have had to wait is tried again.")
        .holds(&["MK-3"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered hooks";

/// What is logged of a store, but for folios that are dirtied: the handler of the
/// fault does so once more.
const CALLS: [&str; 5] = ["mkwrite", "gate", "begin", "end", "mkwrite_return"];

/// A mapping whose page at `offset` is there, but was not stored to.
fn mapped(fs: &Cached, offset: usize) -> Result<FileMapping> {
    let mapping = fs.mapping(65536)?;
    mapping.read(offset, &mut [0])?;
    fs.clear_log()?;
    Ok(mapping)
}

fn dirties(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let mapping = mapped(&fs, 4096)?;
    mapping.write(5000, &[0xCC])?;
    fs.expect(&[
        "mkwrite index=1",
        "begin pos=4096 len=4096 flags=write|fault private=0",
        "dirty_folio pos=4096 ret=1",
        "end pos=4096 len=4096 written=4096 mapflags=-",
        "mkwrite_return ret=locked locked=1 dirty=1",
        // The fault handler's own.
        "dirty_folio ret=0",
    ])?;
    fs.expect_folio(
        1,
        "uptodate=1 dirty=1 locked=0 state=blocks uptodate_blocks=0-3 dirty_blocks=0-3",
    )?;
    mapping.write(5001, &[0xCC])?;
    fs.expect(&[])?;
    fs.expect_bios(&["WS 136+8"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 8192), 5000, 2, 0xCC))?;
    // It was cleaned: the next store asks again.
    fs.clear_log()?;
    mapping.write(5002, &[0xCC])?;
    fs.expect_only("begin", &["begin pos=4096 len=4096 flags=write|fault"])
}

fn several(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let mapping = mapped(&fs, 0)?;
    fs.run(
        "answer offset=0 length=1024 addr=65536\n\
         answer offset=1024 length=1024 type=unwritten addr=66560",
    )?;
    mapping.write(0, &[1])?;
    fs.expect(&[
        "mkwrite",
        "begin pos=0 len=4096",
        "dirty_folio ret=1",
        "end pos=0 len=1024 written=1024",
        "begin pos=1024 len=3072 type=unwritten",
        "dirty_folio ret=0",
        "end pos=1024 len=1024 written=1024",
        "begin pos=2048 len=2048",
        "dirty_folio ret=0",
        "end pos=2048 len=2048 written=2048",
        "mkwrite_return ret=locked",
        "dirty_folio ret=0",
    ])
}

fn at_eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS}\ninode size=5000"))?;
    let mapping = mapped(&fs, 4096)?;
    mapping.write(4200, &[1])?;
    fs.expect_only("begin", &["begin pos=4096 len=904 flags=write|fault"])?;
    fs.expect_folio(1, "dirty=1 dirty_blocks=0-3")
}

fn behind_eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let mapping = mapped(&fs, 4096)?;
    fs.run("gate mkwrite=2")?;
    let between = || {
        fs.wait_for("gate")?;
        // The file ends before the folio, which a truncation has not reached yet.
        fs.run("inode size=4096\ngo")?;
        fs.wait_for("mkwrite_return")?;
        fs.wait_for_times("gate", 2)?;
        fs.run("inode size=65536\ngo")
    };
    thread::scope(|scope| {
        let store = scope.spawn(move || mapping.write(4096, &[0xCC]));
        let result = between();
        if result.is_err() {
            fs.run("inode size=65536\ngate mkwrite=0\ngo")?;
        }
        match store.join() {
            Ok(stored) => result.and(stored.context("store")),
            Err(_) => bail!("the thread of the store panicked"),
        }
    })?;
    fs.expect_of(
        &CALLS,
        &[
            "mkwrite index=1",
            "gate",
            "mkwrite_return ret=nopage dirty=0",
            "mkwrite index=1",
            "gate",
            "begin pos=4096 len=4096",
            "end written=4096",
            "mkwrite_return ret=locked",
        ],
    )?;
    fs.expect_contents(4096, &overlay(stored(BASE + 4096, 4096), 0, 1, 0xCC))
}

/// A store that the kernel does on behalf of a read, and that may fail.
pub fn store(mapping: &FileMapping, offset: usize) -> Result<io::Result<usize>> {
    let zeros = File::open("/dev/zero").context("no /dev/zero")?;
    Ok(raw_io::read_to(
        &zeros,
        mapping.pointer(offset, 100)?,
        100,
        0,
    ))
}

fn without_blocks(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let mapping = mapped(&fs, 4096)?;
    for (errno, fault) in [
        (libc::ENOSPC, "sigbus"),
        (libc::EDQUOT, "sigbus"),
        (libc::EIO, "sigbus"),
        (libc::ENOMEM, "oom"),
    ] {
        fs.run(&format!("answer ret=-{errno}"))?;
        expect_errno(store(&mapping, 4096)?, libc::EFAULT)?;
        fs.expect(&[
            "mkwrite index=1",
            &format!("begin ret=-{errno}"),
            &format!("mkwrite_return ret={fault} locked=0 dirty=0"),
        ])?;
    }
    fs.expect_idle()?;
    ensure!(store(&mapping, 4096)?? == 100);
    fs.expect_contents(4096, &overlay(stored(BASE + 4096, 4096), 0, 100, 0))
}

fn again(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let mapping = mapped(&fs, 4096)?;
    fs.run(&format!(
        "answer ret=-{}\nanswer ret=-{}",
        libc::EAGAIN,
        libc::EFAULT
    ))?;
    mapping.write(4096, &[0xCC])?;
    fs.expect_of(
        &CALLS,
        &[
            "mkwrite",
            "begin ret=-11",
            "mkwrite_return ret=nopage",
            "mkwrite",
            "begin ret=-14",
            "mkwrite_return ret=nopage",
            "mkwrite",
            "begin ret=0",
            "end written=4096",
            "mkwrite_return ret=locked",
        ],
    )
}

// SPDX-License-Identifier: GPL-2.0

//! Writes and stores to files whose page cache has buffer heads.

use std::os::unix::fs::FileExt;

use anyhow::{ensure, Result};

use super::cached::{expect_same, overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::open;
use crate::null_disk::NullDisk;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("buffers_write", SCRIPT, write)
        .doc(
            "A write through buffer heads reads what it leaves of blocks, and dirties these alone.",
        )
        .holds(&["BW-10"]),
    Case::new("buffers_new", SCRIPT, new)
        .doc("New blocks and those of a hole are zeroed around the write.")
        .holds(&["BW-10"]),
    Case::new("buffers_new_drops_aliases", SCRIPT, drops_aliases)
        .doc("What the disk's own page cache has of a new block is not written over it later.")
        .holds(&["BW-10"]),
    Case::new("buffers_short_copy", SCRIPT, short_copy)
        .doc("A short copy counts as nothing, unless the folio is valid.")
        .holds(&["BW-10", "BW-24"]),
    Case::new("buffers_read_fails", SCRIPT, read_fails)
        .doc("A block that cannot be read is the write's error.")
        .holds(&["BW-11"]),
    Case::new("buffers_store", SCRIPT, store)
        .doc("A store through a mapping dirties the buffers from the folio's start.")
        .holds(&["MK-2"]),
];

const BUFFERS: &str = "inode size=65536 block_size=1024\n\
                       extent offset=0 length=65536 addr=65536 flags=bh\nbuffered buffers";

fn write(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BUFFERS)?;
    // Two blocks are left in part, the one between is not.
    fs.expect_bios(&["R 128+2", "R 132+2"], || fs.put_all(512, 2048, 0xCC))?;
    fs.expect_of(
        &["begin", "end", "return"],
        &[
            "begin pos=512 len=2048 flags=write mapflags=bh",
            "end written=2048",
            "return ret=2048",
        ],
    )?;
    fs.expect_folio(0, "uptodate=0 dirty=1 state=other")?;
    let ((), bios) = fs.bios(|| Ok(fs.cache().sync_all()?))?;
    ensure!(
        bios.iter().all(|bio| bio.starts_with('W')) && !bios.is_empty(),
        "{bios:?}"
    );
    fs.expect_stored(BASE, &overlay(stored(BASE, 4096), 512, 2048, 0xCC))?;
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 512, 2048, 0xCC))?;
    fs.expect_idle()
}

fn new(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for map in [
        "addr=65536 flags=bh|new",
        "type=unwritten addr=65536 flags=bh",
        "type=hole flags=bh",
    ] {
        fs.restart(&format!(
            "inode size=65536 block_size=1024\n\
             extent offset=0 length=65536 {map}\nbuffered buffers"
        ))?;
        fs.expect_bios(&[], || fs.put_all(1500, 100, 0xCC))?;
        fs.run("answer ret=-5")?;
        fs.expect_contents(1024, &overlay(vec![0; 1024], 476, 100, 0xCC))?;
    }
    Ok(())
}

fn drops_aliases(context: &Context) -> Result<()> {
    // Not the scratch disk: what is mounted cannot be opened for writing.
    let disk = NullDisk::with_cache(true)?;
    let options = format!("bdev2={}", disk.path().display());
    let script = "inode size=65536\n\
                  extent offset=0 length=65536 addr=65536 flags=bh|new bdev=1\n\
                  buffered buffers";
    let fs = Cached::with_options(context, &options, script)?;
    // Dirty yet, of the former life of a block and of its neighbour.
    let device = open(&disk.path(), 0)?;
    device.write_all_at(&[0xBB; 8192], BASE)?;
    fs.put_all(100, 100, 0xCC)?;
    fs.cache().sync_all()?;
    device.sync_all()?;
    let mut found = AlignedBuf::new(8192)?;
    open(&disk.path(), libc::O_DIRECT)?.read_exact_at(&mut found, BASE)?;
    let mut wanted = overlay(vec![0; 4096], 100, 100, 0xCC);
    wanted.extend([0xBB; 4096]);
    expect_same(&found, &wanted, "the disk")
}

fn short_copy(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BUFFERS)?;
    let mut memory = AlignedBuf::filled(2 * PAGE_SIZE, 0xCC)?;
    memory.unmap_from(PAGE_SIZE)?;
    let source = memory.as_ptr().wrapping_add(PAGE_SIZE - 1024);
    // Not valid: begun again with the block that is there.
    ensure!(raw_io::write_from(fs.cache(), source, 3072, 0)? == 1024);
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 0, 1024, 0xCC))?;
    // Valid by now.
    ensure!(raw_io::write_from(fs.cache(), source, 3072, 2048)? == 1024);
    let wanted = overlay(stored(BASE, 4096), 0, 1024, 0xCC);
    fs.expect_contents(0, &overlay(wanted, 2048, 1024, 0xCC))?;
    fs.expect_idle()
}

fn read_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=65536 addr=0x10000000000 flags=bh\nbuffered buffers",
    )?;
    expect_errno(fs.put(100, 100, 1), libc::EIO)?;
    fs.expect_of(&["end", "return"], &["end written=0", "return ret=-5"])?;
    // The whole of a block need not be read.
    fs.put_all(1024, 1024, 0xCC)?;
    fs.expect_idle()
}

fn store(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BUFFERS)?;
    let mapping = fs.mapping(4096)?;
    let mut byte = [0];
    mapping.read(3000, &mut byte)?;
    fs.clear_log()?;
    mapping.write(3000, &[0xCC])?;
    fs.expect_of(
        &["mkwrite", "begin", "end", "mkwrite_return"],
        &[
            "mkwrite index=0",
            "begin pos=0 len=4096 flags=write|fault mapflags=bh",
            "end pos=0 len=4096 written=4096",
            "mkwrite_return ret=locked locked=1 dirty=1",
        ],
    )?;
    fs.cache().sync_all()?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 4096), 3000, 1, 0xCC))
}

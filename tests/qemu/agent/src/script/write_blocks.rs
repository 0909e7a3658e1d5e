// SPDX-License-Identifier: GPL-2.0

//! Writes into the page cache: what of a folio is read, zeroed, valid and dirty.

use std::io;
use std::thread;

use anyhow::{bail, ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("write_blocks_read", SCRIPT, read)
        .doc("Blocks that a write leaves a part of are read, in one run with what lies between.")
        .holds(&["BW-12", "BW-13", "BW-14", "BW-15", "BW-20"]),
    Case::new("write_into_dirty_folio", SCRIPT, into_dirty)
        .doc("A folio that was written whole stays dirty as a whole when it gets a state.")
        .holds(&["BW-13", "BW-20"]),
    Case::new("write_blocks_zeroed", SCRIPT, zeroed)
        .doc("Without data in them they are zeroed around the write, and valid with it.")
        .holds(&["BW-14", "BW-16", "BW-20"]),
    Case::new("write_blocks_source", SCRIPT, source)
        .doc("They are read from the source mapping if there is one, and written to the other.")
        .holds(&["BW-14"]),
    Case::new("write_read_fails", SCRIPT, read_fails)
        .doc("If they cannot be read that is the write's error; past the end nothing of it stays.")
        .holds(&["BW-14", "BW-18"]),
    Case::new("write_failure_drops_behind_eof", SCRIPT, failure_drops)
        .doc("A failed write past the end cuts off what the page cache has there, no more.")
        .holds(&["BW-18"]),
    Case::new("write_source_missing", SCRIPT, source_missing)
        .doc("A source that is not there at all is EFAULT before any folio is got.")
        .holds(&["BW-4"]),
    Case::new("write_short_copy", SCRIPT, short_copy)
        .doc("A short copy counts as nothing, and is done again with as much as was there.")
        .holds(&["BW-4", "BW-19", "BW-20", "BW-24"]),
    Case::new("write_short_copy_large", SCRIPT, short_copy_large)
        .doc("With large folios the steps get shorter then.")
        .holds(&["BW-24"]),
    Case::new("write_short_copy_into_valid", SCRIPT, short_copy_into_valid)
        .doc("In a folio that is valid a short copy counts, and dirties the blocks it reached.")
        .holds(&["BW-20"]),
    Case::new("write_short_copy_hides_nothing", SCRIPT, short_copy_hides)
        .doc("Zeroed blocks that a short copy did not reach are not taken for valid.")
        .holds(&["DIFF-13"]),
    Case::new("write_source_vanishes", SCRIPT, source_vanishes)
        .doc("A source that vanishes under the folio's lock copies nothing; the size still moves.")
        .holds(&["BW-22", "BW-24"]),
    Case::new("write_nothing_into_valid", SCRIPT, nothing_into_valid)
        .doc("A copy of nothing into a valid folio dirties it, but none of its blocks.")
        .holds(&["BW-25", "DIFF-15"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered";

fn read(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (pos, length, bios, valid, dirty) in [
        (0, 4096, &[][..], "", ""),
        (1024, 2048, &[], "1-2", "1-2"),
        (100, 200, &["RS 128+2"], "0", "0"),
        // The run from the first block that is left in part: all of it.
        (512, 3072, &["RS 128+8"], "0-3", "0-3"),
        (1024, 2560, &["RS 130+6"], "1-3", "1-3"),
        (3000, 1096, &["RS 132+4"], "2-3", "2-3"),
    ] {
        fs.restart(BLOCKS)?;
        fs.expect_bios(bios, || fs.put_all(pos, length, 0xCC))?;
        let state = if length == 4096 {
            "uptodate=1 dirty=1 state=none".to_owned()
        } else {
            format!("dirty=1 state=blocks uptodate_blocks={valid} dirty_blocks={dirty}")
        };
        fs.expect_folio(0, &state)?;
        fs.expect_contents(0, &overlay(stored(BASE, 4096), pos as usize, length, 0xCC))?;
    }
    // A valid folio is not read, but gets a state.
    fs.restart(BLOCKS)?;
    fs.run("read_folio pos=0\ndrop index=0")?;
    fs.expect_folio(0, "uptodate=1 state=none")?;
    fs.expect_bios(&[], || fs.put_all(1500, 1000, 0xCC))?;
    fs.expect_folio(
        0,
        "uptodate=1 dirty=1 state=blocks uptodate_blocks=0-3 dirty_blocks=1-2",
    )
}

fn into_dirty(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_folio(0, "uptodate=1 dirty=1 state=none")?;
    fs.expect_bios(&[], || fs.put_all(1500, 1000, 0xDD))?;
    fs.expect_folio(
        0,
        "uptodate=1 dirty=1 state=blocks uptodate_blocks=0-3 dirty_blocks=0-3",
    )?;
    fs.expect_bios(&["WS 128+8"], || Ok(fs.cache().sync_all()?))
}

fn zeroed(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for kind in [
        "type=unwritten addr=65536",
        "type=delalloc",
        "addr=65536 flags=new",
    ] {
        fs.restart(&format!(
            "inode size=65536 block_size=1024\nextent offset=0 length=65536 {kind}\nbuffered"
        ))?;
        fs.expect_bios(&[], || fs.put_all(1500, 1000, 0xCC))?;
        fs.expect_folio(0, "uptodate=0 dirty=1 uptodate_blocks=1-2 dirty_blocks=1-2")?;
        fs.expect_bios(&[], || {
            fs.expect_contents(1024, &overlay(vec![0; 2048], 476, 1000, 0xCC))
        })?;
    }
    // Past the end, and around it.
    fs.restart(&format!("{BLOCKS}\ninode size=1000"))?;
    fs.expect_bios(&["RS 128+2"], || fs.put_all(500, 1000, 0xCC))?;
    fs.expect_folio(0, "uptodate_blocks=0-1 dirty_blocks=0-1")?;
    fs.expect_contents(0, &overlay(stored(BASE, 1500), 500, 1000, 0xCC))
}

fn source(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=4096 block_size=1024\nbuffered\n\
         answer offset=0 length=4096 addr=65536 flags=shared \
         src offset=0 length=4096 addr=131072\n\
         extent offset=0 length=4096 addr=65536",
    )?;
    fs.expect_bios(&["RS 256+2"], || fs.put_all(100, 200, 0xCC))?;
    fs.expect_bios(&["WS 128+2"], || Ok(fs.cache().sync_all()?))?;
    let wanted = overlay(stored(131_072, 1024), 100, 200, 0xCC);
    fs.expect_stored(BASE, &wanted)?;
    fs.expect_stored(131_072, &stored(131_072, 4096))?;
    // A source of which there is nothing to read.
    fs.restart(
        "inode size=4096 block_size=1024\nbuffered\n\
         answer offset=0 length=4096 addr=65536 src offset=0 length=4096 type=unwritten",
    )?;
    fs.expect_bios(&[], || fs.put_all(100, 200, 0xCC))?;
    fs.expect_contents(0, &overlay(vec![0; 1024], 100, 200, 0xCC))
}

fn read_fails(context: &Context) -> Result<()> {
    const BEYOND: u64 = 1 << 40;
    let script =
        format!("inode size=5000\nextent offset=0 length=65536 addr={BEYOND}\nbuffered hooks");
    let fs = Cached::new(context, &script)?;
    expect_errno(fs.put(4500, 3000, 0xCC), libc::EIO)?;
    fs.expect(&[
        "write",
        "begin",
        "get_folio index=1",
        "iomap_valid",
        "put_folio pos=4500 copied=0 locked=1",
        "end written=0",
        "return ret=-5 pos=4500 left=3000 isize=5000",
    ])?;
    fs.expect_folio(1, "uptodate=0 dirty=0 locked=0")?;
    fs.expect_idle()?;
    // Whole blocks need no reading.
    fs.put_all(4096, 4096, 0xCC)?;
    fs.expect_contents(4096, &[0xCC; 4096])
}

fn failure_drops(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks\ninode size=9000"))?;
    // One page with the end, one behind, both with a state.
    fs.run("read_folio pos=8192\nread_folio pos=12288\nread_folio pos=4096")?;
    fs.run("get_folio ret=-28\nget_folio ret=-28\nget_folio ret=-28")?;
    fs.clear_log()?;
    expect_errno(fs.put(12288, 4096, 0xCC), libc::ENOSPC)?;
    fs.expect_only(
        "invalidate_folio",
        &["invalidate_folio pos=12288 offset=0 len=4096"],
    )?;
    fs.expect_folio(3, "missing=1")?;
    expect_errno(fs.put(8200, 2000, 0xCC), libc::ENOSPC)?;
    fs.expect_only(
        "invalidate_folio",
        &["invalidate_folio pos=8192 offset=808 len=1200"],
    )?;
    fs.expect_folio(2, "uptodate=1")?;
    // Before the end: all stays.
    expect_errno(fs.put(4096, 4096, 0xCC), libc::ENOSPC)?;
    fs.expect_only("invalidate_folio", &[])?;
    fs.expect_folio(1, "uptodate=1")
}

/// Memory of which only the first `there` bytes, to the page, can be read.
fn cut_memory(there: usize) -> Result<AlignedBuf> {
    let mut memory = AlignedBuf::filled(there + PAGE_SIZE, 0xCC)?;
    memory.unmap_from(there)?;
    Ok(memory)
}

/// Writes `length` bytes at `pos` from `offset` of memory that ends before them.
fn write_cut(
    fs: &Cached,
    memory: &AlignedBuf,
    offset: usize,
    length: usize,
    pos: u64,
) -> io::Result<usize> {
    raw_io::write_from(
        fs.cache(),
        memory.as_ptr().wrapping_add(offset),
        length,
        pos,
    )
}

fn source_missing(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks"))?;
    let memory = cut_memory(PAGE_SIZE)?;
    expect_errno(write_cut(&fs, &memory, PAGE_SIZE, 100, 0), libc::EFAULT)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "return ret=-14 left=100 isize=65536",
    ])
}

fn short_copy(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks"))?;
    let memory = cut_memory(PAGE_SIZE)?;
    // 1024 of 3072 bytes are there.
    let count = write_cut(&fs, &memory, PAGE_SIZE - 1024, 3072, 0)?;
    ensure!(count == 1024, "{count} bytes");
    fs.expect(&[
        "write pos=0 count=3072",
        "begin pos=0 len=3072",
        "get_folio pos=0 len=3072",
        "iomap_valid",
        "put_folio pos=0 copied=0",
        "get_folio pos=0 len=1024",
        "iomap_valid",
        "put_folio pos=0 copied=1024",
        "end pos=0 len=3072 written=1024",
        "begin pos=1024 len=2048",
        "end pos=1024 len=2048 written=0",
        "return ret=1024 pos=1024 left=2048",
    ])?;
    fs.expect_folio(0, "uptodate_blocks=0 dirty_blocks=0")?;
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 0, 1024, 0xCC))?;
    // In new space, past the end: what was begun is cut off before it goes on.
    fs.restart(&format!("{BLOCKS} hooks\ninode size=0"))?;
    let count = write_cut(&fs, &memory, PAGE_SIZE - 1024, 3072, 0)?;
    ensure!(count == 1024, "{count} bytes");
    fs.expect_of(
        &["put_folio", "invalidate_folio", "return"],
        &[
            "put_folio copied=0 isize=0",
            "invalidate_folio pos=0 offset=0 len=3072",
            "put_folio copied=1024 isize=1024",
            "return ret=1024 isize=1024",
        ],
    )
}

fn short_copy_large(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "extent offset=0 length=131072 addr=65536\nbuffered hooks large=65536",
    )?;
    let memory = cut_memory(3 * PAGE_SIZE)?;
    let there = 3 * PAGE_SIZE;
    let count = write_cut(&fs, &memory, 0, 2 * there, 0)?;
    ensure!(count == there, "{count} bytes");
    fs.expect_of(
        &["get_folio", "put_folio"],
        &[
            "get_folio pos=0 len=24576 size=16384",
            "put_folio copied=0",
            "get_folio pos=0 len=12288 size=8192",
            "put_folio pos=0 copied=8192",
            "get_folio pos=8192 len=16384 size=8192",
            "put_folio pos=8192 copied=0",
            "get_folio pos=8192 len=4096 size=4096",
            "put_folio pos=8192 copied=4096",
        ],
    )?;
    fs.expect_contents(0, &vec![0xCC; there])
}

fn short_copy_into_valid(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks"))?;
    fs.run("read_folio pos=0")?;
    fs.clear_log()?;
    let memory = cut_memory(PAGE_SIZE)?;
    let count = write_cut(&fs, &memory, PAGE_SIZE - 1500, 3000, 0)?;
    ensure!(count == 1500, "{count} bytes");
    fs.expect_only("put_folio", &["put_folio pos=0 copied=1500"])?;
    fs.expect_folio(0, "uptodate=1 dirty_blocks=0-1")?;
    fs.expect_contents(0, &overlay(stored(BASE, 4096), 0, 1500, 0xCC))
}

fn short_copy_hides(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine takes them for valid");
    }
    // What was in memory before, should any of it show.
    drop(AlignedBuf::filled(64 << 20, 0xA5)?);
    let fs = Cached::new(context, "inode size=65536 block_size=1024\nbuffered hooks")?;
    fs.run("answer offset=0 length=65536 type=delalloc")?;
    let memory = cut_memory(PAGE_SIZE)?;
    // Of one and a half blocks half a block is there.
    let count = write_cut(&fs, &memory, PAGE_SIZE - 512, 1536, 0)?;
    ensure!(count == 512, "{count} bytes");
    fs.expect_folio(0, "uptodate=0 uptodate_blocks=0 dirty_blocks=0")?;
    fs.expect_contents(0, &overlay(vec![0; 4096], 0, 512, 0xCC))
}

/// Starts a write, takes its source away when the folio is there, and returns
/// what the write says.
fn write_of_vanishing(fs: &Cached, pos: u64, length: usize) -> Result<io::Result<usize>> {
    let mut memory = AlignedBuf::filled(2 * PAGE_SIZE, 0xCC)?;
    let source = memory.as_ptr().wrapping_add(PAGE_SIZE) as usize;
    fs.run("get_folio wait")?;
    thread::scope(|scope| {
        let write =
            scope.spawn(|| raw_io::write_from(fs.cache(), source as *const u8, length, pos));
        let result = fs
            .wait_for("gate")
            .and_then(|()| Ok(memory.unmap_from(PAGE_SIZE)?));
        fs.run("go")?;
        result?;
        match write.join() {
            Ok(result) => Ok(result),
            Err(_) => bail!("the thread of the write panicked"),
        }
    })
}

fn source_vanishes(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks\ninode size=1000"))?;
    expect_errno(write_of_vanishing(&fs, 8192, 2048)?, libc::EFAULT)?;
    fs.expect(&[
        "write pos=8192 count=2048",
        "begin pos=8192 len=2048",
        "get_folio pos=8192 len=2048",
        "gate",
        "iomap_valid",
        "put_folio pos=8192 copied=0 isize=8192",
        "invalidate_folio pos=8192 offset=0 len=2048",
        "end written=0 mapflags=size_changed",
        "return ret=-14 pos=8192 left=2048 isize=8192",
    ])?;
    fs.expect_folio(2, "uptodate=0 dirty=0 uptodate_blocks= dirty_blocks=")
}

fn nothing_into_valid(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} hooks"))?;
    fs.run("read_folio pos=0")?;
    expect_errno(write_of_vanishing(&fs, 100, 1000)?, libc::EFAULT)?;
    fs.expect_only("put_folio", &["put_folio pos=100 copied=0 isize=65536"])?;
    fs.expect_folio(
        0,
        "uptodate=1 dirty=1 state=blocks uptodate_blocks=0-3 dirty_blocks=",
    )?;
    fs.expect_contents(0, &stored(BASE, 4096))
}

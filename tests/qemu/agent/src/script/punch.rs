// SPDX-License-Identifier: GPL-2.0

//! Giving reserved space back.

use anyhow::{ensure, Result};

use super::cached::Cached;
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("punch_without_data", SCRIPT, without_data)
        .doc("Without anything in the page cache, or with clean folios alone, all is given back at once.")
        .holds(&["DR-2", "DR-3", "DR-4"]),
    Case::new("punch_around_dirty", SCRIPT, around_dirty)
        .doc("Dirty folios keep their space, what lies between them does not.")
        .holds(&["DR-3", "DR-4"]),
    Case::new("punch_clean_blocks", SCRIPT, clean_blocks)
        .doc("Of a dirty folio the clean blocks are given back, one by one.")
        .holds(&["DR-3", "DR-6"]),
    Case::new("punch_part_of_folio", SCRIPT, part_of_folio)
        .doc("A range that begins or ends within a dirty folio stays within it.")
        .holds(&["DR-3", "DR-4"]),
    Case::new("punch_behind_eof", SCRIPT, behind_eof)
        .doc("Behind the end of the file all is given back, dirty or not.")
        .holds(&["DR-1"]),
    Case::new("punch_at_the_end_of_a_write", SCRIPT, after_write)
        .doc("The end hook may do so, as no folio is locked then.")
        .holds(&["DR-1", "DR-5"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 type=delalloc\nbuffered";

fn without_data(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    let all = ["punch pos=1000 len=40000 mapped=1"];
    fs.expect_run("punch pos=1000 len=40000", &all)?;
    fs.run("read_folio pos=4096\nread_folio pos=12288")?;
    fs.expect_run("punch pos=1000 len=40000", &all)
}

fn around_dirty(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    for pos in [4096, 8192, 20_480] {
        fs.put_all(pos, 4096, 0xCC)?;
    }
    fs.run("read_folio pos=12288")?;
    fs.expect_run(
        "punch pos=0 len=40960",
        &[
            "punch pos=0 len=4096",
            "punch pos=12288 len=8192",
            "punch pos=24576 len=16384",
        ],
    )?;
    // Nothing is left behind the last of them.
    fs.expect_run("punch pos=4096 len=8192", &[])
}

fn clean_blocks(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    // All valid, one block dirty.
    fs.run("read_folio pos=4096")?;
    fs.put_all(5120, 1024, 0xCC)?;
    fs.expect_run(
        "punch pos=0 len=12288",
        &[
            "punch pos=0 len=4096",
            "punch pos=4096 len=1024",
            "punch pos=6144 len=1024",
            "punch pos=7168 len=1024",
            "punch pos=8192 len=4096",
        ],
    )?;
    // Valid in part: the blocks that are not are no data at all.
    fs.restart(BLOCKS)?;
    fs.put_all(1024, 1024, 0xCC)?;
    fs.put_all(3072, 1024, 0xCC)?;
    fs.run("punch pos=0 len=4096")?;
    fs.expect_only(
        "punch",
        &["punch pos=0 len=1024", "punch pos=2048 len=1024"],
    )
}

fn part_of_folio(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} large=16384"))?;
    fs.put_all(16_384, 16_384, 0xCC)?;
    fs.expect_run("punch pos=20480 len=4096", &[])?;
    fs.expect_run("punch pos=8192 len=12288", &["punch pos=8192 len=8192"])?;
    fs.expect_run("punch pos=28672 len=8192", &["punch pos=32768 len=4096"])
}

fn behind_eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(0, 16_384, 0xCC)?;
    fs.run("inode size=6000")?;
    fs.expect_run("punch pos=0 len=16384", &["punch pos=6000 len=10384"])?;
    fs.expect_run("punch pos=8192 len=8192", &["punch pos=8192 len=8192"])
}

fn after_write(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=65536 type=delalloc\nbuffered hooks\n\
         get_folio\nget_folio ret=-28\nget_folio ret=-28\nend release\nend release",
    )?;
    let count = fs.put(0, 12_288, 0xCC)?;
    ensure!(count == 4096, "{count} bytes");
    fs.expect_of(
        &["end", "punch"],
        &[
            "end pos=0 len=12288 written=4096",
            "punch pos=4096 len=8192",
            "end pos=4096 len=8192 written=0",
            "punch pos=4096 len=8192",
        ],
    )?;
    fs.run("get_folio ret=-5\nend release")?;
    expect_errno(fs.put(16_384, 4096, 0xCC), libc::EIO)?;
    fs.expect_only("punch", &["punch pos=16384 len=4096"])
}

// SPDX-License-Identifier: GPL-2.0

//! Ioends that a filesystem keeps when they have ended, sorts, merges and finishes.

use anyhow::Result;

use super::cached::{Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::kmsg;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("ioend_collected", SCRIPT, collected)
        .doc("A filesystem may keep ioends that have ended: their folios stay under writeback.")
        .holds(&["WB-15", "WB-18", "WB-22"]),
    Case::new("ioend_sort", SCRIPT, sort)
        .doc("Collected ioends are sorted by their place in the file.")
        .holds(&["WB-21"]),
    Case::new("ioend_merge", SCRIPT, merge)
        .doc("Those that follow each other are merged and finished together.")
        .holds(&["WB-19", "WB-20"]),
    Case::new("ioend_merge_stops", SCRIPT, merge_stops)
        .doc("Merging ends at the first that is not like the one before, or not next to it.")
        .holds(&["WB-20"]),
    Case::new("ioend_finish_with_error", SCRIPT, finish_with_error)
        .doc("An error given for a chain counts for each of its ioends.")
        .holds(&["WB-17", "WB-19"])
        .logs(&[
            "writeback error on inode 2, offset 0, sector 128",
            "writeback error on inode 2, offset 4096, sector 136",
        ]),
];

const PLAIN: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered";

fn collected(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=2048 addr=65536\n\
         extent offset=2048 length=2048 addr=131072\nbuffered own",
    )?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 128+4", "WS 256+4"], || fs.run("write_back sync"))?;
    fs.expect_only("write_back", &["write_back ret=0"])?;
    // All bytes of both ioends are still counted, and writeback has not ended.
    fs.expect_folio(0, "dirty=0 locked=0 writeback=1 dirty_blocks= writing=4096")?;
    fs.clear_log()?;
    fs.run("finish sort")?;
    fs.expect(&[
        "finish offset=0 size=2048 sector=128 error=0 merged=0",
        "finish offset=2048 size=2048 sector=256 error=0 merged=0",
    ])?;
    fs.expect_folio(0, "dirty=0 writeback=0 writing=0")?;
    fs.expect_idle()
}

/// Writes pages one by one, so that each is an ioend of its own that is kept.
fn collect(fs: &Cached, pages: &[u64]) -> Result<()> {
    for &page in pages {
        fs.put_all(page * 4096, 4096, 0xCC)?;
        fs.run("write_back sync")?;
    }
    fs.clear_log()
}

fn sort(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN} own"))?;
    collect(&fs, &[9, 1, 5, 0, 12])?;
    fs.run("finish sort")?;
    fs.expect(&[
        "finish offset=0",
        "finish offset=4096",
        "finish offset=20480",
        "finish offset=36864",
        "finish offset=49152",
    ])?;
    fs.expect_idle()
}

fn merge(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN} own"))?;
    collect(&fs, &[2, 0, 1, 5, 6])?;
    fs.run("finish sort merge")?;
    fs.expect(&[
        "finish offset=0 size=12288 sector=128 error=0 merged=2",
        "finish offset=20480 size=8192 merged=1",
    ])?;
    fs.expect_idle()?;
    fs.cache().sync_all()?;
    fs.expect_stored(BASE, &[0xCC; 12_288])
}

fn merge_stops(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (second, merged) in [
        // As a mapping of the second of three pages.
        ("offset=4096 length=4096 addr=69632 flags=new", true),
        ("offset=4096 length=4096 addr=69632 flags=shared", false),
        ("offset=4096 length=4096 addr=69632 type=unwritten", false),
        ("offset=4096 length=4096 addr=131072", false),
    ] {
        fs.restart(&format!("{PLAIN} own\nmap lookup\nmap {second}"))?;
        collect(&fs, &[0, 1, 2])?;
        fs.run("finish sort merge")?;
        if merged {
            fs.expect(&["finish offset=0 size=12288 merged=2"])?;
        } else {
            fs.expect(&[
                "finish offset=0 size=4096 merged=0",
                "finish offset=4096 size=4096 merged=0",
                "finish offset=8192 size=4096 merged=0",
            ])?;
        }
        fs.expect_idle()?;
    }
    // Another status, and another order.
    fs.restart(&format!("{PLAIN} own\nprepare keep\nprepare ret=-28 quiet"))?;
    collect(&fs, &[0, 1, 2])?;
    fs.run("finish sort merge")?;
    fs.expect(&[
        "finish offset=0 merged=0 error=0",
        "finish offset=4096 merged=0 error=-28",
        "finish offset=8192 merged=0 error=0",
    ])?;
    expect_errno(fs.cache().sync_all(), libc::ENOSPC)?;
    collect(&fs, &[2, 1, 0])?;
    fs.run("finish merge")?;
    fs.expect(&[
        "finish offset=8192 merged=0",
        "finish offset=4096 merged=0",
        "finish offset=0 merged=0",
    ])?;
    // What was cut at the end of the file has nothing behind it.
    collect(&fs, &[0])?;
    fs.run("finish")?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.run("inode size=4000\nwrite_back sync\ninode size=65536")?;
    collect(&fs, &[1])?;
    fs.run("finish merge")?;
    fs.expect(&[
        "finish offset=0 size=4000 merged=0",
        "finish offset=4096 merged=0",
    ])
}

fn finish_with_error(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN} own"))?;
    let reopened = fs.cache().try_clone()?;
    collect(&fs, &[0, 1])?;
    fs.run(&format!("finish sort merge errno={}", libc::ENOSPC))?;
    kmsg::finish_line()?;
    fs.expect(&["finish offset=0 size=8192 merged=1 error=-28"])?;
    fs.expect_idle()?;
    expect_errno(reopened.sync_all(), libc::ENOSPC)?;
    reopened.sync_all()?;
    Ok(())
}

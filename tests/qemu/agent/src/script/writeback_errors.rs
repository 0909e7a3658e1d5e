// SPDX-License-Identifier: GPL-2.0

//! Writeback that fails: what is told to whom, and what is written all the same.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::kmsg;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("writeback_goes_on_after_error", SCRIPT, goes_on)
        .doc("With data integrity it goes on after an error and returns the first; else it ends there.")
        .holds(&["WB-2", "WB-10", "WB-11"]),
    Case::new("writeback_error_fails_last", SCRIPT, fails_last)
        .doc("The error of the walk fails the ioend that is at hand, though its own folios are fine.")
        .holds(&["WB-3", "WB-15", "WB-17"])
        .logs(&["writeback error on inode 2, offset 0, sector 128"]),
    Case::new("writeback_in_reclaim", SCRIPT, in_reclaim)
        .doc("Writeback from a task's own reclaim is refused, and changes nothing.")
        .holds(&["WB-1"])
        .logs(&[warning!("writeback_in_reclaim", "iomap_writepages")]),
    Case::new("writeback_unknown_kind", SCRIPT, wrong_kind)
        .doc("Reserved space and inline data cannot be written; the filesystem is told, the file too.")
        .holds(&["WB-9", "WB-10", "WB-11"])
        .logs(&[warning!("writeback_to_no_blocks", "iomap_writepage(s|_map|_map_blocks)")]),
    Case::new("writeback_map_fails", SCRIPT, map_fails)
        .doc("A run that cannot be mapped ends its folio; what was mapped before is written.")
        .holds(&["WB-9", "WB-10", "WB-11"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered";

fn goes_on(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (sync, writes) in [("sync", true), ("", false)] {
        fs.restart(BLOCKS)?;
        for page in 0..4 {
            fs.put_all(page * 4096, 4096, 0xCC)?;
        }
        fs.run("map ret=-28\nmap lookup\nmap ret=-5\nprepare ret=0")?;
        fs.clear_log()?;
        // The ioend at hand gets the error as well, which the filesystem hides here.
        fs.run(&format!("write_back {sync}"))?;
        if writes {
            fs.expect_of(
                &["map_blocks", "discard_folio", "prepare_ioend", "write_back"],
                &[
                    "map_blocks pos=0 ret=-28",
                    "discard_folio index=0 pos=0 locked=1 writeback=1",
                    "map_blocks pos=4096 ret=0",
                    "map_blocks pos=8192 ret=-5",
                    "discard_folio index=2 pos=8192",
                    "map_blocks pos=12288 ret=0",
                    "prepare_ioend error=0 ret=0 offset=4096",
                    "prepare_ioend error=-28 ret=-28 offset=12288",
                    "write_back ret=-28",
                ],
            )?;
            fs.expect_stored(BASE + 4096, &[0xCC; 4096])?;
        } else {
            fs.expect_of(
                &["map_blocks", "discard_folio", "prepare_ioend", "write_back"],
                &[
                    "map_blocks pos=0 ret=-28",
                    "discard_folio index=0 pos=0 locked=1 writeback=1",
                    "write_back ret=-28",
                ],
            )?;
            fs.expect_folio(1, "dirty=1")?;
        }
        fs.expect_folio(0, "dirty=0 writeback=0 dirty_blocks=")?;
        fs.run("map lookup\nmap lookup")?;
        ensure!(fs.cache().sync_all().is_err(), "the error is lost");
        fs.expect_idle()?;
    }
    Ok(())
}

fn fails_last(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(0, 8192, 0xCC)?;
    fs.run("map lookup\nmap ret=-28")?;
    fs.clear_log()?;
    fs.expect_bios(&[], || expect_errno(fs.cache().sync_all(), libc::ENOSPC))?;
    kmsg::finish_line()?;
    fs.expect_of(
        &[
            "map_blocks",
            "discard_folio",
            "prepare_ioend",
            "writepages_return",
        ],
        &[
            "map_blocks pos=0 ret=0",
            "map_blocks pos=4096 ret=-28",
            "discard_folio index=1 pos=4096",
            "prepare_ioend error=-28 ret=-28 offset=0 size=4096",
            "writepages_return ret=-28 ioend=0",
        ],
    )?;
    fs.expect_stored(BASE, &stored(BASE, 8192))?;
    fs.expect_idle()?;
    // Once for each open file.
    fs.cache().sync_all()?;
    Ok(())
}

fn in_reclaim(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(1024, 1024, 0xCC)?;
    fs.clear_log()?;
    fs.expect_bios(&[], || fs.run("write_back sync reclaim"))?;
    fs.expect(&[
        "writepages",
        "writepages_return ret=-5",
        "write_back ret=-5",
    ])?;
    fs.expect_folio(0, "dirty=1 writeback=0 dirty_blocks=1 writing=0")?;
    fs.expect_bios(&["WS 130+2"], || Ok(fs.cache().sync_all()?))
}

fn wrong_kind(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    for kind in ["delalloc", "inline"] {
        fs.put_all(1024, 2048, 0xCC)?;
        fs.run(&format!("map offset=0 length=2048 type={kind}"))?;
        fs.clear_log()?;
        fs.expect_bios(&[], || expect_errno(fs.cache().sync_all(), libc::EIO))?;
        fs.expect_of(
            &["map_blocks", "discard_folio", "prepare_ioend"],
            &[
                "map_blocks pos=1024 len=2048",
                // Behind the piece that could not be added.
                "discard_folio index=0 pos=2048",
            ],
        )?;
        fs.expect_folio(0, "dirty=0 writeback=0 dirty_blocks= writing=0")?;
    }
    fs.cache().sync_all()?;
    Ok(())
}

fn map_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS}\nprepare ret=0"))?;
    fs.run("read_folio pos=0")?;
    for block in [0, 2] {
        fs.put_all(block * 1024, 1024, 0xCC)?;
    }
    fs.run("map lookup\nmap ret=-28")?;
    fs.clear_log()?;
    // The first run is on its way; the filesystem has it written in spite of all.
    fs.expect_bios(&["WS 128+2"], || {
        expect_errno(fs.cache().sync_all(), libc::ENOSPC)
    })?;
    fs.expect_of(
        &[
            "map_blocks",
            "discard_folio",
            "prepare_ioend",
            "writepages_return",
        ],
        &[
            "map_blocks pos=0 len=1024 ret=0",
            "map_blocks pos=2048 len=1024 ret=-28",
            "discard_folio index=0 pos=2048 locked=1 writeback=1",
            "prepare_ioend error=-28 ret=0",
            "writepages_return ret=0",
        ],
    )?;
    fs.expect_folio(0, "dirty=0 writeback=0 dirty_blocks= writing=0")?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 4096), 0, 1024, 0xCC))
}

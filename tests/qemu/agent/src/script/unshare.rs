// SPDX-License-Identifier: GPL-2.0

//! Unsharing.

use anyhow::{Context as _, Result};

use super::cached::{stored, Cached, BASE};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("unshare_copies", SCRIPT, unshare)
        .doc("Shared blocks are read from the source, dirtied and written to the other place.")
        .holds(&["US-1", "US-3"]),
    Case::new("unshare_range", SCRIPT, unshare_range)
        .doc("Unsharing ends with the file, and does nothing outside of it.")
        .holds(&["US-1"]),
    Case::new("unshare_skips", SCRIPT, unshare_skips)
        .doc("What is not shared, or has no written source, is left alone.")
        .holds(&["US-2"]),
    Case::new("unshare_stale", SCRIPT, unshare_stale)
        .doc("A stale mapping is mapped again from where it is.")
        .holds(&["US-3", "BW-8"]),
    Case::new("unshare_of_zeros", SCRIPT, unshare_zeros)
        .doc("Blocks that would have to be zeroed cannot be unshared.")
        .holds(&["BW-17"])
        .logs(&[warning!("unshare_of_zeros", "(__)?iomap_write_begin")]),
    Case::new("unshare_read_fails", SCRIPT, unshare_read_fails)
        .doc("A source that cannot be read is the error, and dirties nothing.")
        .holds(&["US-3", "BW-14"]),
];

const HOOKS: &str = "inode size=65536 block_size=1024\n\
                     extent offset=0 length=65536 addr=65536\nbuffered hooks";

/// A file of which `what` is shared and comes from 128 KiB.
fn shared(source: &str) -> String {
    format!(
        "inode size=65536 block_size=1024\nbuffered hooks\n\
         extent offset=0 length=65536 addr=65536\n\
         answer offset=0 length=65536 addr=65536 flags=shared \
         src offset=0 length=65536 {source}"
    )
}

fn unshare(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &shared("addr=131072"))?;
    fs.expect_bios(&["RS 258+2", "RS 264+2"], || {
        fs.expect_run(
            "unshare pos=1024 len=1024",
            &[
                "begin pos=1024 len=1024 flags=write|unshare mapflags=shared",
                "get_folio pos=1024 len=1024",
                "iomap_valid",
                "put_folio copied=1024",
                "end written=1024",
                "unshare ret=0",
            ],
        )?;
        // A whole folio is brought in as well.
        fs.run("answer offset=0 length=65536 addr=65536 flags=shared src offset=0 length=65536 addr=131072")?;
        fs.run("unshare pos=4096 len=1024")
    })?;
    fs.expect_folio(0, "dirty=1 uptodate_blocks=1 dirty_blocks=1")?;
    fs.expect_folio(1, "dirty=1 uptodate_blocks=0 dirty_blocks=0")?;
    fs.expect_bios(&["WS 130+2", "WS 136+2"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_stored(BASE + 1024, &stored(131_072 + 1024, 1024))?;
    fs.expect_stored(131_072, &stored(131_072, 16384))
}

fn unshare_range(context: &Context) -> Result<()> {
    let fs = Cached::new(context, HOOKS)?;
    for range in ["pos=65536 len=1", "pos=0x8000000000000000 len=4096"] {
        fs.expect_run(&format!("unshare {range}"), &["unshare ret=0"])
            .with_context(|| range.to_owned())?;
    }
    fs.expect_run(
        "unshare pos=61440 len=8192",
        &[
            "begin pos=61440 len=4096 flags=write|unshare",
            "end written=4096",
            "unshare ret=0",
        ],
    )
}

fn unshare_skips(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for answer in [
        "addr=65536 src offset=0 length=65536 addr=131072",
        "addr=65536 flags=shared",
        "addr=65536 flags=shared src offset=0 length=65536 type=unwritten",
        "addr=65536 flags=shared src offset=0 length=65536 type=delalloc",
        "type=hole",
    ] {
        fs.restart(&format!("{HOOKS}\nanswer offset=0 length=65536 {answer}"))?;
        fs.expect_run(
            "unshare pos=0 len=8192",
            &["begin", "end written=8192", "unshare ret=0"],
        )
        .with_context(|| answer.to_owned())?;
        fs.expect_folio(0, "missing=1")?;
    }
    Ok(())
}

fn unshare_stale(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &shared("addr=131072"))?;
    fs.run(
        "valid no\nanswer offset=0 length=65536 addr=65536 flags=shared \
         src offset=0 length=65536 addr=196608",
    )?;
    fs.clear_log()?;
    fs.run("unshare pos=0 len=4096")?;
    fs.expect_of(
        &["begin", "put_folio", "end", "unshare"],
        &[
            "begin pos=0",
            "put_folio copied=0",
            "end written=0 mapflags=shared|stale",
            "begin pos=0",
            "put_folio copied=4096",
            "end written=4096",
            "unshare ret=0",
        ],
    )?;
    fs.expect_contents(0, &stored(196_608, 4096))
}

fn unshare_zeros(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &shared("addr=131072 flags=new"))?;
    fs.run("unshare pos=0 len=4096")?;
    fs.expect_of(
        &["put_folio", "end", "unshare"],
        &["put_folio copied=0", "end written=0", "unshare ret=-5"],
    )?;
    fs.expect_folio(0, "dirty=0 uptodate=0 locked=0")
}

fn unshare_read_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &shared("addr=0x10000000000"))?;
    fs.run("unshare pos=0 len=4096")?;
    fs.expect_of(
        &["put_folio", "end", "unshare"],
        &["put_folio copied=0", "end written=0", "unshare ret=-5"],
    )?;
    fs.expect_folio(0, "dirty=0 uptodate=0 locked=0")?;
    fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))
}

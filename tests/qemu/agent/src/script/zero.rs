// SPDX-License-Identifier: GPL-2.0

//! Zeroing, and truncating to a block.

use anyhow::Result;

use super::cached::{overlay, stored, Cached, BASE};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("zero_range_folios", SCRIPT, zero)
        .doc("Written blocks are zeroed folio by folio, to the byte, under the hooks of a write.")
        .holds(&["ZR-1", "ZR-3", "ZR-5"]),
    Case::new("zero_range_skips", SCRIPT, zero_skips)
        .doc("Holes and preallocated space without dirty pages are skipped, reserved space is not.")
        .holds(&["ZR-2", "ZR-3"]),
    Case::new("zero_range_flushes", SCRIPT, zero_flushes)
        .doc(
            "With dirty pages anywhere in the range they are written first, once, and mapped anew.",
        )
        .holds(&["ZR-2"]),
    Case::new("zero_range_flush_fails", SCRIPT, zero_flush_fails)
        .doc("If they cannot be written that is the error.")
        .holds(&["ZR-2", "ZR-4"]),
    Case::new("zero_range_fails", SCRIPT, zero_fails)
        .doc("An error in the middle leaves what is zeroed zeroed.")
        .holds(&["ZR-4", "BW-6"]),
    Case::new("zero_range_stale", SCRIPT, zero_stale)
        .doc("A stale mapping is mapped again from where it is.")
        .holds(&["ZR-3", "BW-8"]),
    Case::new("zero_range_did_nothing", SCRIPT, zero_nothing)
        .doc(
            "Nothing was zeroed if the mapping was stale before; something was if only what \
             followed failed.",
        )
        .holds(&["DIFF-16"]),
    Case::new("zero_range_past_eof", SCRIPT, zero_past_eof)
        .doc("The range may lie behind the end; the size stays.")
        .holds(&["ZR-5"]),
    Case::new("truncate_page_blocks", SCRIPT, truncate_page)
        .doc("Truncating zeroes to the end of the block, if there is anything up to there.")
        .holds(&["ZR-6"]),
];

const HOOKS: &str = "inode size=65536 block_size=1024\n\
                     extent offset=0 length=65536 addr=65536\nbuffered hooks";

fn zero(context: &Context) -> Result<()> {
    let fs = Cached::new(context, HOOKS)?;
    fs.expect_bios(&["RS 134+2", "RS 144+2"], || {
        fs.expect_run(
            "zero pos=3500 len=5000",
            &[
                "begin pos=3500 len=5000 flags=zero private=0",
                "get_folio pos=3500 len=596",
                "iomap_valid ret=1",
                "put_folio pos=3500 copied=596",
                "get_folio pos=4096",
                "iomap_valid",
                "put_folio pos=4096 copied=4096",
                "get_folio pos=8192 len=308",
                "iomap_valid",
                "put_folio pos=8192 copied=308",
                "end pos=3500 len=5000 written=5000 mapflags=-",
                "zero ret=0 did_zero=1 isize=65536",
            ],
        )
    })?;
    fs.expect_folio(0, "referenced=1 uptodate_blocks=3 dirty_blocks=3")?;
    fs.expect_folio(1, "uptodate=1 dirty=1 state=none")?;
    fs.expect_folio(2, "uptodate_blocks=0 dirty_blocks=0")?;
    fs.expect_contents(0, &overlay(stored(BASE, 65536), 3500, 5000, 0))?;
    // Nobody need ask whether anything was zeroed.
    fs.run("zero pos=20000 len=100 unasked")?;
    fs.expect_only("zero", &["zero ret=0 did_zero=0"])?;
    fs.expect_contents(20_000, &[0; 100])
}

fn zero_skips(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=4096 length=4096 type=unwritten addr=65536\n\
         extent offset=8192 length=4096 type=delalloc\nbuffered hooks",
    )?;
    fs.expect_bios(&[], || {
        fs.expect_run(
            "zero pos=0 len=16384",
            &[
                "begin pos=0 len=16384 type=hole",
                "end pos=0 written=4096",
                "begin pos=4096 type=unwritten",
                "end pos=4096 written=4096",
                "begin pos=8192 type=delalloc",
                "get_folio pos=8192",
                "iomap_valid",
                "put_folio copied=4096",
                "end pos=8192 written=4096",
                "begin pos=12288 type=hole",
                "end pos=12288 written=4096",
                "zero ret=0 did_zero=1",
            ],
        )
    })?;
    fs.run("inode size=4096")?;
    fs.expect_run(
        "zero pos=100 len=200",
        &[
            "begin type=hole",
            "end written=200",
            "zero ret=0 did_zero=0",
        ],
    )
}

fn zero_flushes(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=65536 addr=65536\nbuffered\n\
         answer offset=0 length=65536 type=unwritten addr=65536",
    )?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.clear_log()?;
    // The dirty page is not under the mapping's first part, but in the range.
    fs.run(
        "answer offset=0 length=65536 type=unwritten addr=65536\n\
         answer offset=0 length=4096 type=unwritten addr=65536",
    )?;
    fs.expect_bios(&["WS 128+8", "RS 136+2"], || {
        fs.run("zero pos=1024 len=3172")
    })?;
    fs.expect_of(
        &["begin", "writepages", "end", "zero"],
        &[
            "begin pos=1024 len=3172 type=unwritten",
            "writepages start=1024 end=4195 sync=1",
            "end pos=1024 len=3172 written=0 mapflags=stale",
            "begin pos=1024 len=3172 type=unwritten",
            "end pos=1024 len=3072 written=3072",
            "begin pos=4096 len=100 type=mapped",
            "end pos=4096 written=100",
            "zero ret=0 did_zero=1",
        ],
    )?;
    // A hole, too; and clean pages are no reason.
    fs.run("inode size=65536")?;
    fs.cache().sync_all()?;
    fs.put_all(8192, 4096, 0xCC)?;
    fs.run("answer offset=8192 length=4096 type=hole")?;
    fs.clear_log()?;
    fs.run("zero pos=8192 len=4096")?;
    fs.expect_of(
        &["begin", "writepages"],
        &[
            "begin pos=8192 type=hole",
            "writepages start=8192 end=12287 sync=1",
            "begin pos=8192 type=mapped",
        ],
    )?;
    fs.cache().sync_all()?;
    fs.run("answer offset=8192 length=4096 type=hole")?;
    fs.clear_log()?;
    fs.run("zero pos=8192 len=4096")?;
    fs.expect_of(&["begin", "writepages"], &["begin pos=8192 type=hole"])
}

fn zero_flush_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, HOOKS)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.run("answer offset=0 length=65536 type=unwritten addr=65536\nmap ret=-28")?;
    fs.clear_log()?;
    fs.run("zero pos=0 len=4096")?;
    fs.expect_of(
        &["begin", "end", "zero"],
        &[
            "begin type=unwritten",
            "end written=0 mapflags=stale",
            "zero ret=-28 did_zero=0",
        ],
    )?;
    fs.expect_idle()
}

fn zero_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\nget_folio\nget_folio ret=-12"))?;
    fs.run("zero pos=0 len=12288")?;
    fs.expect_of(
        &["get_folio", "put_folio", "end", "zero"],
        &[
            "get_folio pos=0 ret=0",
            "put_folio pos=0 copied=4096",
            "get_folio pos=4096 ret=-12",
            "end pos=0 len=12288 written=0",
            "zero ret=-12",
        ],
    )?;
    fs.expect_contents(0, &overlay(stored(BASE, 12288), 0, 4096, 0))?;
    fs.expect_idle()
}

fn zero_stale(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\nvalid yes\nvalid no"))?;
    fs.run("zero pos=0 len=12288")?;
    fs.expect_of(
        &["begin", "put_folio", "end", "zero"],
        &[
            "begin pos=0 len=12288",
            "put_folio pos=0 copied=4096",
            "put_folio pos=4096 copied=0",
            "end pos=0 written=4096 mapflags=stale",
            "begin pos=4096 len=8192",
            "put_folio pos=4096 copied=4096",
            "put_folio pos=8192 copied=4096",
            "end pos=4096 written=8192",
            "zero ret=0 did_zero=1",
        ],
    )?;
    fs.expect_contents(0, &overlay(stored(BASE, 16384), 0, 12288, 0))
}

fn zero_nothing(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine says the opposite");
    }
    let fs = Cached::new(
        context,
        &format!("{HOOKS}\nvalid no\nanswer lookup\nanswer type=hole length=4096"),
    )?;
    fs.run("zero pos=0 len=4096")?;
    fs.expect_of(
        &["begin", "zero"],
        &[
            "begin type=mapped",
            "begin type=hole",
            "zero ret=0 did_zero=0",
        ],
    )?;
    fs.restart(&format!("{HOOKS}\nget_folio\nget_folio ret=-12"))?;
    fs.run("zero pos=0 len=12288")?;
    fs.expect_only("zero", &["zero ret=-12 did_zero=1"])
}

fn zero_past_eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{HOOKS}\ninode size=1000"))?;
    fs.expect_bios(&[], || fs.run("zero pos=8192 len=100"))?;
    fs.expect_only("zero", &["zero ret=0 did_zero=1 isize=1000"])?;
    fs.expect_folio(2, "dirty=1 uptodate_blocks=0 dirty_blocks=0")
}

fn truncate_page(context: &Context) -> Result<()> {
    let fs = Cached::new(context, HOOKS)?;
    for pos in [0, 1024, 65536] {
        fs.expect_run(
            &format!("truncate_page pos={pos}"),
            &["truncate_page ret=0 did_zero=0"],
        )?;
    }
    for (pos, length) in [(1, 1023), (2047, 1), (9000, 216)] {
        fs.run(&format!("truncate_page pos={pos}"))?;
        fs.expect_of(
            &["begin", "truncate_page"],
            &[
                &format!("begin pos={pos} len={length} flags=zero"),
                "truncate_page ret=0 did_zero=1",
            ],
        )?;
    }
    let wanted = overlay(stored(BASE, 16384), 1, 1023, 0);
    let wanted = overlay(overlay(wanted, 2047, 1, 0), 9000, 216, 0);
    fs.expect_contents(0, &wanted)
}

// SPDX-License-Identifier: GPL-2.0

//! Filling folios ahead of their use, and folios that are valid in part.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use super::syscalls;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("readahead_plain", SCRIPT, plain)
        .doc("Reading ahead asks for the whole request at once, and one bio serves all its folios.")
        .holds(&["RD-1", "RD-15", "RD-20", "TR-10"]),
    Case::new("readahead_across_mappings", SCRIPT, across_mappings)
        .doc("A bio goes on across mappings whose blocks follow each other, and ends where they do not.")
        .holds(&["RD-13", "RD-15", "RD-20"]),
    Case::new("readahead_zeros_between", SCRIPT, zeros_between)
        .doc("Folios without blocks are unlocked on the way; the bio before and after them is the same.")
        .holds(&["RD-8", "RD-18", "RD-20"]),
    Case::new("readahead_folio_sizes", SCRIPT, folio_sizes)
        .doc("Large folios are filled by as many mappings as it takes.")
        .holds(&["RD-16", "RD-20"]),
    Case::new("readahead_unmapped", SCRIPT, unmapped)
        .doc("After an error of the filesystem the folio at hand is unlocked and the rest left alone.")
        .holds(&["RD-21"]),
    Case::new("readahead_unmapped_in_folio", SCRIPT, unmapped_in_folio)
        .doc("A folio of which something is being read is left to that, with or without the rest.")
        .holds(&["RD-17", "RD-21"]),
    Case::new("readahead_without_folio", SCRIPT, without_folio)
        .doc("A request that has no folio where its mapping goes on is a warning and no more.")
        .holds(&["DIFF-18"])
        .logs(&[warning!("readahead_without_folio")]),
    Case::new("partial_reads", SCRIPT, partial_reads)
        .doc("Valid blocks of a folio are read without I/O, to the end of the folio at most.")
        .holds(&["PU-1", "PU-2", "PU-3", "PU-4"]),
    Case::new("partial_seek", SCRIPT, partial_seek)
        .doc("SEEK_DATA and SEEK_HOLE look at each block of a folio that is valid in part.")
        .holds(&["PU-3", "PU-4"]),
];

const SIZE: &str = "inode size=1048576";

fn plain(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!("{SIZE}\nextent offset=0 length=1048576 addr=65536\nbuffered"),
    )?;
    fs.expect_bios(&["RA 136+32"], || fs.run("readahead pos=4096 len=16384"))?;
    fs.expect(&[
        "readahead pos=4096 len=16384",
        "begin pos=4096 len=16384 flags=- private=0",
        "end pos=4096 len=16384 written=16384 flags=-",
        "readahead_return left=0",
    ])?;
    fs.expect_contents(4096, &stored(BASE + 4096, 16384))?;
    let ((), events) = trace::record(&["iomap/iomap_readahead"], || {
        fs.run("readahead pos=65536 len=12288")
    })?;
    let [event] = events.as_slice() else {
        anyhow::bail!("not one event but {events:?}");
    };
    ensure!(event.number("nr_pages")? == 3, "{event:?}");
    fs.expect_idle()
}

fn across_mappings(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!(
            "{SIZE}\n\
             extent offset=0 length=4096 addr=65536\n\
             extent offset=4096 length=8192 addr=69632\n\
             extent offset=12288 length=4096 addr=131072\nbuffered"
        ),
    )?;
    fs.expect_bios(&["RA 128+24", "RA 256+8"], || {
        fs.run("readahead pos=0 len=16384")
    })?;
    fs.expect_only(
        "begin",
        &[
            "begin pos=0 len=16384",
            "begin pos=4096 len=12288",
            "begin pos=12288 len=4096",
        ],
    )?;
    let mut wanted = stored(BASE, 12288);
    wanted.extend(stored(131_072, 4096));
    fs.expect_contents(0, &wanted)
}

fn zeros_between(context: &Context) -> Result<()> {
    // The blocks behind the hole follow on those before it.
    let fs = Cached::new(
        context,
        &format!(
            "{SIZE}\nextent offset=0 length=4096 addr=65536\n\
             extent offset=12288 length=4096 addr=69632\nbuffered"
        ),
    )?;
    fs.expect_bios(&["RA 128+16"], || fs.run("readahead pos=0 len=16384"))?;
    let mut wanted = stored(BASE, 4096);
    wanted.extend([0; 8192]);
    wanted.extend(stored(BASE + 4096, 4096));
    fs.expect_contents(0, &wanted)?;
    fs.expect_idle()
}

fn folio_sizes(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!(
            "{SIZE}\nextent offset=0 length=20480 addr=65536\n\
             extent offset=20480 length=4096 addr=131072\n\
             extent offset=24576 length=8192 addr=90112\nbuffered large=65536"
        ),
    )?;
    fs.expect_bios(&["RA 128+40", "RA 256+8", "RA 176+16"], || {
        fs.run("readahead pos=0 len=32768 size=16384")
    })?;
    // The bios may still be on their way.
    fs.expect_idle()?;
    for index in [0, 4] {
        fs.expect_folio(
            index,
            "size=16384 uptodate=1 locked=0 state=blocks uptodate_blocks=0-3 reading=0",
        )?;
    }
    let mut wanted = stored(BASE, 20480);
    wanted.extend(stored(131_072, 4096));
    wanted.extend(stored(90_112, 8192));
    fs.expect_contents(0, &wanted)
}

fn unmapped(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!("{SIZE}\nbuffered\nanswer offset=0 length=8192 addr=65536\nanswer ret=-5"),
    )?;
    fs.expect_bios(&["RA 128+16"], || fs.run("readahead pos=0 len=20480"))?;
    // Two folios were read; the third was not taken yet.
    fs.expect(&[
        "readahead",
        "begin pos=0 len=20480",
        "end pos=0 len=8192 written=8192",
        "begin pos=8192 len=12288 ret=-5",
        "readahead_return left=3",
    ])?;
    fs.expect_idle()?;
    fs.expect_folio(1, "uptodate=1 locked=0")?;
    fs.expect_folio(2, "uptodate=0 locked=0")?;

    // The whole by read(): the folios that were left are tried one by one.
    fs.restart(&format!("{SIZE}\nbuffered\nanswer ret=-28\nanswer ret=-28"))?;
    expect_errno(fs.get(0, 4096), libc::EIO)?;
    fs.expect_idle()
}

fn unmapped_in_folio(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!(
            "{SIZE} block_size=1024\nbuffered\n\
             answer offset=0 length=5120 addr=65536\nanswer ret=-5\n\
             extent offset=0 length=65536 addr=65536"
        ),
    )?;
    fs.expect_bios(&["RA 128+10"], || fs.run("readahead pos=0 len=8192"))?;
    fs.expect_only("readahead_return", &["readahead_return left=0"])?;
    // The rest of its blocks failed, so that it is not up to date; it is read again.
    fs.expect_bios(&["R 138+6"], || {
        fs.expect_contents(4096, &stored(BASE + 4096, 4096))
    })?;
    fs.expect_folio(
        1,
        "uptodate=1 locked=0 uptodate_blocks=0-3 dirty_blocks= reading=0",
    )
}

fn without_folio(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine crashes");
    }
    let fs = Cached::new(
        context,
        &format!("{SIZE}\nextent offset=0 length=1048576 addr=65536\nbuffered"),
    )?;
    // The third folio is taken for the first, then there is none.
    fs.expect_bios(&["RA 144+8"], || fs.run("readahead pos=0 len=12288 take=2"))?;
    fs.expect(&[
        "readahead",
        "begin pos=0 len=12288",
        "end pos=0 written=0",
        "readahead_return left=0",
    ])?;
    fs.expect_idle()
}

fn partial_reads(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\nextent offset=0 length=65536 addr=65536\nbuffered",
    )?;
    fs.put_all(1024, 2048, 0xCC)?;
    fs.clear_log()?;
    // Within the two blocks: no I/O.
    fs.expect_bios(&[], || fs.expect_contents(1500, &[0xCC; 1000]))?;
    fs.expect(&["is_partially_uptodate from=1500 count=1000 ret=1"])?;
    fs.expect_bios(&[], || fs.expect_contents(1024, &[0xCC; 2048]))?;
    fs.expect(&["is_partially_uptodate from=1024 count=2048 ret=1"])?;
    // One byte of another block: all of the folio is read.
    fs.expect_bios(&["R 128+2", "R 134+2"], || {
        fs.expect_contents(1024, &overlay(stored(BASE + 1024, 2049), 0, 2048, 0xCC))
    })?;
    fs.expect_of(
        &["is_partially_uptodate", "read_folio"],
        &[
            "is_partially_uptodate from=1024 count=2049 ret=0",
            "read_folio pos=0",
        ],
    )?;
    // The range is cut at the end of the folio.
    fs.put_all(8192 - 1024, 1024, 0xCC)?;
    fs.put_all(8192, 4096, 0xDD)?;
    fs.clear_log()?;
    let mut wanted = vec![0xCC; 1024];
    wanted.extend([0xDD; 4096]);
    fs.expect_bios(&[], || fs.expect_contents(8192 - 1024, &wanted))?;
    fs.expect(&["is_partially_uptodate pos=4096 from=3072 ret=1"])?;
    // A folio without a state has nothing that is valid in part.
    fs.restart("inode size=4096\nextent offset=0 length=4096 addr=65536\nbuffered\nanswer ret=-5")?;
    fs.run("read_folio pos=0")?;
    fs.clear_log()?;
    fs.expect_contents(0, &stored(BASE, 4096))?;
    fs.expect_of(
        &["is_partially_uptodate", "read_folio"],
        &["read_folio pos=0"],
    )
}

fn partial_seek(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=8192 block_size=1024\n\
         extent offset=0 length=8192 addr=65536 type=unwritten\nbuffered",
    )?;
    for block in [1, 2, 5] {
        fs.put_all(block * 1024, 1024, 0xCC)?;
    }
    let seek = |pos, whence| syscalls::seek(fs.cache(), pos, whence);
    for (pos, data, hole) in [
        (0, 1024, 0),
        (1024, 1024, 3072),
        (1500, 1500, 3072),
        (3072, 5120, 3072),
        (5120, 5120, 6144),
    ] {
        let found = (seek(pos, libc::SEEK_DATA)?, seek(pos, libc::SEEK_HOLE)?);
        ensure!(found == (data, hole), "from {pos}: {found:?}");
    }
    expect_errno(seek(6144, libc::SEEK_DATA), libc::ENXIO)
}

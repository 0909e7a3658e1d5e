// SPDX-License-Identifier: GPL-2.0

//! Writeback: which blocks of which folios are mapped and written.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("writeback_sequence", SCRIPT, sequence)
        .doc("A dirty folio is under writeback when it is mapped, then prepared, then written.")
        .holds(&["WB-4", "WB-6", "WB-8", "WB-11", "WB-13", "TR-8", "TR-9"]),
    Case::new("writeback_dirty_runs", SCRIPT, dirty_runs)
        .doc("Each run of dirty blocks is mapped and written by itself.")
        .holds(&["WB-7", "WB-8", "WB-11"]),
    Case::new("writeback_pieces_of_run", SCRIPT, pieces)
        .doc("A run that takes several mappings is asked for until it is covered.")
        .holds(&["WB-8", "WB-12", "WB-18"]),
    Case::new("writeback_kinds", SCRIPT, kinds)
        .doc("Holes are skipped, preallocated blocks written; a mapping that is kept is used.")
        .holds(&["WB-9"]),
    Case::new("writeback_of_holes", SCRIPT, of_holes)
        .doc("A folio of which nothing is written is clean and not under writeback afterwards.")
        .holds(&["WB-6", "WB-9", "WB-11"]),
    Case::new("writeback_state", SCRIPT, state)
        .doc("A folio of several blocks without a state gets one, dirty up to the end of the file.")
        .holds(&["WB-6"]),
    Case::new("writeback_eof", SCRIPT, eof)
        .doc("The folio with the end is zeroed behind it each time, and written to the end of its block.")
        .holds(&["WB-5", "WB-14"]),
    Case::new("writeback_behind_eof", SCRIPT, behind_eof)
        .doc("A folio behind the end is let go, and keeps which of its blocks are dirty.")
        .holds(&["WB-5"]),
    Case::new("writeback_range", SCRIPT, range)
        .doc("Only folios of the range are written, and no more than was asked for.")
        .holds(&["WB-2"]),
    Case::new("writeback_without_hooks", SCRIPT, without_hooks)
        .doc("The hooks but for the mapping may be missing.")
        .holds(&["WB-10", "WB-15"]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered";

fn sequence(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(4096, 4096, 0xCC)?;
    fs.clear_log()?;
    let events = ["iomap/iomap_writepage", "iomap/iomap_writepage_map"];
    let ((), events) = trace::record(&events, || Ok(fs.cache().sync_all()?))?;
    fs.expect(&[
        "fsync",
        "writepages start=0 end=9223372036854775807 sync=1",
        "map_blocks pos=4096 len=4096 ret=0 type=mapped offset=0 locked=1 writeback=1",
        "prepare_ioend error=0 ret=0 type=mapped mapflags=- offset=4096 size=4096 sector=136 \
         op=write flags=sync bytes=4096 vecs=1 room=256 blkg=1 alone=1",
        "writepages_return ret=0 ioend=0",
    ])?;
    let [page, map] = events.as_slice() else {
        anyhow::bail!("not two events but {events:?}");
    };
    ensure!(page.name == "iomap_writepage" && page.number("offset")? == 4096);
    ensure!(page.number("length")? == 4096 && page.number("size")? == 65536);
    ensure!(map.name == "iomap_writepage_map" && map.number("pos")? == 4096);
    ensure!(map.number("addr")? == 65536 && map.field("type")? == "MAPPED");
    fs.expect_folio(
        1,
        "uptodate=1 dirty=0 writeback=0 locked=0 dirty_blocks= writing=0",
    )?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 12288), 4096, 4096, 0xCC))?;
    fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))
}

fn dirty_runs(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS} large=16384"))?;
    fs.run("read_folio pos=16384 size=16384")?;
    let mut wanted = stored(BASE + 16384, 16384);
    for (block, blocks) in [(0, 1), (2, 3), (8, 1), (15, 1)] {
        fs.put_all(16384 + block * 1024, blocks * 1024, 0xCC)?;
        wanted = overlay(wanted, (block * 1024) as usize, blocks * 1024, 0xCC);
    }
    fs.clear_log()?;
    fs.expect_bios(&["WS 160+2", "WS 164+6", "WS 176+2", "WS 190+2"], || {
        Ok(fs.cache().sync_all()?)
    })?;
    fs.expect_only(
        "map_blocks",
        &[
            "map_blocks pos=16384 len=1024",
            "map_blocks pos=18432 len=3072",
            "map_blocks pos=24576 len=1024",
            "map_blocks pos=31744 len=1024",
        ],
    )?;
    fs.expect_stored(BASE + 16384, &wanted)?;
    fs.expect_folio(4, "dirty=0 writeback=0 dirty_blocks= writing=0")
}

fn pieces(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=1024 addr=65536\n\
         extent offset=1024 length=1024 addr=66560\n\
         extent offset=2048 length=2048 addr=131072\nbuffered",
    )?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.clear_log()?;
    // The first two follow on each other on the disk.
    fs.expect_bios(&["WS 128+4", "WS 256+4"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend"],
        &[
            "map_blocks pos=0 len=4096 length=1024",
            "map_blocks pos=1024 len=3072 length=1024",
            "map_blocks pos=2048 len=2048 length=2048",
            "prepare_ioend offset=0 size=2048 sector=128",
            "prepare_ioend offset=2048 size=2048 sector=256",
        ],
    )?;
    fs.expect_folio(0, "dirty=0 writeback=0 writing=0")?;
    fs.expect_stored(BASE, &[0xCC; 2048])?;
    fs.expect_stored(131_072, &[0xCC; 2048])
}

fn kinds(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.put_all(0, 12_288, 0xCC)?;
    fs.run(
        "map offset=0 length=4096 type=hole\n\
         map offset=4096 length=8192 addr=69632 type=unwritten\nmap keep",
    )?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 136+16"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend"],
        &[
            "map_blocks pos=0 type=hole",
            "map_blocks pos=4096 type=unwritten",
            "map_blocks pos=8192 type=unwritten offset=4096",
            "prepare_ioend type=unwritten offset=4096 size=8192",
        ],
    )?;
    fs.expect_stored(BASE, &overlay(stored(BASE, 12_288), 4096, 8192, 0xCC))?;
    fs.expect_idle()
}

fn of_holes(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for block_size in [1024, 4096] {
        fs.restart(&format!(
            "inode size=65536 block_size={block_size}\nbuffered"
        ))?;
        fs.put_all(0, 8192, 0xCC)?;
        fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))?;
        fs.expect_folio(0, "dirty=0 writeback=0 locked=0")?;
        fs.expect_idle()?;
    }
    Ok(())
}

fn state(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS}\ninode size=0"))?;
    // A whole folio is written without a state; then the file gets shorter.
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_folio(0, "dirty=1 state=none")?;
    fs.run("inode size=2000")?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 128+4"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend"],
        &[
            "map_blocks pos=0 len=2048 locked=1 writeback=1",
            "prepare_ioend offset=0 size=2000 bytes=2048",
        ],
    )?;
    fs.expect_folio(
        0,
        "state=blocks uptodate_blocks=0-3 dirty_blocks= writing=0",
    )?;
    // A folio of one block never has one.
    fs.restart("inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered")?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.cache().sync_all()?;
    fs.expect_folio(0, "dirty=0 writeback=0 state=none")
}

fn eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{BLOCKS}\ninode size=1500"))?;
    let mapping = fs.mapping(4096)?;
    for value in [0xCC, 0xDD] {
        // What is stored behind the end is in memory, until it is written.
        mapping.write(100, &[value])?;
        mapping.write(1600, &[value])?;
        fs.clear_log()?;
        fs.expect_bios(&["WS 128+4"], || Ok(fs.cache().sync_all()?))?;
        fs.expect_of(
            &["map_blocks", "prepare_ioend"],
            &[
                "map_blocks pos=0 len=2048",
                "prepare_ioend offset=0 size=1500 bytes=2048",
            ],
        )?;
        let mut byte = [0xEE];
        mapping.read(1600, &mut byte)?;
        ensure!(byte == [0], "{byte:?} is left behind the end");
        let wanted = overlay(stored(BASE, 4096), 1500, 548, 0);
        fs.expect_stored(BASE, &overlay(wanted, 100, 1, value))?;
    }
    Ok(())
}

fn behind_eof(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.run("read_folio pos=4096\ndirty index=1\nread_folio pos=8192\ndirty index=2")?;
    fs.run("inode size=4096")?;
    fs.clear_log()?;
    fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))?;
    fs.expect_only("map_blocks", &[])?;
    for index in [1, 2] {
        fs.expect_folio(
            index,
            "dirty=0 writeback=0 locked=0 dirty_blocks=0-3 writing=0",
        )?;
    }
    Ok(())
}

fn range(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    for page in [0, 2, 4, 6] {
        fs.put_all(page * 4096, 4096, 0xCC)?;
    }
    fs.expect_bios(&["WS 144+8", "WS 160+8"], || {
        fs.run("write_back sync start=4096 end=20479")
    })?;
    fs.expect_only("write_back", &["write_back ret=0"])?;
    fs.expect_bios(&["W 128+8"], || fs.run("write_back nr=1"))?;
    fs.expect_only("write_back", &["write_back ret=0 left=0"])?;
    fs.expect_bios(&["W 176+8"], || fs.run("write_back"))
}

fn without_hooks(context: &Context) -> Result<()> {
    let fs = Cached::new(
        context,
        &format!("{BLOCKS}\nomit prepare_ioend discard_folio"),
    )?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_bios(&["WS 128+8"], || Ok(fs.cache().sync_all()?))?;
    fs.put_all(0, 4096, 0xDD)?;
    fs.run("map ret=-5")?;
    expect_errno(fs.cache().sync_all(), libc::EIO)?;
    fs.expect_idle()?;
    fs.expect_stored(BASE, &[0xCC; 4096])
}

// SPDX-License-Identifier: GPL-2.0

//! Ioends: what goes into one, how it is submitted, and what if it fails.

use anyhow::{ensure, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use super::syscalls;
use crate::case::Case;
use crate::context::Context;
use crate::kmsg::{self, KernelLog};
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("ioend_append", SCRIPT, append)
        .doc("Folios that follow each other in the file and on the disk go into one ioend.")
        .holds(&["WB-12"]),
    Case::new("ioend_begins_another", SCRIPT, another)
        .doc("Another place, another kind and another sharing are another ioend.")
        .holds(&["WB-12"]),
    Case::new("ioend_after_many_folios", SCRIPT, after_many)
        .doc("How many folios there were in earlier ioends does not matter.")
        .holds(&["WB-12"]),
    Case::new("ioend_flags", SCRIPT, flags)
        .doc("The bio says what the writeback is for, and has the inode's hint and a group.")
        .holds(&["WB-13"]),
    Case::new("ioend_accounting", SCRIPT, accounting)
        .doc("What is written is charged to its owner, to the block.")
        .holds(&["WB-14"]),
    Case::new("ioend_one_piece", SCRIPT, one_piece)
        .doc("Pages that are next to each other in memory are one piece of a bio.")
        .holds(&["WB-16"]),
    Case::new("ioend_prepare_fails", SCRIPT, prepare_fails)
        .doc("What prepare_ioend says counts: its error fails the ioend and is returned.")
        .holds(&["WB-10", "WB-15"]),
    Case::new(
        "ioend_prepare_fails_in_the_middle",
        SCRIPT,
        prepare_fails_in_middle,
    )
    .doc("If it says so when another ioend is to be begun, the folio of that one fails, too.")
    .holds(&["WB-10", "WB-15"]),
    Case::new("ioend_device_error", SCRIPT, device_error)
        .doc("An error of the device is recorded and logged once; nothing is tried again.")
        .holds(&["WB-17", "WB-22"])
        .logs(&["vd.: writeback error on inode 2, offset 4096, sector 2147483656"]),
    Case::new("ioend_quiet", SCRIPT, quiet)
        .doc("Of an ioend whose bio is quiet nothing is logged.")
        .holds(&["WB-17"]),
];

const PLAIN: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered";

fn append(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    fs.put_all(4096, 16_384, 0xCC)?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 136+32"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend"],
        &[
            "map_blocks pos=4096 len=4096",
            "map_blocks pos=8192 len=4096",
            "map_blocks pos=12288 len=4096",
            "map_blocks pos=16384 len=4096",
            "prepare_ioend offset=4096 size=16384 sector=136 bytes=16384",
        ],
    )?;
    // Other flags do not matter.
    fs.put_all(0, 8192, 0xDD)?;
    fs.run("map lookup\nmap offset=4096 length=4096 addr=69632 flags=new|merged")?;
    fs.expect_bios(&["WS 128+16"], || Ok(fs.cache().sync_all()?))
}

fn another(context: &Context) -> Result<()> {
    let fs = Cached::new(context, "")?;
    for (second, bios, ioend) in [
        ("addr=131072", ["WS 128+8", "WS 256+8"], "sector=256"),
        (
            "addr=69632 type=unwritten",
            ["WS 128+8", "WS 136+8"],
            "type=unwritten",
        ),
        (
            "addr=69632 flags=shared",
            ["WS 128+8", "WS 136+8"],
            "mapflags=shared",
        ),
    ] {
        fs.restart(PLAIN)?;
        fs.put_all(0, 8192, 0xCC)?;
        fs.run(&format!("map lookup\nmap offset=4096 length=4096 {second}"))?;
        fs.clear_log()?;
        fs.expect_bios(&bios, || Ok(fs.cache().sync_all()?))?;
        fs.expect_only(
            "prepare_ioend",
            &[
                "prepare_ioend offset=0 size=4096 type=mapped mapflags=- sector=128",
                &format!("prepare_ioend offset=4096 size=4096 {ioend}"),
            ],
        )?;
    }
    // Next to each other on the disk, but not in the file.
    fs.restart(PLAIN)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.put_all(8192, 4096, 0xCC)?;
    fs.run("map lookup\nmap offset=8192 length=4096 addr=69632")?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 128+8", "WS 136+8"], || Ok(fs.cache().sync_all()?))
}

fn after_many(context: &Context) -> Result<()> {
    /// More than one ioend may have.
    const FOLIOS: usize = 4096 + 512;
    /// A bio has room for so many that are not next to each other in memory.
    const OF_BIO: usize = 256;
    let length = FOLIOS * 4096;
    let fs = Cached::new(
        context,
        &format!("inode size={length}\nextent offset=0 length={length} addr=65536\nbuffered"),
    )?;
    fs.put_all(0, length, 0xCC)?;
    let ((), bios) = fs.bios(|| Ok(fs.cache().sync_all()?))?;
    ensure!(
        bios.len() <= FOLIOS / OF_BIO + 1,
        "{} bios for {FOLIOS} folios",
        bios.len()
    );
    fs.expect_stored(BASE + length as u64 - 4096, &[0xCC; 4096])?;
    // The log has no room for so many.
    fs.clear_log()
}

fn flags(context: &Context) -> Result<()> {
    /// `RWH_WRITE_LIFE_LONG`.
    const LONG: u64 = 4;
    let fs = Cached::new(context, PLAIN)?;
    syscalls::set_write_hint(fs.cache(), LONG)?;
    for (how, flags) in [
        ("sync", "sync"),
        ("", "-"),
        ("background", "background"),
        ("kupdate", "background"),
        ("sync background", "sync"),
    ] {
        fs.put_all(0, 4096, 0xCC)?;
        fs.clear_log()?;
        fs.run(&format!("write_back {how}"))?;
        fs.expect_only(
            "prepare_ioend",
            &[&format!(
                "prepare_ioend op=write flags={flags} hint=4 blkg=1 vecs=1 room=256"
            )],
        )?;
        fs.cache().sync_all()?;
    }
    Ok(())
}

fn accounting(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN}\ninode block_size=1024"))?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.put_all(9216, 2048, 0xCC)?;
    fs.clear_log()?;
    fs.run("write_back sync cgroup")?;
    fs.expect_only("write_back", &["write_back ret=0 accounted=6144"])?;
    // Blocks count whole, though the file ends in one.
    fs.put_all(0, 4096, 0xCC)?;
    fs.run("inode size=1500")?;
    fs.clear_log()?;
    fs.run("write_back sync cgroup")?;
    fs.expect_of(
        &["prepare_ioend", "write_back"],
        &[
            "prepare_ioend size=1500 bytes=2048",
            "write_back ret=0 accounted=2048",
        ],
    )
}

fn one_piece(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &format!("{PLAIN} large=65536"))?;
    fs.put_all(0, 65_536, 0xCC)?;
    fs.expect_folio(0, "size=65536")?;
    fs.run("map offset=0 length=4096 addr=65536\nmap offset=4096 length=61440 addr=69632")?;
    fs.clear_log()?;
    fs.expect_bios(&["WS 128+128"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend"],
        &[
            "map_blocks pos=0 len=65536",
            "map_blocks pos=4096 len=61440",
            "prepare_ioend size=65536 bytes=65536 vecs=1",
        ],
    )
}

fn prepare_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    fs.put_all(0, 8192, 0xCC)?;
    fs.run("prepare ret=-28 quiet")?;
    fs.clear_log()?;
    fs.expect_bios(&[], || expect_errno(fs.cache().sync_all(), libc::ENOSPC))?;
    fs.expect_of(
        &["prepare_ioend", "discard_folio", "writepages_return"],
        &[
            "prepare_ioend error=0 ret=-28 offset=0 size=8192",
            "writepages_return ret=-28 ioend=0",
        ],
    )?;
    fs.expect_idle()?;
    fs.expect_stored(BASE, &stored(BASE, 8192))
}

fn prepare_fails_in_middle(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    for page in [0, 2, 4] {
        fs.put_all(page * 4096, 4096, 0xCC)?;
    }
    fs.run("prepare ret=-28 quiet")?;
    fs.clear_log()?;
    fs.run("write_back sync")?;
    fs.expect_of(
        &["map_blocks", "prepare_ioend", "discard_folio", "write_back"],
        &[
            "map_blocks pos=0",
            "map_blocks pos=8192",
            "prepare_ioend error=0 ret=-28 offset=0",
            // Behind what could not be added.
            "discard_folio index=2 pos=12288",
            "map_blocks pos=16384",
            "prepare_ioend error=-28 ret=-28 offset=16384",
            "write_back ret=-28",
        ],
    )?;
    expect_errno(fs.cache().sync_all(), libc::ENOSPC)?;
    fs.expect_idle()?;
    fs.expect_folio(2, "dirty=0 writeback=0")?;
    fs.expect_stored(BASE, &stored(BASE, 65_536))
}

/// Where the disk is long over: its driver never sees the bio.
const BEYOND: u64 = 1 << 40;

fn device_error(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    fs.put_all(0, 12_288, 0xCC)?;
    fs.run(&format!(
        "map lookup\nmap offset=4096 length=4096 addr={}\nmap lookup",
        BEYOND + 4096
    ))?;
    expect_errno(fs.cache().sync_all(), libc::EIO)?;
    kmsg::finish_line()?;
    // The others were written, and all is clean.
    let wanted = overlay(vec![0xCC; 12_288], 4096, 4096, 0);
    let wanted = wanted.get(..4096).unwrap_or_default();
    fs.expect_stored(BASE, wanted)?;
    fs.expect_stored(BASE + 4096, &stored(BASE + 4096, 4096))?;
    fs.expect_stored(BASE + 8192, wanted)?;
    fs.expect_idle()?;
    fs.expect_folio(1, "uptodate=1 dirty=0 writeback=0")?;
    fs.expect_bios(&[], || Ok(fs.cache().sync_all()?))
}

fn quiet(context: &Context) -> Result<()> {
    let fs = Cached::new(context, PLAIN)?;
    let mut log = KernelLog::open(context.spec().link)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.run(&format!(
        "map offset=0 length=4096 addr={BEYOND}\nprepare keep quiet"
    ))?;
    kmsg::finish_line()?;
    log.drain();
    expect_errno(fs.cache().sync_all(), libc::EIO)?;
    kmsg::finish_line()?;
    let messages = log.drain();
    ensure!(
        !messages.iter().any(|text| text.contains("writeback error")),
        "{messages:?}"
    );
    fs.expect_idle()
}

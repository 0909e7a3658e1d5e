// SPDX-License-Identifier: GPL-2.0

//! Filesystems that answer nonsense to buffered I/O and writeback. The operation
//! fails, what other operations have written is whole, and no folio stays locked
//! or under writeback.

use anyhow::{ensure, Context as _, Result};

use super::cached::{overlay, stored, Cached, BASE};
use super::scripted::expect_errno;
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("hostile_cached_mappings", SCRIPT, mappings)
        .doc("Mappings that cannot be used fail each operation of the page cache.")
        .holds(&["IT-10", "DIFF-5", "DIFF-6", "DIFF-7", "DIFF-8", "DIFF-9"])
        .logs(&[
            warning!("mapping_is_empty"),
            warning!("mapping_starts_after_pos"),
            warning!("mapping_ends_before_pos"),
            warning!("mapping_is_outside_of_any_file"),
            warning!("mapping_has_unknown_type"),
            warning!("mapping_is_stale"),
            warning!("mapping_has_bad_source"),
        ]),
    Case::new("hostile_cached_no_device", SCRIPT, no_device)
        .doc("Written space without a device cannot be read, nor written into in part.")
        .holds(&["DIFF-10"])
        .logs(&[warning!("mapping_without_block_device")]),
    Case::new("hostile_buffers_no_device", SCRIPT, buffers_no_device)
        .doc("Nor can it be written into by buffer heads.")
        .holds(&["DIFF-10"])
        .logs(&[warning!("mapping_without_block_device")]),
    Case::new("hostile_cached_part_of_block", SCRIPT, read_part_of_block)
        .doc("A mapping of part of a folio's only block is no reason to show what memory held.")
        .holds(&["DIFF-28"])
        .logs(&[warning!("read_of_part_of_block")]),
    Case::new("read_last_part_of_block", SCRIPT, last_part_of_block)
        .doc("If the file ends with it, it is read, and zeros follow.")
        .holds(&["DIFF-28"]),
    Case::new("hostile_cached_end_fails", SCRIPT, end_fails)
        .doc("An end hook that fails changes nothing of what was done.")
        .holds(&["IT-4"]),
    Case::new("hostile_shrinking_mapping", SCRIPT, shrinking)
        .doc("A mapping that gets shorter than the write ends it.")
        .holds(&["DIFF-20"])
        .logs(&[
            warning!("write_outside_of_mapping"),
            // What was written before is more than what is left of the mapping.
            warning!("more_processed_than_mapped"),
        ]),
    Case::new("hostile_no_folio", SCRIPT, no_folio)
        .doc("No folio and no error is an error.")
        .holds(&["DIFF-25"]),
    Case::new("hostile_writeback_mappings", SCRIPT, writeback)
        .doc("Mappings that cannot be written to fail their folio, and no other.")
        .holds(&["DIFF-19"])
        .logs(&[warning!("writeback_mapping_unusable")]),
    Case::new("hostile_writeback_part_of_block", SCRIPT, part_of_block)
        .doc("So does one that has a part of a folio's only block.")
        .holds(&["DIFF-19"])
        .logs(&[warning!("writeback_of_part_of_block")]),
    Case::new("hostile_writeback_no_device", SCRIPT, writeback_no_device)
        .doc("So does one without a device.")
        .holds(&["DIFF-19"])
        .logs(&[warning!("mapping_without_block_device")]),
];

const BLOCKS: &str = "inode size=65536 block_size=1024\n\
                      extent offset=0 length=65536 addr=65536\nbuffered hooks";

fn rust_only(context: &Context) -> Result<()> {
    if context.on_rust() {
        Ok(())
    } else {
        skip("the C engine uses them")
    }
}

/// What no operation at offset 4096 may take.
const BAD: [&str; 8] = [
    "offset=4096 length=0 addr=65536",
    "offset=8192 length=4096 addr=65536",
    "offset=0 length=4096 addr=65536",
    "offset=4096 length=0xffffffffffffffff addr=65536",
    "offset=0x8000000000000000 length=4096 addr=65536",
    "offset=0 length=65536 addr=65536 type=99",
    "offset=0 length=65536 addr=65536 flags=stale",
    "offset=0 length=65536 addr=65536 src offset=0 length=4096 addr=131072",
];

fn mappings(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    for bad in BAD {
        refused(&fs, bad).with_context(|| bad.to_owned())?;
    }
    Ok(())
}

/// One begin, one end, an error, and nothing left behind.
fn refused(fs: &Cached, bad: &str) -> Result<()> {
    let calls = ["begin pos=4096 ret=0", "end pos=4096 written=0"];
    let names = ["begin", "end"];
    let restart = || {
        fs.restart(BLOCKS)?;
        fs.run(&format!("answer {bad}"))
    };
    for command in ["read_folio pos=4096", "readahead pos=4096 len=8192"] {
        restart()?;
        fs.expect_bios(&[], || fs.run(command))?;
        fs.expect_of(&names, &calls).context(command)?;
        fs.expect_idle()?;
        fs.expect_contents(4096, &stored(BASE + 4096, 4096))?;
    }
    for command in ["zero pos=4096 len=100", "unshare pos=4096 len=100"] {
        restart()?;
        fs.run(command)?;
        let result = command.split(' ').next().unwrap_or_default();
        fs.expect_of(
            &["begin", "end", result],
            &[calls[0], calls[1], &format!("{result} ret=-5")],
        )
        .context(command)?;
    }
    restart()?;
    expect_errno(fs.put(4096, 100, 0xCC), libc::EIO)?;
    fs.expect_of(&names, &calls).context("write")?;
    fs.expect_folio(1, "missing=1")?;

    fs.restart(BLOCKS)?;
    let mapping = fs.mapping(8192)?;
    mapping.read(4096, &mut [0])?;
    // An end without progress may be followed by no other attempt.
    fs.run(&format!("answer {bad}"))?;
    fs.clear_log()?;
    expect_errno(super::stores::store(&mapping, 4096)?, libc::EFAULT)?;
    fs.expect(&[
        "mkwrite",
        calls[0],
        calls[1],
        "mkwrite_return ret=sigbus locked=0 dirty=0",
    ])
    .context("store")?;
    fs.expect_idle()
}

fn no_device(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(
        context,
        "inode size=65536 block_size=1024\n\
         extent offset=0 length=65536 addr=65536 bdev=2\nbuffered",
    )?;
    fs.run("read_folio pos=4096")?;
    fs.expect_only("read_folio_return", &["read_folio_return uptodate=0"])?;
    expect_errno(fs.get(0, 100), libc::EIO)?;
    expect_errno(fs.put(0, 100, 1), libc::EIO)?;
    fs.put_all(0, 1024, 0xCC)?;
    fs.expect_contents(0, &[0xCC; 1024])?;
    fs.expect_idle()
}

fn buffers_no_device(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    for map in ["addr=65536 flags=bh", "addr=65536 flags=bh|new"] {
        fs.restart(&format!(
            "inode size=65536 block_size=1024\n\
             extent offset=0 length=65536 {map} bdev=2\nbuffered buffers"
        ))?;
        for (at, length) in [(0, 100), (4096, 1024)] {
            expect_errno(fs.put(at, length, 1), libc::EIO).context(map)?;
        }
        fs.expect_idle()?;
    }
    Ok(())
}

fn read_part_of_block(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    let hole = "offset=0 length=512 type=hole";
    for first in [hole, "offset=0 length=512 addr=65536"] {
        fs.restart("inode size=4096\nextent offset=0 length=4096 addr=65536\nbuffered")?;
        fs.run(&format!("answer {first}"))?;
        fs.run("read_folio pos=0")?;
        fs.expect_only("read_folio_return", &["read_folio_return uptodate=0"])
            .context(first)?;
        fs.expect_idle()?;
        fs.expect_contents(0, &stored(BASE, 4096))?;
    }
    Ok(())
}

fn last_part_of_block(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    fs.restart("inode size=512\nextent offset=0 length=512 addr=65536\nbuffered")?;
    fs.run("read_folio pos=0")?;
    fs.expect_only("read_folio_return", &["read_folio_return uptodate=1"])?;
    let mapping = fs.mapping(4096)?;
    let mut page = [1; 4096];
    mapping.read(0, &mut page)?;
    let mut wanted = stored(BASE, 512);
    wanted.resize(4096, 0);
    ensure!(page == *wanted, "stale memory behind the end of the file");
    fs.expect_idle()
}

fn end_fails(context: &Context) -> Result<()> {
    let fs = Cached::new(context, BLOCKS)?;
    fs.run("end ret=-5\nend ret=-5\nend ret=-5\nend ret=-5")?;
    fs.run("read_folio pos=4096")?;
    fs.expect_only("read_folio_return", &["read_folio_return uptodate=1"])?;
    fs.put_all(0, 100, 0xCC)?;
    fs.run("zero pos=8192 len=100")?;
    fs.expect_only("zero", &["zero ret=0 did_zero=1"])?;
    let mapping = fs.mapping(8192)?;
    mapping.write(4096, &[0xCC])?;
    fs.expect_only("mkwrite_return", &["mkwrite_return ret=locked"])?;
    let wanted = overlay(stored(BASE, 16_384), 0, 100, 0xCC);
    let wanted = overlay(overlay(wanted, 8192, 100, 0), 4096, 1, 0xCC);
    fs.expect_contents(0, &wanted)?;
    fs.expect_idle()
}

fn shrinking(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, BLOCKS)?;
    fs.run("get_folio shrink")?;
    // The first folio was checked before; C stops the machine at the second.
    expect_errno(fs.put(0, 8192, 0xCC), libc::EIO)?;
    fs.expect_of(
        &["get_folio", "put_folio", "return"],
        &["get_folio pos=0", "put_folio copied=4096", "return ret=-5"],
    )?;
    fs.expect_idle()?;
    fs.run("get_folio shrink")?;
    fs.clear_log()?;
    fs.run("zero pos=16384 len=8192")?;
    fs.expect_of(&["get_folio", "zero"], &["get_folio", "zero ret=-5"])?;
    fs.expect_idle()?;
    fs.expect_contents(20_480, &stored(BASE + 20_480, 4096))
}

fn no_folio(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, &format!("{BLOCKS}\nget_folio null"))?;
    expect_errno(fs.put(0, 100, 0xCC), libc::ENOMEM)?;
    fs.expect_of(
        &["get_folio", "put_folio", "end"],
        &["get_folio ret=0", "end written=0"],
    )?;
    fs.expect_idle()
}

/// Writes three pages; the middle one gets that mapping.
fn write_back(fs: &Cached, script: &str, bad: &str) -> Result<()> {
    fs.restart(script)?;
    fs.put_all(0, 12_288, 0xCC)?;
    fs.run(&format!(
        "map lookup\nmap {bad}\nprepare keep quiet\nprepare ret=0"
    ))?;
    fs.clear_log()?;
    ensure!(
        fs.cache().sync_all().is_err(),
        "no error for the mapping {bad}"
    );
    fs.expect_only("discard_folio", &["discard_folio index=1"])?;
    fs.expect_idle()?;
    fs.expect_folio(1, "dirty=0 writeback=0 locked=0")?;
    fs.cache().sync_all().context("reported twice")
}

fn writeback(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    for block_size in [1024, 4096] {
        let script = format!(
            "inode size=65536 block_size={block_size}\n\
             extent offset=0 length=65536 addr=65536\nbuffered"
        );
        for bad in BAD.iter().filter(|bad| !bad.contains("src")) {
            write_back(&fs, &script, bad).with_context(|| format!("{bad} {block_size}"))?;
            fs.expect_stored(BASE + 4096, &stored(BASE + 4096, 4096))?;
        }
    }
    // Positive numbers are no success either.
    write_back(&fs, BLOCKS, "ret=1")?;
    Ok(())
}

fn part_of_block(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    write_back(
        &fs,
        "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered",
        "offset=4096 length=1024 addr=69632",
    )?;
    fs.expect_stored(BASE + 4096, &stored(BASE + 4096, 4096))
}

fn writeback_no_device(context: &Context) -> Result<()> {
    rust_only(context)?;
    let fs = Cached::new(context, "")?;
    write_back(&fs, BLOCKS, "offset=4096 length=4096 addr=131072 bdev=2")
}

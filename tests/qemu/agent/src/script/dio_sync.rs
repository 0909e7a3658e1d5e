// SPDX-License-Identifier: GPL-2.0

//! Synchronous writes: when the data goes out with FUA and when a flush by
//! fsync has to follow.

use std::os::unix::fs::FileExt;

use anyhow::{ensure, Result};

use super::scripted::{expect_errno, Scripted};
use crate::case::Case;
use crate::context::Context;
use crate::disk::Disk;
use crate::null_disk::NullDisk;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;

pub const CASES: &[Case] = &[
    Case::new("dio_fua_by_device", SCRIPT, by_device)
        .doc("O_DSYNC uses FUA where the device has it or needs none, else fsync follows.")
        .holds(&["DIO-5", "DIO-13", "DIO-14"]),
    Case::new("dio_fua_by_open_flags", SCRIPT, by_open_flags)
        .doc("O_SYNC never uses FUA; a synchronous inode does as O_DSYNC does.")
        .holds(&["DIO-5", "DIO-13"]),
    Case::new("dio_fua_by_mapping", SCRIPT, by_mapping)
        .doc("Only plain written space is written with FUA, not new, shared, dirty or unwritten.")
        .holds(&["DIO-13"]),
    Case::new("dio_fua_over_mappings", SCRIPT, over_mappings)
        .doc("One bio without FUA means an fsync, and no FUA for the bios after it.")
        .holds(&["DIO-13", "DIO-14"]),
    Case::new("dio_fua_not_for_zeroes", SCRIPT, not_for_zeroes)
        .doc("Bios of zeroes do not carry FUA and do not cost the data its FUA.")
        .holds(&["DIO-14", "DIO-17"]),
    Case::new("dio_sync_inline", SCRIPT, inline)
        .doc("A write to inline data alone is taken for written through: no fsync.")
        .holds(&["DIO-14"]),
    Case::new("dio_sync_error", SCRIPT, sync_error)
        .doc("An error of the final fsync replaces the count, the position has moved.")
        .holds(&["DIO-34"]),
    Case::new("dio_sync_done_before", SCRIPT, done_before)
        .doc("What was done before is added to a positive result alone, and last.")
        .holds(&["DIO-34", "DIO-24"]),
];

const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";

/// Sets how the kernel sees the cache of a disk, until this is dropped.
struct WriteCache<'a> {
    disk: &'a Disk,
    before: String,
}

impl<'a> WriteCache<'a> {
    fn set(disk: &'a Disk, mode: &str) -> Result<Self> {
        let before = disk.attribute("queue/write_cache")?;
        disk.set_attribute("queue/write_cache", mode)?;
        Ok(Self { disk, before })
    }
}

impl Drop for WriteCache<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.disk.set_attribute("queue/write_cache", &self.before) {
            eprintln!("{error:#}");
        }
    }
}

/// Writes two sectors at 4096 with these open flags, and expects a bio with or
/// without FUA, and an fsync or none.
fn write(fs: &Scripted, open_flags: libc::c_int, fua: bool, fsync: Option<&str>) -> Result<()> {
    let file = fs.open(open_flags)?;
    let count = file.write_at(&AlignedBuf::filled(1024, 1)?, 4096)?;
    ensure!(count == 1024, "{count} bytes");
    let submit = format!(
        "submit pos=4096 op=write flags={}",
        if fua { "sync|idle|fua" } else { "sync|idle" }
    );
    let fsync = fsync.map(|datasync| format!("fsync start=4096 end=5119 datasync={datasync}"));
    let mut lines = fs.log()?;
    // Bios of zeroes are the business of other tests.
    lines.retain(|line| line.field("pos").is_ok_and(|pos| pos == "4096") || line.name() == "fsync");
    let mut wanted = vec!["write", "begin", submit.as_str(), "end", "end_io error=0"];
    wanted.extend(fsync.as_deref());
    super::log::compare(&lines, &wanted)?;
    fs.clear_log()
}

fn by_device(context: &Context) -> Result<()> {
    {
        let fs = Scripted::new(context, EXTENT)?;
        ensure!(
            fs.disk().attribute("queue/fua")? == "0",
            "virtio-blk with FUA"
        );
        let cache = WriteCache::set(fs.disk(), "write back")?;
        write(&fs, libc::O_DSYNC, false, Some("1"))?;
        drop(cache);
        let _cache = WriteCache::set(fs.disk(), "write through")?;
        write(&fs, libc::O_DSYNC, true, None)?;
        write(&fs, 0, false, None)?;
    }
    for fua in [true, false] {
        let disk = NullDisk::with_cache(fua)?;
        let options = format!("bdev2={}", disk.path().display());
        let fs = Scripted::with_options(context, &options, &format!("{EXTENT} bdev=1"))?;
        write(&fs, libc::O_DSYNC, fua, (!fua).then_some("1"))?;
        drop(fs);
    }
    Ok(())
}

fn by_open_flags(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, EXTENT)?;
    let _cache = WriteCache::set(fs.disk(), "write through")?;
    write(&fs, 0, false, None)?;
    write(&fs, libc::O_DSYNC, true, None)?;
    write(&fs, libc::O_SYNC, false, Some("0"))?;
    fs.run("inode sync")?;
    write(&fs, 0, true, None)
}

fn by_mapping(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, EXTENT)?;
    let _cache = WriteCache::set(fs.disk(), "write through")?;
    for (mapping, fua) in [
        ("", true),
        ("flags=merged", true),
        ("flags=new", false),
        ("flags=shared", false),
        ("flags=dirty", false),
        ("type=unwritten", false),
    ] {
        fs.restart(&format!("{EXTENT} {mapping}"))?;
        write(&fs, libc::O_DSYNC, fua, (!fua).then_some("1"))?;
    }
    Ok(())
}

fn over_mappings(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    let _cache = WriteCache::set(fs.disk(), "write through")?;
    for (mappings, fua) in [
        (["", ""], [true, true]),
        (["", "flags=dirty"], [true, false]),
        // Too late: what came first needs the fsync anyway.
        (["flags=dirty", ""], [false, false]),
    ] {
        let [first, second] = mappings;
        fs.restart(&format!(
            "inode size=65536\nextent offset=0 length=4096 addr=65536 {first}\n\
             extent offset=4096 length=4096 addr=131072 {second}"
        ))?;
        let file = fs.open(libc::O_DSYNC)?;
        ensure!(file.write_at(&AlignedBuf::new(8192)?, 0)? == 8192);
        let flags = fua.map(|fua| if fua { "sync|idle|fua" } else { "sync|idle" });
        let submits = flags.map(|flags| format!("submit flags={flags} bytes=4096"));
        let [first, second] = submits.each_ref().map(String::as_str);
        let mut wanted = vec![
            "write", "begin", first, "end", "begin", second, "end", "end_io",
        ];
        wanted.extend((!fua[1]).then_some("fsync start=0 end=8191 datasync=1"));
        wanted.push("return ret=8192");
        fs.expect(&wanted)?;
    }
    Ok(())
}

fn not_for_zeroes(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "extent offset=0 length=65536 addr=65536")?;
    let _cache = WriteCache::set(fs.disk(), "write through")?;
    let file = fs.open(libc::O_DSYNC)?;
    ensure!(file.write_at(&AlignedBuf::new(512)?, 0)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=0 bytes=512 flags=sync|idle|fua",
        "submit pos=512 bytes=3584 flags=sync|idle",
        "end",
        "end_io",
        "return ret=512",
    ])
}

fn inline(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nextent offset=0 length=4096 type=inline",
    )?;
    let file = fs.open(libc::O_DSYNC)?;
    ensure!(file.write_at(&AlignedBuf::new(512)?, 0)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "dirty_inode",
        "end",
        "end_io",
        "return ret=512",
    ])
}

fn sync_error(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, &format!("{EXTENT} flags=dirty\nerror fsync=-28"))?;
    let file = fs.open(libc::O_DSYNC)?;
    expect_errno(file.write_at(&AlignedBuf::new(512)?, 4096), libc::ENOSPC)?;
    fs.expect(&[
        "write",
        "begin",
        "submit",
        "end",
        "end_io size=512 error=0 ret=0",
        "fsync start=4096 end=4607 datasync=1 ret=-28",
        "return ret=-28 pos=4608 dio_count=0",
    ])
}

fn done_before(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        &format!("{EXTENT} flags=dirty\ndio done_before=1000"),
    )?;
    let file = fs.open(libc::O_DSYNC)?;
    // The kernel refuses counts above what was asked for only in debug builds.
    ensure!(file.write_at(&AlignedBuf::new(512)?, 4096)? == 1512);
    fs.expect(&[
        "write",
        "begin",
        "submit",
        "end",
        "end_io pos=4096 size=512",
        "fsync start=4096 end=4607",
        "return ret=1512 pos=4608",
    ])?;

    fs.run("answer ret=-15\nanswer ret=-5")?;
    ensure!(fs.write(4096, 512, 1)? == 0);
    fs.expect(&[
        "write",
        "begin ret=-15",
        "end_io size=0",
        "return ret=0 pos=4096",
    ])?;
    expect_errno(fs.write(4096, 512, 1), libc::EIO)?;
    fs.expect(&[
        "write",
        "begin ret=-5",
        "end_io size=0 error=-5",
        "return ret=-5",
    ])
}

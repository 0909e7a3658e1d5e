// SPDX-License-Identifier: GPL-2.0

//! SEEK_DATA and SEEK_HOLE over scripted extents.

use std::io;

use anyhow::{ensure, Context as _, Result};

use super::scripted::{expect_errno, Scripted};
use super::syscalls;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::mapping::FileMapping;
use crate::sys::processor;

pub const CASES: &[Case] = &[
    Case::new("seek_outside_the_file", SCRIPT, outside_the_file)
        .doc("There is nothing to be found before the start, or at and after the end.")
        .holds(&["SK-1"]),
    Case::new("seek_over_extents", SCRIPT, over_extents)
        .doc("Holes are holes, written and delayed and inline space is data, the end is a hole.")
        .holds(&["SK-1", "SK-2", "SK-3"]),
    Case::new("seek_asks_to_the_end", SCRIPT, asks_to_the_end)
        .doc("Mappings are asked for up to the size, one after the other, until one decides.")
        .holds(&["SK-1", "SK-2", "SK-3"]),
    Case::new("seek_unwritten_uncached", SCRIPT, unwritten_uncached)
        .doc("Unwritten space without pages is a hole.")
        .holds(&["SK-2", "SK-3"]),
    Case::new("seek_unwritten_cached", SCRIPT, unwritten_cached)
        .doc("Pages over unwritten space are data.")
        .holds(&["SK-2", "SK-3", "SK-4"]),
    Case::new(
        "seek_unwritten_partly_cached",
        SCRIPT,
        unwritten_partly_cached,
    )
    .doc("Of a page that is up to date in part, just those blocks are data.")
    .holds(&["SK-4"]),
    Case::new("seek_unwritten_evicted", SCRIPT, unwritten_evicted)
        .doc("The shadow of an evicted page is data.")
        .holds(&["SK-4"]),
    Case::new("seek_errors", SCRIPT, errors)
        .doc("An error of the filesystem is returned.")
        .holds(&["SK-2", "SK-3"]),
];

fn seek(fs: &Scripted, pos: i64, whence: libc::c_int) -> io::Result<i64> {
    syscalls::seek(fs.file(), pos, whence)
}

/// Checks where data and a hole are found from `pos` on; none is ENXIO.
fn check(fs: &Scripted, pos: i64, data: Option<i64>, hole: i64) -> Result<()> {
    match data {
        Some(data) => {
            let found =
                seek(fs, pos, libc::SEEK_DATA).with_context(|| format!("data from {pos}"))?;
            ensure!(found == data, "data from {pos}: {found} instead of {data}");
        }
        None => expect_errno(seek(fs, pos, libc::SEEK_DATA), libc::ENXIO)
            .with_context(|| format!("data from {pos}"))?,
    }
    let found = seek(fs, pos, libc::SEEK_HOLE).with_context(|| format!("hole from {pos}"))?;
    ensure!(found == hole, "hole from {pos}: {found} instead of {hole}");
    Ok(())
}

fn outside_the_file(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=10000\nextent offset=0 length=65536 addr=65536",
    )?;
    for pos in [-1, i64::MIN, 10000, 10001, i64::MAX] {
        for whence in [libc::SEEK_DATA, libc::SEEK_HOLE] {
            expect_errno(seek(&fs, pos, whence), libc::ENXIO)?;
        }
    }
    fs.expect(&[])?;
    check(&fs, 9999, Some(9999), 10000)
}

fn over_extents(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=30000\n\
         extent offset=4096 length=4096 addr=65536\n\
         extent offset=8192 length=4096 type=delalloc\n\
         extent offset=16384 length=4096 type=inline\n\
         extent offset=28672 length=4096 addr=131072",
    )?;
    check(&fs, 0, Some(4096), 0)?;
    check(&fs, 5000, Some(5000), 12288)?;
    check(&fs, 9000, Some(9000), 12288)?;
    check(&fs, 12288, Some(16384), 12288)?;
    check(&fs, 20479, Some(20479), 20480)?;
    check(&fs, 20480, Some(28672), 20480)?;
    // Data up to the end: the end is the hole.
    check(&fs, 29000, Some(29000), 30000)?;
    fs.run("inode size=28672")?;
    check(&fs, 20480, None, 20480)
}

fn asks_to_the_end(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=20000\n\
         extent offset=0 length=4096 addr=65536\nextent offset=4096 length=4096 addr=131072",
    )?;
    check(&fs, 1000, Some(1000), 8192)?;
    fs.expect(&[
        "begin pos=1000 len=19000 flags=report type=mapped",
        "end pos=1000 len=3096 written=0 flags=report",
        "begin pos=1000 len=19000 type=mapped",
        "end pos=1000 len=3096 written=3096",
        "begin pos=4096 len=15904 type=mapped",
        "end pos=4096 len=4096 written=4096",
        "begin pos=8192 len=11808 type=hole",
        "end pos=8192 len=11808 written=0",
    ])?;
    check(&fs, 9000, None, 9000)?;
    fs.expect(&[
        "begin pos=9000 len=11000 type=hole",
        "end pos=9000 len=11000 written=11000",
        "begin pos=9000 len=11000 type=hole",
        "end pos=9000 len=11000 written=0",
    ])
}

fn unwritten_uncached(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=16384\nextent offset=0 length=8192 type=unwritten addr=65536\n\
         extent offset=8192 length=4096 addr=131072",
    )?;
    check(&fs, 100, Some(8192), 100)?;
    fs.expect(&[
        "begin pos=100 type=unwritten",
        "end written=8092",
        "begin pos=8192 type=mapped",
        "end written=0",
        "begin pos=100 type=unwritten",
        "end written=0",
    ])
}

fn unwritten_cached(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=16384 type=unwritten addr=65536\n\
         extent offset=16384 length=4096 addr=131072\n\
         cache index=1\ncache index=3 dirty",
    )?;
    check(&fs, 0, Some(4096), 0)?;
    check(&fs, 4096, Some(4096), 8192)?;
    check(&fs, 5000, Some(5000), 8192)?;
    check(&fs, 8192, Some(12288), 8192)?;
    fs.clear_log()?;
    // Data to the end of the unwritten part: the next mapping is looked at too.
    check(&fs, 13000, Some(13000), 20480)?;
    fs.expect(&[
        "begin pos=13000 type=unwritten",
        "end written=0",
        "begin pos=13000 type=unwritten",
        "end written=3384",
        "begin pos=16384 type=mapped",
        "end written=4096",
        "begin pos=20480 type=hole",
        "end written=0",
    ])?;
    // Pages count where space is unwritten only.
    fs.run("cache index=6")?;
    check(&fs, 20480, None, 20480)
}

fn unwritten_partly_cached(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode block_size=1024 size=65536\n\
         extent offset=0 length=16384 type=unwritten addr=65536\n\
         cache index=1 blocks=0x6",
    )?;
    check(&fs, 0, Some(4096 + 1024), 0)?;
    check(&fs, 4096, Some(4096 + 1024), 4096)?;
    check(&fs, 4096 + 1024, Some(4096 + 1024), 4096 + 3072)?;
    check(&fs, 4096 + 2500, Some(4096 + 2500), 4096 + 3072)?;
    check(&fs, 4096 + 3072, None, 4096 + 3072)
}

fn unwritten_evicted(context: &Context) -> Result<()> {
    // A page that another processor still has in its batch is not reclaimed.
    processor::stay(|| seek_evicted(context))
}

fn seek_evicted(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=16384 type=unwritten addr=65536\ncache index=1",
    )?;
    check(&fs, 0, Some(4096), 0)?;
    let mapping = FileMapping::new(fs.file(), 16384)?;
    // Only what is mapped into the process is reclaimed on demand.
    mapping.read(4096, &mut [0])?;
    syscalls::page_out(&mapping, 4096, 4096).context("MADV_PAGEOUT")?;
    ensure!(
        mapping.resident()? == [false; 4],
        "the page stays in memory"
    );
    check(&fs, 0, Some(4096), 0)?;
    check(&fs, 4096, Some(4096), 8192)
}

fn errors(context: &Context) -> Result<()> {
    for whence in [libc::SEEK_DATA, libc::SEEK_HOLE] {
        let fs = Scripted::new(context, "inode size=65536\nanswer ret=-5")?;
        expect_errno(seek(&fs, 0, whence), libc::EIO)?;
        fs.expect(&["begin ret=-5"])?;
    }
    Ok(())
}

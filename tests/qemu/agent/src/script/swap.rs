// SPDX-License-Identifier: GPL-2.0

//! Activation of swap files with scripted extents.

use std::fs::{self, File};
use std::io;

use anyhow::{Context as _, Result};

use super::scripted::{expect_errno, Scripted};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::swap;

pub const CASES: &[Case] = &[
    Case::new("swap_contiguous", SCRIPT, contiguous)
        .doc("Written and unwritten space that is contiguous on the device is one extent.")
        .holds(&["SW-1", "SW-3", "SW-4", "SW-6"]),
    Case::new("swap_scattered", SCRIPT, scattered)
        .doc("Extents are cut to whole pages, and what is less than a page is left out.")
        .holds(&["SW-3", "SW-4", "SW-6"]),
    Case::new(
        "swap_no_more_than_the_header_says",
        SCRIPT,
        no_more_than_the_header_says,
    )
    .doc("The header's number of pages bounds what is taken of the file.")
    .holds(&["SW-4", "SW-6"]),
    Case::new("swap_size_in_pages", SCRIPT, size_in_pages)
        .doc("Mappings are asked for up to the last whole page of the file.")
        .holds(&["SW-1"]),
    Case::new("swap_less_than_a_page", SCRIPT, less_than_a_page)
        .doc("Even for a range of no bytes a mapping is asked for.")
        .holds(&["IT-14"]),
    Case::new("swap_sync_fails", SCRIPT, sync_fails)
        .doc("The file is synchronised first, and an error of that is returned.")
        .holds(&["SW-1"]),
    Case::new("swap_begin_fails", SCRIPT, begin_fails)
        .doc("An error of the filesystem is returned.")
        .holds(&["SW-2"]),
    Case::new("swap_inline", SCRIPT, inline)
        .doc("Inline data cannot be swapped to.")
        .holds(&["SW-2"])
        .logs(&["swapon: file /mnt/file0 is inline$"]),
    Case::new("swap_hole", SCRIPT, hole)
        .doc("Neither can a hole or delayed space.")
        .holds(&["SW-2"])
        .logs(&["swapon: file /mnt/file0 has unallocated extents$"]),
    Case::new("swap_no_address", SCRIPT, no_address)
        .doc("Nor can a mapped extent of which nobody knows where it is.")
        .holds(&["DIFF-23"])
        .logs(&["swapon: file /mnt/file0 has unallocated extents$"]),
    Case::new("swap_dirty", SCRIPT, dirty)
        .doc("Nor an extent that is not committed.")
        .holds(&["SW-2"])
        .logs(&["swapon: file /mnt/file0 is not committed$"]),
    Case::new("swap_shared", SCRIPT, shared)
        .doc("Nor a shared one.")
        .holds(&["SW-2"])
        .logs(&["swapon: file /mnt/file0 has shared extents$"]),
    Case::new("swap_other_device", SCRIPT, other_device)
        .doc("Nor one on another device.")
        .holds(&["SW-2"])
        .logs(&["swapon: file /mnt/file0 outside the main device$"]),
    Case::new("swap_no_whole_page", SCRIPT, no_whole_page)
        .doc("A file without one whole page on the device is refused.")
        .holds(&["SW-5"])
        .logs(&["swapon: Cannot find a single usable page in file.$"]),
];

/// A file of `pages` pages whose header says `header` pages.
pub fn swap_file(
    context: &Context,
    options: &str,
    pages: u32,
    header: u32,
    extents: &str,
) -> Result<Scripted> {
    let script = format!("inode size={}\n{extents}", u64::from(pages) * 4096);
    let fs = Scripted::with_options(context, options, &script)?;
    fs.set_data(&header_page(header)?)?;
    Ok(fs)
}

fn header_page(pages: u32) -> Result<Vec<u8>> {
    let path = "/tmp/swap-header";
    swap::make(&File::create(path).context("no /tmp")?, pages)?;
    fs::read(path).context("the swap header")
}

fn on(fs: &Scripted) -> io::Result<()> {
    swap::on(&fs.path())
}

/// Activates, expects the log, deactivates.
fn accepted(fs: &Scripted, wanted: &[&str]) -> Result<()> {
    on(fs).context("swapon")?;
    let result = fs.expect(wanted);
    swap::off(&fs.path()).context("swapoff")?;
    result
}

fn refused(fs: &Scripted, errno: i32, wanted: &[&str]) -> Result<()> {
    let result = on(fs);
    if result.is_ok() {
        swap::off(&fs.path()).context("swapoff")?;
    }
    expect_errno(result, errno)?;
    fs.expect(wanted)
}

const FSYNC: &str = "fsync start=0 end=9223372036854775807 datasync=1";

fn contiguous(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        32,
        32,
        "extent offset=0 length=65536 addr=1048576\n\
         extent offset=65536 length=65536 addr=1114112 type=unwritten",
    )?;
    accepted(
        &fs,
        &[
            FSYNC,
            "begin pos=0 len=131072 flags=report",
            "end pos=0 len=65536 written=65536",
            "begin pos=65536 len=65536 type=unwritten",
            "end pos=65536 len=65536 written=65536",
            "swap_extent page=0 pages=32 start=256",
            // The header's page is out of the lowest, so the span is a page less.
            "swap ret=1 header=32 max=32 pages=31 highest_bit=31 span=31",
        ],
    )
}

fn scattered(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        16,
        8,
        "extent offset=0 length=20480 addr=1049088\n\
         extent offset=20480 length=4096 addr=2097664\n\
         extent offset=24576 length=8192 addr=524288\n\
         extent offset=32768 length=8192 addr=4194304\n\
         extent offset=40960 length=24576 addr=6291456",
    )?;
    accepted(
        &fs,
        &[
            FSYNC,
            "begin pos=0",
            "end written=20480",
            "begin pos=20480",
            "end written=4096",
            "begin pos=24576",
            "end written=8192",
            "begin pos=32768",
            "end written=8192",
            "begin pos=40960",
            "end written=24576",
            "swap_extent page=0 pages=4 start=257",
            "swap_extent page=4 pages=2 start=128",
            "swap_extent page=6 pages=2 start=1024",
            "swap ret=3 header=8 max=8 pages=7 highest_bit=7 span=898",
        ],
    )
}

fn no_more_than_the_header_says(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        32,
        10,
        "extent offset=0 length=131072 addr=1048576",
    )?;
    accepted(
        &fs,
        &[
            FSYNC,
            "begin pos=0 len=131072",
            "end written=131072",
            "swap_extent page=0 pages=10 start=256",
            // Of the span the whole extent counts.
            "swap ret=1 header=10 max=10 pages=9 highest_bit=9 span=31",
        ],
    )
}

fn size_in_pages(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        8,
        8,
        "extent offset=0 length=131072 addr=1048576",
    )?;
    fs.run("inode size=33000")?;
    on(&fs).context("swapon")?;
    let lines = fs.log();
    swap::off(&fs.path()).context("swapoff")?;
    super::log::compare(
        lines?.get(..3).context("too short a log")?,
        &[
            FSYNC,
            "begin pos=0 len=32768",
            "end pos=0 len=32768 written=32768",
        ],
    )
}

fn less_than_a_page(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        8,
        8,
        "extent offset=0 length=32768 addr=1048576",
    )?;
    fs.run("inode size=100")?;
    accepted(
        &fs,
        &[
            FSYNC,
            "begin pos=0 len=0 flags=report",
            "end pos=0 len=0 written=0",
            // The mapping that was handed out counts, not the range.
            "swap_extent page=0 pages=8 start=256",
            "swap ret=1 header=8 max=8 pages=7",
        ],
    )
}

fn sync_fails(context: &Context) -> Result<()> {
    let fs = swap_file(context, "", 8, 8, "error fsync=-28")?;
    refused(&fs, libc::ENOSPC, &["fsync ret=-28", "swap ret=-28"])
}

fn begin_fails(context: &Context) -> Result<()> {
    let fs = swap_file(context, "", 8, 8, "answer ret=-5")?;
    refused(&fs, libc::EIO, &[FSYNC, "begin ret=-5", "swap ret=-5"])
}

fn refuses(context: &Context, options: &str, mapping: &str) -> Result<()> {
    let extents = format!(
        "extent offset=0 length=16384 addr=1048576\nextent offset=16384 length=16384 {mapping}"
    );
    let fs = swap_file(context, options, 8, 8, &extents)?;
    refused(
        &fs,
        libc::EINVAL,
        &[
            FSYNC,
            "begin pos=0",
            "end written=16384",
            "begin pos=16384",
            "end written=0",
            "swap ret=-22 header=8",
        ],
    )
}

fn no_address(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine swaps to the start of the device");
    }
    refuses(context, "", "addr=0xffffffffffffffff")
}

fn inline(context: &Context) -> Result<()> {
    refuses(context, "", "type=inline")
}

fn hole(context: &Context) -> Result<()> {
    refuses(context, "", "type=hole")?;
    refuses(context, "", "type=delalloc")
}

fn dirty(context: &Context) -> Result<()> {
    refuses(context, "", "addr=2097152 flags=dirty")
}

fn shared(context: &Context) -> Result<()> {
    refuses(context, "", "addr=2097152 flags=shared")
}

fn other_device(context: &Context) -> Result<()> {
    let disk = crate::null_disk::NullDisk::with_cache(true)?;
    let options = format!("bdev2={}", disk.path().display());
    refuses(context, &options, "addr=2097152 bdev=1")
}

fn no_whole_page(context: &Context) -> Result<()> {
    let fs = swap_file(
        context,
        "",
        2,
        2,
        "extent offset=0 length=4096 addr=1049088\nextent offset=4096 length=4096 addr=2097664",
    )?;
    refused(
        &fs,
        libc::EINVAL,
        &[
            FSYNC,
            "begin",
            "end written=4096",
            "begin",
            "end written=4096",
            "swap ret=-22 header=2",
        ],
    )
}

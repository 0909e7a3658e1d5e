// SPDX-License-Identifier: GPL-2.0

//! The iterator, seen through the operations that run on it.

use std::io;

use anyhow::{ensure, Result};

use super::scripted::{expect_bytes, expect_errno, fill_device, Scripted};
use super::syscalls;
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::fiemap::{self, Request};

pub const CASES: &[Case] = &[
    Case::new("iter_walks_the_range", SCRIPT, walks_the_range)
        .doc("Each mapping is begun and ended in turn, with what is left of the range.")
        .holds(&["IT-1", "IT-2", "IT-3", "IT-8", "DIO-37"]),
    Case::new("iter_without_end_hook", SCRIPT, without_end_hook)
        .doc("A filesystem without iomap_end is iterated all the same.")
        .holds(&["IT-2"]),
    Case::new(
        "iter_end_error_without_progress",
        SCRIPT,
        end_error_without_progress,
    )
    .doc("An error of iomap_end counts if nothing was processed, the body's error beats it.")
    .holds(&["IT-4", "IT-5"]),
    Case::new(
        "iter_end_error_after_progress",
        SCRIPT,
        end_error_after_progress,
    )
    .doc("What iomap_end returns after progress is ignored, be it negative or positive.")
    .holds(&["IT-4", "IT-6"]),
    Case::new("iter_too_much_processed", SCRIPT, too_much_processed)
        .doc("More progress than the mapping has left is warned of and fails.")
        .holds(&["IT-6"])
        .logs(&[warning!(
            "more_processed_than_mapped",
            "iomap_iter(_advance)?"
        )]),
    Case::new(
        "iter_stale_without_progress",
        SCRIPT,
        stale_without_progress,
    )
    .doc("A mapping that went stale before any progress is asked for again.")
    .holds(&["IT-7"]),
    Case::new(
        "iter_stale_answer_is_dropped",
        SCRIPT,
        stale_answer_is_dropped,
    )
    .doc("What was found in a mapping that went stale does not count after the next one.")
    .holds(&["IT-7", "SK-2", "SK-3"]),
    Case::new("iter_stale_at_the_end", SCRIPT, stale_at_the_end)
        .doc("Staleness does not matter once the whole range is processed.")
        .holds(&["IT-6", "IT-7"]),
    Case::new("iter_stale_with_error", SCRIPT, stale_with_error)
        .doc("The body's error ends the iteration also where the mapping is stale.")
        .holds(&["IT-6"]),
    Case::new("iter_begin_fails", SCRIPT, begin_fails)
        .doc("An error of iomap_begin is returned and that mapping is not ended.")
        .holds(&["IT-9"]),
    Case::new("iter_begin_positive", SCRIPT, begin_positive)
        .doc("A positive return of iomap_begin is success.")
        .holds(&["IT-9"]),
    Case::new(
        "iter_source_map_limits_length",
        SCRIPT,
        source_map_limits_length,
    )
    .doc("A source mapping that ends early cuts the step; a hole is no source.")
    .holds(&["IT-11", "IT-12"]),
    Case::new("iter_body_stops", SCRIPT, body_stops)
        .doc("A body that processed nothing ends the iteration without an error.")
        .holds(&["IT-13", "BM-2"]),
];

fn walks_the_range(context: &Context) -> Result<()> {
    fill_device(context, 1_048_576 + 4096, 4096, 1)?;
    fill_device(context, 2_097_152, 4096, 2)?;
    let fs = Scripted::new(
        context,
        "inode size=12288\n\
         extent offset=0 length=8192 addr=1048576\n\
         extent offset=8192 length=1048576 addr=2097152",
    )?;
    let (count, data) = fs.read(4096, 8192)?;
    ensure!(count == 8192, "read {count} bytes");
    expect_bytes(&data[..4096], 1, "first mapping")?;
    expect_bytes(&data[4096..], 2, "second mapping")?;
    fs.expect(&[
        "read pos=4096 count=8192 sync=1",
        "begin pos=4096 len=8192 flags=direct private=1 offset=0 length=8192",
        "submit pos=4096 op=read sector=2056 bytes=4096",
        "end pos=4096 len=4096 written=4096 flags=direct ret=0",
        "begin pos=8192 len=4096 flags=direct private=1 offset=8192",
        "submit pos=8192 op=read sector=4096 bytes=4096",
        // The length of the step, not that of the mapping.
        "end pos=8192 len=4096 written=4096 flags=direct ret=0",
        "end_io pos=4096 size=8192 error=0 flags=- ret=0",
        "return ret=8192 pos=12288 left=0 dio_count=0",
    ])
}

fn without_end_hook(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nomit end\n\
         extent offset=0 length=4096 addr=4096\nextent offset=4096 length=4096 addr=16384",
    )?;
    ensure!(fs.read(0, 8192)?.0 == 8192);
    fs.expect(&[
        "read",
        "begin pos=0 len=8192",
        "submit pos=0",
        "begin pos=4096 len=4096",
        "submit pos=4096",
        "end_io size=8192 error=0",
        "return ret=8192",
    ])
}

fn end_error_without_progress(context: &Context) -> Result<()> {
    // Seeking stops at once where it finds what it looks for: no progress.
    let fs = Scripted::new(
        context,
        "inode size=4096\nend ret=-28\nextent offset=0 length=4096 addr=4096",
    )?;
    expect_errno(seek_data(&fs), libc::ENOSPC)?;
    fs.expect(&[
        "begin pos=0 len=4096 flags=report",
        "end pos=0 len=4096 written=0 ret=-28",
    ])?;

    // The body fails and so does iomap_end: the body's error is the one.
    fs.restart(
        "inode size=4096\nend ret=-28\nextent offset=0 length=4096 addr=4096 type=delalloc",
    )?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "end pos=0 len=4096 written=0 flags=direct type=delalloc ret=-28",
        "end_io size=0 error=-5",
        "return ret=-5",
    ])
}

fn seek_data(fs: &Scripted) -> io::Result<i64> {
    syscalls::seek(fs.file(), 0, libc::SEEK_DATA)
}

fn end_error_after_progress(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nend ret=-28\nend written\n\
         extent offset=0 length=4096 addr=4096\nextent offset=4096 length=4096 addr=8192",
    )?;
    ensure!(fs.read(0, 8192)?.0 == 8192);
    fs.expect(&[
        "read",
        "begin pos=0 len=8192",
        "submit pos=0",
        "end pos=0 written=4096 ret=-28",
        "begin pos=4096 len=4096",
        "submit pos=4096",
        "end pos=4096 written=4096 ret=4096",
        "end_io size=8192 error=0",
        "return ret=8192",
    ])
}

fn too_much_processed(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nend length=512\nextent offset=0 length=4096 addr=4096",
    )?;
    expect_errno(fs.read(0, 8192), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin pos=0 len=8192",
        "submit pos=0 bytes=4096",
        "end pos=0 len=4096 written=4096",
        "end_io size=4096 error=-5",
        "return ret=-5 dio_count=0",
    ])
}

fn stale_without_progress(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nend stale\nend stale\nextent offset=4096 length=4096 addr=4096",
    )?;
    let found = seek_data(&fs)?;
    ensure!(found == 4096, "data found at {found}");
    fs.expect(&[
        "begin pos=0 len=8192 type=hole",
        // Progress over the hole, then none and stale: the same position again.
        "end pos=0 written=4096",
        "begin pos=4096 len=4096 type=mapped",
        "end pos=4096 written=0",
        "begin pos=4096 len=4096 type=mapped",
        "end pos=4096 written=0",
    ])
}

fn stale_answer_is_dropped(context: &Context) -> Result<()> {
    const HOLE: &str = "answer offset=0 length=4096 type=hole";
    const DATA: &str = "answer offset=0 length=4096 addr=65536";
    let fs = Scripted::new(context, "")?;
    let restart =
        |first, second| fs.restart(&format!("inode size=4096\n{first}\n{second}\nend stale"));
    let wanted = [
        "begin pos=0",
        "end pos=0 written=0",
        "begin pos=0",
        "end pos=0 written=4096",
    ];

    restart(HOLE, DATA)?;
    let hole = syscalls::seek(fs.file(), 0, libc::SEEK_HOLE)?;
    ensure!(hole == 4096, "hole found at {hole}");
    fs.expect(&wanted)?;

    restart(DATA, HOLE)?;
    expect_errno(seek_data(&fs), libc::ENXIO)?;
    fs.expect(&wanted)
}

fn stale_at_the_end(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nend stale\nextent offset=0 length=4096 addr=4096",
    )?;
    ensure!(fs.read(0, 4096)?.0 == 4096);
    fs.expect(&[
        "read",
        "begin",
        "submit",
        "end written=4096",
        "end_io",
        "return ret=4096",
    ])
}

fn stale_with_error(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nend stale\nextent offset=0 length=4096 type=delalloc",
    )?;
    expect_errno(fs.read(0, 4096), libc::EIO)?;
    fs.expect(&[
        "read",
        "begin",
        "end written=0",
        "end_io size=0 error=-5",
        "return ret=-5",
    ])
}

fn begin_fails(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nanswer lookup\nanswer ret=-122\nextent offset=0 length=4096 addr=4096",
    )?;
    expect_errno(fs.read(0, 8192), libc::EDQUOT)?;
    fs.expect(&[
        "read",
        "begin pos=0 ret=0",
        "submit pos=0",
        "end pos=0 written=4096",
        "begin pos=4096 len=4096 ret=-122",
        "end_io size=4096 error=-122",
        "return ret=-122 pos=0 dio_count=0",
    ])
}

fn begin_positive(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nanswer ret=7 offset=0 length=4096 addr=4096",
    )?;
    ensure!(fs.read(0, 4096)?.0 == 4096);
    fs.expect(&[
        "read",
        "begin ret=7",
        "submit",
        "end written=4096",
        "end_io",
        "return ret=4096",
    ])
}

fn source_map_limits_length(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\n\
         answer offset=0 length=8192 addr=65536 flags=shared src offset=0 length=4096 addr=4096\n\
         answer offset=0 length=8192 addr=65536 src type=hole offset=0 length=512",
    )?;
    ensure!(fs.write(0, 8192, 7)? == 8192);
    fs.expect(&[
        "write",
        "begin pos=0 len=8192",
        "submit pos=0 op=write sector=128 bytes=4096",
        "end pos=0 len=4096 written=4096",
        "begin pos=4096 len=4096",
        "submit pos=4096 op=write sector=136 bytes=4096",
        "end pos=4096 len=4096 written=4096",
        "end_io size=8192 error=0 flags=cow",
        "return ret=8192",
    ])
}

fn body_stops(context: &Context) -> Result<()> {
    // A full array ends FIEMAP: no more mappings are asked for, and no error.
    let fs = Scripted::new(
        context,
        "inode size=12288\nextent offset=0 length=4096 addr=4096\n\
         extent offset=4096 length=4096 addr=16384\nextent offset=8192 length=4096 addr=4096",
    )?;
    let request = Request {
        length: 12288,
        flags: 0,
        room: 1,
        start: 0,
    };
    let answer = fiemap::ask(fs.file(), request).map_err(|(error, _)| error)?;
    ensure!(answer.mapped == 1, "{} extents", answer.mapped);
    fs.expect(&[
        "begin pos=0 len=12288 flags=report",
        "end pos=0 written=4096",
        "begin pos=4096 len=8192",
        "end pos=4096 written=0",
    ])
}

// SPDX-License-Identifier: GPL-2.0

//! FIEMAP of scripted extents.

use anyhow::{ensure, Result};

use super::scripted::{expect_errno, Scripted};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::fiemap::{self, Extent, Request};

/// Flags of an extent (`linux/fiemap.h`) that real filesystems' tests do not need.
const EXTENT_NOT_ALIGNED: u32 = 0x100;

/// The largest size of a file of `script_fs`.
const MAX_BYTES: u64 = 1 << 40;

pub const CASES: &[Case] = &[
    Case::new("fiemap_arguments", SCRIPT, arguments)
        .doc("Empty ranges, ranges past the largest size and unknown flags are refused.")
        .holds(&["FM-1"]),
    Case::new("fiemap_flushes_if_asked", SCRIPT, flushes_if_asked)
        .doc("Only with the sync flag dirty pages are written first.")
        .holds(&["FM-1"]),
    Case::new("fiemap_reports_in_order", SCRIPT, reports_in_order)
        .doc("All but holes is reported as the filesystem has it; the last entry is marked.")
        .holds(&["FM-2", "FM-3"]),
    Case::new("fiemap_kinds", SCRIPT, kinds)
        .doc("Kind and flags of a mapping become flags of the extent.")
        .holds(&["FM-3"]),
    Case::new("fiemap_array_sizes", SCRIPT, array_sizes)
        .doc("A full array ends the report without a mark, one that just fits has it, none counts.")
        .holds(&["FM-4"]),
    Case::new("fiemap_no_entry", SCRIPT, no_entry)
        .doc("ENOENT ends the report without an error, and the pending extent is the last.")
        .holds(&["FM-5"]),
    Case::new("fiemap_error", SCRIPT, error)
        .doc("Any other error is returned, also with an extent pending.")
        .holds(&["FM-5", "DIFF-4"]),
    Case::new("fiemap_bad_memory", SCRIPT, bad_memory)
        .doc("Extents that cannot be given to the program are EFAULT, the last one, too.")
        .holds(&["FM-5"]),
];

fn report(fs: &Scripted, request: Request) -> Result<Vec<Extent>> {
    let answer = fiemap::ask(fs.file(), request).map_err(|(error, _)| error)?;
    ensure!(answer.mapped as usize == answer.extents.len() || request.room == 0);
    Ok(answer.extents)
}

const PLAIN: Request = Request {
    start: 0,
    length: 65536,
    flags: 0,
    room: 16,
};

fn arguments(context: &Context) -> Result<()> {
    const FLAG_UNKNOWN: u32 = 0x4000_0000;
    let fs = Scripted::new(context, "")?;
    for (request, errno) in [
        (Request { length: 0, ..PLAIN }, libc::EINVAL),
        (
            Request {
                start: MAX_BYTES,
                ..PLAIN
            },
            libc::EFBIG,
        ),
        (
            Request {
                flags: fiemap::FLAG_XATTR,
                ..PLAIN
            },
            libc::EBADR,
        ),
        (
            Request {
                flags: FLAG_UNKNOWN,
                ..PLAIN
            },
            libc::EBADR,
        ),
    ] {
        let (error, flags) = match fiemap::ask(fs.file(), request) {
            Ok(_) => anyhow::bail!("accepted"),
            Err(error) => error,
        };
        expect_errno::<()>(Err(error), errno)?;
        if errno == libc::EBADR {
            ensure!(flags == request.flags, "incompatible flags {flags:#x}");
        }
        fs.expect(&[])?;
    }
    // A length over the largest size is cut.
    report(
        &fs,
        Request {
            start: 4096,
            length: u64::MAX,
            ..PLAIN
        },
    )?;
    let wanted = format!("begin pos=4096 len={} flags=report", MAX_BYTES - 4096);
    fs.expect(&[&wanted, "end"])
}

fn flushes_if_asked(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=65536\ncache index=0 dirty")?;
    report(&fs, PLAIN)?;
    fs.expect(&["begin type=hole", "end"])?;
    report(
        &fs,
        Request {
            flags: fiemap::FLAG_SYNC,
            ..PLAIN
        },
    )?;
    fs.expect(&["writepages", "begin type=hole", "end"])
}

fn reports_in_order(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=65536\n\
         extent offset=0 length=8192 addr=1048576\n\
         extent offset=16384 length=4096 addr=65536 type=unwritten\n\
         extent offset=20480 length=1048576 addr=2097152",
    )?;
    let extents = report(
        &fs,
        Request {
            start: 4096,
            length: 32768,
            ..PLAIN
        },
    )?;
    let wanted = [
        // Not cut to what was asked for, neither at the start nor at the end.
        Extent {
            logical: 0,
            physical: 1_048_576,
            length: 8192,
            flags: 0,
        },
        Extent {
            logical: 16384,
            physical: 65536,
            length: 4096,
            flags: fiemap::EXTENT_UNWRITTEN,
        },
        Extent {
            logical: 20480,
            physical: 2_097_152,
            length: 1_048_576,
            flags: fiemap::EXTENT_LAST,
        },
    ];
    ensure!(extents == wanted, "{extents:?}");
    fs.expect(&[
        "begin pos=4096 len=32768 flags=report type=mapped",
        "end pos=4096 len=4096 written=4096 flags=report",
        "begin pos=8192 len=28672 type=hole",
        "end pos=8192 len=8192 written=8192",
        "begin pos=16384 len=20480 type=unwritten",
        "end pos=16384 len=4096 written=4096",
        "begin pos=20480 len=16384 type=mapped",
        "end pos=20480 len=16384 written=16384",
    ])
}

fn kinds(context: &Context) -> Result<()> {
    use fiemap::{
        EXTENT_DATA_INLINE, EXTENT_DELALLOC, EXTENT_LAST, EXTENT_MERGED, EXTENT_UNKNOWN,
        EXTENT_UNWRITTEN,
    };
    let fs = Scripted::new(context, "")?;
    for (mapping, physical, flags) in [
        ("addr=4096", 4096, 0),
        ("addr=0xffffffffffffffff", 0, 0),
        ("type=unwritten addr=4096", 4096, EXTENT_UNWRITTEN),
        (
            "type=delalloc addr=0xffffffffffffffff",
            0,
            EXTENT_DELALLOC | EXTENT_UNKNOWN,
        ),
        (
            "type=inline addr=512",
            512,
            EXTENT_DATA_INLINE | EXTENT_NOT_ALIGNED,
        ),
        ("addr=4096 flags=merged", 4096, EXTENT_MERGED),
        ("addr=4096 flags=shared", 4096, fiemap::EXTENT_SHARED),
        (
            "addr=4096 flags=merged|shared|new|dirty",
            4096,
            EXTENT_MERGED | fiemap::EXTENT_SHARED,
        ),
        (
            "type=unwritten addr=4096 flags=shared",
            4096,
            EXTENT_UNWRITTEN | fiemap::EXTENT_SHARED,
        ),
    ] {
        fs.restart(&format!("extent offset=0 length=65536 {mapping}"))?;
        let extents = report(&fs, PLAIN)?;
        let flags = flags | EXTENT_LAST;
        let wanted = Extent {
            logical: 0,
            physical,
            length: 65536,
            flags,
        };
        ensure!(
            extents == [wanted],
            "{mapping}: {extents:?} instead of {wanted:?}"
        );
    }
    Ok(())
}

fn array_sizes(context: &Context) -> Result<()> {
    const EXTENTS: &str = "extent offset=0 length=4096 addr=4096\n\
                           extent offset=8192 length=4096 addr=12288\n\
                           extent offset=20480 length=4096 addr=40960";
    let fs = Scripted::new(context, EXTENTS)?;
    for (room, last) in [(1, false), (2, false), (3, true), (4, true)] {
        let extents = report(&fs, Request { room, ..PLAIN })?;
        ensure!(extents.len() == room.min(3) as usize, "{extents:?}");
        let marked = extents
            .iter()
            .filter(|extent| extent.has(fiemap::EXTENT_LAST))
            .count();
        ensure!(marked == usize::from(last), "room for {room}: {extents:?}");
    }
    let answer =
        fiemap::ask(fs.file(), Request { room: 0, ..PLAIN }).map_err(|(error, _)| error)?;
    ensure!(answer.mapped == 3, "{} counted", answer.mapped);
    fs.clear_log()?;

    // Nothing is asked for once the array is full.
    report(&fs, Request { room: 1, ..PLAIN })?;
    fs.expect(&[
        "begin pos=0",
        "end written=4096",
        "begin pos=4096 type=hole",
        "end written=4096",
        // This is where the first one goes out.
        "begin pos=8192",
        "end pos=8192 written=0",
    ])
}

fn no_entry(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "answer ret=-2")?;
    ensure!(report(&fs, PLAIN)?.is_empty());
    fs.expect(&["begin ret=-2"])?;

    fs.run("answer offset=0 length=4096 addr=4096\nanswer ret=-2")?;
    // The answer above is used up, these are the second and the third.
    let extents = report(&fs, PLAIN)?;
    let flags = fiemap::EXTENT_LAST;
    let wanted = Extent {
        logical: 0,
        physical: 4096,
        length: 4096,
        flags,
    };
    ensure!(extents == [wanted], "{extents:?}");
    fs.expect(&[
        "begin pos=0 ret=0",
        "end written=4096",
        "begin pos=4096 ret=-2",
    ])
}

fn error(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "answer offset=0 length=4096 addr=4096\nanswer ret=-5",
    )?;
    match fiemap::ask(fs.file(), PLAIN) {
        Ok(answer) => anyhow::bail!("no error but {:?}", answer.extents),
        Err((error, _)) => expect_errno::<()>(Err(error), libc::EIO)?,
    }
    fs.expect(&[
        "begin pos=0 ret=0",
        "end written=4096",
        "begin pos=4096 ret=-5",
    ])
}

fn bad_memory(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=65536")?;
    let mut memory = AlignedBuf::new(2 * PAGE_SIZE)?;
    memory.unmap_from(PAGE_SIZE)?;
    // Without an extent there is nothing to give.
    fiemap::ask_beyond(fs.file(), &mut memory, 16)?;
    fs.run("extent offset=0 length=4096 addr=65536")?;
    expect_errno(fiemap::ask_beyond(fs.file(), &mut memory, 16), libc::EFAULT)?;
    // One with others behind it.
    fs.run("extent offset=8192 length=4096 addr=131072")?;
    fs.clear_log()?;
    expect_errno(fiemap::ask_beyond(fs.file(), &mut memory, 16), libc::EFAULT)?;
    fs.expect_only(
        "begin",
        &["begin pos=0", "begin pos=4096", "begin pos=8192"],
    )?;
    // Whoever only counts them needs no memory.
    fiemap::ask_beyond(fs.file(), &mut memory, 0)?;
    Ok(())
}

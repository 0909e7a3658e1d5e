// SPDX-License-Identifier: GPL-2.0

//! Direct reads: what each kind of mapping gives, the end of the file, and the
//! buffer.

use std::fs::File;
use std::io::IoSliceMut;

use anyhow::{ensure, Context as _, Result};

use super::scripted::{expect_bytes, expect_errno, fill_device, Scripted};
use crate::case::Case;
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("dio_length_zero", SCRIPT, length_zero)
        .doc("A request of no bytes does nothing and returns 0.")
        .holds(&["DIO-1"]),
    Case::new("dio_read_past_eof", SCRIPT, read_past_eof)
        .doc("A read at or after the end returns 0 without flushing, mapping or end_io.")
        .holds(&["DIO-3", "DIO-8"]),
    Case::new("dio_read_across_eof", SCRIPT, read_across_eof)
        .doc("A read over the end is mapped and read whole, and then cut to the size.")
        .holds(&["DIO-2", "DIO-23", "DIO-32"]),
    Case::new("dio_read_while_file_grows", SCRIPT, read_while_file_grows)
        .doc("The size that counts is that when the read began.")
        .holds(&["DIO-32"]),
    Case::new("dio_read_hole_and_unwritten", SCRIPT, read_hole_and_unwritten)
        .doc("Holes and unwritten mappings read as zeroes without any I/O.")
        .holds(&["DIO-10", "DIO-36"]),
    Case::new("dio_read_hole_into_bad_memory", SCRIPT, read_hole_into_bad_memory)
        .doc("Zeroing as far as the buffer goes is progress, none at all is EFAULT.")
        .holds(&["DIO-10", "DIO-25"]),
    Case::new("dio_read_kinds_in_one_request", SCRIPT, read_kinds_in_one_request)
        .doc("One read over a hole, data and unwritten space puts all in the right place.")
        .holds(&["DIO-10", "DIO-19"]),
    Case::new("dio_read_delalloc", SCRIPT, read_delalloc)
        .doc("A delayed allocation under direct I/O fails with a message.")
        .holds(&["DIO-10"])
        .logs(&["Direct I/O collision with buffered writes! File: /file0 Comm: "]),
    Case::new("dio_alignment", SCRIPT, alignment)
        .doc("Position, mapping, length and memory must suit the device's sectors; blocks do not matter.")
        .holds(&["DIO-11"]),
    Case::new("dio_many_segments", SCRIPT, many_segments)
        .doc("More segments than a bio holds are read by several bios, in order.")
        .holds(&["DIO-18", "DIO-19", "DIO-20", "DIO-21"]),
    Case::new("dio_registered_memory", SCRIPT, registered_memory)
        .doc("Memory that comes as a vector of pages is read into by one bio, however long.")
        .holds(&["DIO-20"]),
    Case::new("dio_read_own_bio_set", SCRIPT, read_own_bio_set)
        .doc("Bios come from the filesystem's set if it has one.")
        .holds(&["DIO-22"]),
    Case::new("dio_without_hooks", SCRIPT, without_hooks)
        .doc("Every direct I/O hook may be missing, and so may their table.")
        .holds(&["DIO-22", "DIO-32"]),
    Case::new("dio_read_extraction_fails", SCRIPT, read_extraction_fails)
        .doc("Bad memory behind good: the part before is read, then the request fails.")
        .holds(&["DIO-20", "DIO-25", "DIO-26"]),
];

fn length_zero(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=4096\ncache index=0 dirty")?;
    // read(2) with no bytes does not come down to the filesystem, AIO does.
    let result = Method::Aio.run(fs.file(), &mut [Transfer::read(0, 0)?], 1)?;
    ensure!(matches!(result.as_slice(), [Ok(0)]), "{result:?}");
    fs.expect(&["read count=0 sync=0", "return ret=0 pos=0 dio_count=0"])?;

    let result = Method::Aio.run(fs.file(), &mut [Transfer::write(0, AlignedBuf::new(0)?)], 1)?;
    ensure!(matches!(result.as_slice(), [Ok(0)]), "{result:?}");
    fs.expect(&["write count=0 sync=0", "return ret=0 pos=0 dio_count=0"])
}

fn read_past_eof(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nextent offset=0 length=65536 addr=4096\ncache index=1 dirty",
    )?;
    for pos in [4096, 8192] {
        let (count, data) = fs.read(pos, 4096)?;
        ensure!(count == 0, "{count} bytes at {pos}");
        expect_bytes(&data, 0xEE, "the buffer")?;
        fs.expect(&["read", "return ret=0 left=4096 dio_count=0"])?;
    }
    Ok(())
}

fn read_across_eof(context: &Context) -> Result<()> {
    fill_device(context, 65536, 4096, 0x5A)?;
    let fs = Scripted::new(
        context,
        "inode size=1000\nextent offset=0 length=65536 addr=65536",
    )?;
    let (count, data) = fs.read(0, 4096)?;
    ensure!(count == 1000, "{count} bytes");
    expect_bytes(&data[..1000], 0x5A, "the file")?;
    fs.expect(&[
        "read",
        "begin pos=0 len=4096",
        "submit bytes=4096 vecs=1",
        "end written=4096",
        "end_io size=4096 error=0",
        // What is past the end is given back to the iov.
        "return ret=1000 pos=1000 left=3096",
    ])
}

fn read_while_file_grows(context: &Context) -> Result<()> {
    fill_device(context, 65536, 4096, 0x5A)?;
    let fs = Scripted::new(context, "")?;
    for (size, later, count) in [(1000, 4096, 1000), (4096, 1000, 4096)] {
        fs.restart(&format!(
            "inode size={size}\nextent offset=0 length=65536 addr=65536\nbio hold"
        ))?;
        let mut transfer = Transfer::read(0, 4096)?;
        let result = fs.queued(Method::Aio, &mut transfer, || {
            fs.run(&format!("inode size={later}\nrelease"))
        })?;
        let found = result?;
        ensure!(found == count, "{found} bytes instead of {count}");
        fs.expect_only("end_io", &["end_io size=4096 error=0"])?;
    }
    Ok(())
}

fn read_hole_and_unwritten(context: &Context) -> Result<()> {
    fill_device(context, 65536, 4096, 0x5A)?;
    let fs = Scripted::new(context, "")?;
    for extent in [
        "type=hole",
        "type=unwritten",
        "type=unwritten flags=new|shared",
    ] {
        fs.restart(&format!(
            "inode size=4096\nextent offset=0 length=4096 addr=65536 {extent}"
        ))?;
        let (count, data) = fs.read(0, 4096)?;
        ensure!(count == 4096, "{count} bytes");
        expect_bytes(&data, 0, extent)?;
        fs.expect(&[
            "read",
            "begin",
            "end written=4096",
            "end_io size=4096 error=0 flags=- context=task",
            "return ret=4096",
        ])?;
    }
    Ok(())
}

fn read_hole_into_bad_memory(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "inode size=8192")?;
    let mut buffer = AlignedBuf::filled(8192, 0xEE)?;
    let start = buffer.as_mut_ptr();
    buffer.unmap_from(4096)?;
    // The first half is zeroed; the second fails, and an error replaces the count.
    expect_errno(raw_io::read_to(fs.file(), start, 8192, 0), libc::EFAULT)?;
    expect_bytes(&buffer, 0, "the mapped half")?;
    fs.expect(&[
        "read",
        "begin pos=0 len=8192 type=hole",
        "end pos=0 len=8192 written=4096",
        "begin pos=4096 len=4096 type=hole",
        "end pos=4096 len=4096 written=0",
        "end_io size=4096 error=-14",
        "return ret=-14",
    ])
}

fn read_kinds_in_one_request(context: &Context) -> Result<()> {
    fill_device(context, 65536, 65536, 0x5A)?;
    let fs = Scripted::new(
        context,
        "inode size=16384\n\
         extent offset=4096 length=4096 addr=69632\n\
         extent offset=8192 length=4096 type=unwritten addr=73728\n\
         extent offset=12288 length=4096 addr=77824",
    )?;
    let (count, data) = fs.read(0, 16384)?;
    ensure!(count == 16384, "{count} bytes");
    for (index, page) in data.chunks(4096).enumerate() {
        expect_bytes(page, if index % 2 == 1 { 0x5A } else { 0 }, "a page")?;
    }
    fs.expect(&[
        "read",
        "begin pos=0 type=hole length=4096",
        "end written=4096",
        "begin pos=4096 type=mapped",
        "submit pos=4096 bytes=4096",
        "end written=4096",
        "begin pos=8192 type=unwritten",
        "end written=4096",
        "begin pos=12288 type=mapped",
        "submit pos=12288 bytes=4096",
        "end written=4096",
        "end_io size=16384 error=0",
        "return ret=16384 left=0",
    ])
}

fn read_delalloc(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=4096\nextent offset=0 length=4096 type=delalloc",
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

fn alignment(context: &Context) -> Result<()> {
    const EXTENT: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536";
    let fs = Scripted::new(context, EXTENT)?;
    let mut buffer = AlignedBuf::new(16384)?;
    let start = buffer.as_mut_ptr();
    // Sectors will do, blocks of the filesystem (4096) are not needed.
    ensure!(raw_io::read_to(fs.file(), start, 1536, 512)? == 1536);
    fs.expect(&[
        "read",
        "begin",
        "submit sector=129 bytes=1536",
        "end",
        "end_io",
        "return",
    ])?;

    let dma_alignment: usize = fs.disk().number("queue/dma_alignment")?;
    for (pos, length, shift) in [
        (256, 512, 0),
        (512, 700, 0),
        (0, 512, dma_alignment / 2 + 1),
    ] {
        if shift > dma_alignment {
            continue;
        }
        let address = start.wrapping_add(shift);
        expect_errno(
            raw_io::read_to(fs.file(), address, length, pos),
            libc::EINVAL,
        )
        .with_context(|| format!("{length} bytes at {pos}, memory off by {shift}"))?;
        fs.expect(&[
            "read",
            "begin",
            "end written=0",
            "end_io size=0 error=-22",
            "return ret=-22 dio_count=0",
        ])?;
    }

    // The mapping's end counts, not only the request's.
    fs.restart("inode size=65536\nextent offset=0 length=700 addr=65536")?;
    expect_errno(fs.read(0, 4096), libc::EINVAL)?;
    fs.expect(&[
        "read",
        "begin length=700",
        "end",
        "end_io error=-22",
        "return ret=-22",
    ])
}

fn many_segments(context: &Context) -> Result<()> {
    const SEGMENTS: usize = 300;
    const SEGMENT: usize = 512;
    fill_device(context, 1 << 20, SEGMENTS * SEGMENT, 0x77)?;
    let fs = Scripted::new(
        context,
        "inode size=1048576\nextent offset=0 length=1048576 addr=1048576",
    )?;
    // A segment at the start of each page: none can be merged with another.
    let mut memory = AlignedBuf::new(SEGMENTS * 4096)?;
    let mut segments: Vec<IoSliceMut<'_>> = memory
        .chunks_mut(4096)
        .filter_map(|page| page.get_mut(..SEGMENT))
        .map(IoSliceMut::new)
        .collect();
    let count = raw_io::read_vectored(fs.file(), &mut segments, 0, 0)?;
    ensure!(count == SEGMENTS * SEGMENT, "{count} bytes");
    for segment in &segments {
        expect_bytes(segment, 0x77, "a segment")?;
    }
    fs.expect(&[
        "read count=153600",
        "begin pos=0 len=153600",
        "submit pos=0 op=read flags=- sector=2048 bytes=131072 vecs=256 plugged=1",
        "submit pos=131072 op=read flags=- sector=2304 bytes=22528 vecs=44 plugged=1",
        "end written=153600",
        "end_io size=153600 error=0",
        "return ret=153600 left=0",
    ])
}

fn registered_memory(context: &Context) -> Result<()> {
    const LENGTH: usize = 2 << 20;
    fill_device(context, 1 << 20, LENGTH, 0x66)?;
    let fs = Scripted::new(
        context,
        "inode size=2097152\nextent offset=0 length=2097152 addr=1048576",
    )?;
    // More pages than a bio of the engine's own making could hold.
    let mut transfers = [Transfer::read(0, LENGTH)?];
    Method::UringFixed.run_whole(fs.file(), &mut transfers, 1)?;
    for transfer in &transfers {
        expect_bytes(&transfer.buffer, 0x66, "the data")?;
    }
    fs.expect_only("submit", &["submit pos=0 op=read bytes=2097152"])
}

fn read_own_bio_set(context: &Context) -> Result<()> {
    const SCRIPT_TEXT: &str = "inode size=4096\nextent offset=0 length=4096 addr=65536";
    let fs = Scripted::new(context, SCRIPT_TEXT)?;
    for (command, own) in [("", 0), ("dio bio_set", 1)] {
        fs.run(command)?;
        ensure!(fs.read(0, 4096)?.0 == 4096);
        let submit = format!("submit own_set={own}");
        fs.expect(&["read", "begin", &submit, "end", "end_io", "return ret=4096"])?;
    }
    Ok(())
}

fn without_hooks(context: &Context) -> Result<()> {
    fill_device(context, 65536, 4096, 0x42)?;
    let fs = Scripted::new(context, "")?;
    for (omit, submit, end_io) in [
        ("submit_io", false, true),
        ("end_io", true, false),
        ("submit_io end_io", false, false),
        ("dio_ops", false, false),
    ] {
        fs.restart(&format!(
            "inode size=4096\nextent offset=0 length=4096 addr=65536\nomit {omit}"
        ))?;
        let (count, data) = fs.read(0, 4096)?;
        ensure!(count == 4096, "{count} bytes without {omit}");
        expect_bytes(&data, 0x42, "the data")?;
        let mut wanted = vec!["read", "begin"];
        wanted.extend(submit.then_some("submit"));
        wanted.push("end");
        wanted.extend(end_io.then_some("end_io"));
        wanted.push("return ret=4096 pos=4096 dio_count=0");
        fs.expect(&wanted)?;
    }
    Ok(())
}

fn read_extraction_fails(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=8192\nextent offset=0 length=8192 addr=65536",
    )?;
    expect_errno(read_into_half_mapped(fs.file()), libc::EFAULT)?;
    fs.expect(&[
        "read",
        "begin pos=0 len=8192",
        "submit pos=0 bytes=4096",
        "end pos=0 len=8192 written=4096",
        "begin pos=4096 len=4096",
        "end pos=4096 len=4096 written=0",
        // The first error stands for the whole request.
        "end_io size=4096 error=-14",
        "return ret=-14",
    ])
}

fn read_into_half_mapped(file: &File) -> std::io::Result<usize> {
    let mut buffer = AlignedBuf::new(8192)?;
    let start = buffer.as_mut_ptr();
    buffer.unmap_from(4096)?;
    raw_io::read_to(file, start, 8192, 0)
}

// SPDX-License-Identifier: GPL-2.0

//! Direct writes to parts of blocks: what has to be zeroed around the data.

use anyhow::{bail, ensure, Result};

use super::scripted::{expect_bytes, expect_errno, fill_device, Scripted};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::suites::SCRIPT;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("dio_write_zeroes_block_ends", SCRIPT, zeroes_block_ends)
        .doc("In new and unwritten blocks what surrounds the data is zeroed, before and after.")
        .holds(&["DIO-12", "DIO-17"]),
    Case::new("dio_write_zeroes_tail_at_eof", SCRIPT, zeroes_tail_at_eof)
        .doc("A write that ends at or after the size zeroes the rest of its last block.")
        .holds(&["DIO-17"]),
    Case::new(
        "dio_write_whole_blocks_need_no_zeroes",
        SCRIPT,
        whole_blocks_need_no_zeroes,
    )
    .doc("Whole new blocks are written without a bio of zeroes.")
    .holds(&["DIO-17"]),
    Case::new(
        "dio_write_zeroes_largest_block",
        SCRIPT,
        zeroes_largest_block,
    )
    .doc("In blocks of 64 KiB all but one sector can be zeroed.")
    .holds(&["DIO-17", "IN-2"]),
    Case::new(
        "dio_write_zeroes_too_large_block",
        SCRIPT,
        zeroes_too_large_block,
    )
    .doc("Zeroing more than 64 KiB of a block is refused with a warning.")
    .holds(&["DIO-17"])
    .logs(&[warning!(
        "dio_block_too_large_to_pad",
        "iomap_dio_(zero|bio_iter|iter)|__iomap_dio_rw"
    )]),
    Case::new("dio_write_extraction_fails", SCRIPT, extraction_fails)
        .doc("A write that cannot get at its memory midway zeroes the rest of the block it began.")
        .holds(&["DIO-20", "DIFF-3"]),
    Case::new("dio_write_goes_on_in_a_block", SCRIPT, goes_on_in_a_block)
        .doc("Data that ran out in a new block is not zeroed when the write goes on behind it.")
        .holds(&["DIFF-11"]),
];

fn zeroes_block_ends(context: &Context) -> Result<()> {
    for (kind, flags) in [("flags=new", "-"), ("type=unwritten", "unwritten")] {
        fill_device(context, 65536, 16384, 0xA5)?;
        let fs = Scripted::new(
            context,
            &format!("inode size=65536\nextent offset=0 length=65536 addr=65536 {kind}"),
        )?;
        ensure!(fs.write(4096 + 512, 1024, 0x31)? == 1024);
        fs.expect(&[
            "write",
            "begin pos=4608 len=1024",
            "submit pos=4096 op=write flags=sync|idle sector=136 bytes=512",
            "submit pos=4608 op=write flags=sync|idle sector=137 bytes=1024",
            "submit pos=5632 op=write flags=sync|idle sector=139 bytes=2560",
            "end written=1024",
            // The zeroes are no part of the size.
            &format!("end_io size=1024 error=0 flags={flags}"),
            "return ret=1024 pos=5632",
        ])?;
        expect_bytes(&fs.device(65536, 4096)?, 0xA5, "the block before")?;
        let block = fs.device(69632, 4096)?;
        expect_bytes(&block[..512], 0, "the head")?;
        expect_bytes(&block[512..1536], 0x31, "the data")?;
        expect_bytes(&block[1536..], 0, "the tail")?;
        expect_bytes(&fs.device(73728, 4096)?, 0xA5, "the block after")?;
    }
    Ok(())
}

fn zeroes_tail_at_eof(context: &Context) -> Result<()> {
    const EXTENT: &str = "extent offset=0 length=65536 addr=65536";
    // Ends at the size, and after it: mapped and not new, so no zeroes in front.
    for size in [1536, 1000] {
        let fs = Scripted::new(context, &format!("inode size={size}\n{EXTENT}"))?;
        ensure!(fs.write(1024, 512, 1)? == 512);
        fs.expect(&[
            "write",
            "begin pos=1024 len=512",
            "submit pos=1024 sector=130 bytes=512",
            "submit pos=1536 sector=131 bytes=2560",
            "end written=512",
            "end_io size=512",
            "return ret=512",
        ])?;
    }
    // Ends before the size: a plain overwrite.
    let fs = Scripted::new(context, &format!("inode size=1537\n{EXTENT}"))?;
    ensure!(fs.write(1024, 512, 1)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=1024 bytes=512",
        "end",
        "end_io",
        "return",
    ])
}

fn whole_blocks_need_no_zeroes(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "extent offset=0 length=65536 addr=65536 flags=new type=unwritten",
    )?;
    ensure!(fs.write(4096, 8192, 1)? == 8192);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=4096 bytes=8192",
        "end",
        "end_io",
        "return",
    ])?;
    // The block size of the inode decides, not that of the page.
    fs.run("inode block_size=512")?;
    ensure!(fs.write(512, 512, 1)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=512 bytes=512",
        "end",
        "end_io",
        "return",
    ])
}

fn zeroes_largest_block(context: &Context) -> Result<()> {
    fill_device(context, 0, 196_608, 0xA5)?;
    let fs = Scripted::new(
        context,
        "inode size=1048576 block_size=65536\n\
         extent offset=0 length=1048576 addr=0 type=unwritten",
    )?;
    ensure!(fs.write(131_072 - 512, 512, 0x31)? == 512);
    fs.expect(&[
        "write",
        "begin",
        "submit pos=65536 bytes=65024",
        "submit pos=130560 bytes=512",
        "end",
        "end_io size=512",
        "return ret=512",
    ])?;
    let block = fs.device(65536, 65536)?;
    expect_bytes(&block[..65024], 0, "the head")?;
    expect_bytes(&block[65024..], 0x31, "the data")?;
    expect_bytes(&fs.device(131_072, 65536)?, 0xA5, "the block after")
}

fn zeroes_too_large_block(context: &Context) -> Result<()> {
    let fs = Scripted::new(
        context,
        "inode size=1048576 block_size=131072\n\
         extent offset=0 length=1048576 addr=0 type=unwritten",
    )?;
    expect_errno(fs.write(131_072 - 512, 512, 1), libc::EINVAL)?;
    fs.expect(&[
        "write",
        "begin",
        "end written=0",
        "end_io size=0 error=-22",
        "return ret=-22 dio_count=0",
    ])
}

fn extraction_fails(context: &Context) -> Result<()> {
    fill_device(context, 65536, 65536, 0xA5)?;
    let fs = Scripted::new(
        context,
        "inode size=65536 block_size=65536\n\
         extent offset=0 length=65536 addr=65536 type=unwritten",
    )?;
    let mut buffer = AlignedBuf::filled(8192, 0x31)?;
    let start = buffer.as_mut_ptr();
    buffer.unmap_from(4096)?;
    let result = raw_io::write_from(fs.file(), start, 8192, 0);
    let lines = fs.log()?;
    let (Some(data), Some(zeroes), Some(end)) = (lines.get(2), lines.get(3), lines.last()) else {
        bail!("too short a log: {lines:?}");
    };
    ensure!(
        data.field("pos")? == "0" && data.field("bytes")? == "4096",
        "{data}"
    );
    ensure!(
        zeroes.field("pos")? == "4096" && zeroes.field("bytes")? == "61440",
        "{zeroes}"
    );
    expect_bytes(
        &fs.device(65536, 65536)?[4096..],
        0,
        "the rest of the block",
    )?;
    // C loses the error where a bio of zeroes follows it.
    if context.on_rust() {
        expect_errno(result, libc::EFAULT)?;
        ensure!(end.field("ret")? == "-14", "{end}");
    }
    Ok(())
}

fn goes_on_in_a_block(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine zeroes the data that it has written just before");
    }
    fill_device(context, 65536, 4096, 0xA5)?;
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536 type=unwritten\n\
         dio partial nofault",
    )?;
    // The last 512 bytes of a page that is there, and the first of one that is not.
    let mut buffer = AlignedBuf::new(8192)?;
    buffer[..4096].fill(0x31);
    let start = buffer.as_ptr().wrapping_add(4096 - 512);
    let written = raw_io::write_from(fs.file(), start, 1024, 512)?;
    ensure!(written == 512, "{written} bytes");
    fs.expect(&[
        "write",
        "begin pos=512 len=1024",
        "submit pos=0 bytes=512",
        "submit pos=512 bytes=512",
        "submit pos=1024 bytes=3072",
        "end written=512",
        "begin pos=1024 len=512",
        "submit pos=1024 bytes=3072",
        "end written=0",
        "end_io size=512 error=0",
        "return ret=512 pos=1024",
    ])?;
    let block = fs.device(65536, 4096)?;
    expect_bytes(&block[..512], 0, "the head")?;
    expect_bytes(&block[512..1024], 0x31, "the data")?;
    expect_bytes(&block[1024..], 0, "the tail")
}

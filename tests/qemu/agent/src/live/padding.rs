// SPDX-License-Identifier: GPL-2.0

//! Zeros that one engine pads a direct write with, while it is gone.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::thread;

use anyhow::{ensure, Context as _, Result};

use super::towards::{first, joined, switch, Towards};
use super::{KIB, LONG, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::memory;
use crate::script::scripted::{expect_bytes, fill_device, Held, Scripted};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::processor;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("zeros_to_rust", suites::LIVE, zeros_to_rust)
        .doc("The disk gets zeros that the C engine padded a write with while Rust serves.")
        .timeout(LONG),
    Case::new("zeros_to_c", suites::LIVE, zeros_to_c)
        .doc(
            "The disk gets zeros that the Rust engine padded a write with when that is unloaded, \
             and others have its memory.",
        )
        .timeout(LONG),
];

/// A block, and a part of it that is written.
const BLOCK: usize = 4 * KIB;
const PART: std::ops::Range<usize> = 512..1536;
/// Where the file is on the disk.
const BASE: u64 = 65536;
/// What is there before, and what is written.
const BEFORE: u8 = 0xA5;
const WRITTEN: u8 = 0x31;
/// What others have in memory.
const OTHERS: u8 = 0x5A;
/// How much of that a pipe has.
const PIPE: usize = 16 * MIB;
/// What the kernel is left.
const RESERVE: usize = 48 * MIB;

fn zeros_to_rust(context: &Context) -> Result<()> {
    zeros(context, Towards::Rust)
}

fn zeros_to_c(context: &Context) -> Result<()> {
    zeros(context, Towards::C)
}

fn zeros(context: &Context, towards: Towards) -> Result<()> {
    fill_device(context, BASE, 2 * BLOCK, BEFORE)?;
    // Zeros before the data, the data, zeros behind it.
    let fs = Scripted::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536 flags=new\n\
         bio hold\nbio hold\nbio hold",
    )?;
    let engine = first(towards)?;
    let data = AlignedBuf::filled(PART.len(), WRITTEN)?;
    let mut writes = [Transfer::write(PART.start as u64, data)];
    thread::scope(|scope| {
        let writing = scope.spawn(|| Method::Aio.run_whole(fs.file(), &mut writes, 1));
        let held = Held(&fs);
        fs.wait_for("return")?;
        fs.expect_only(
            "submit",
            &[
                "submit pos=0 bytes=512",
                "submit pos=512 bytes=1024",
                "submit pos=1536 bytes=2560",
            ],
        )?;
        // script_fs holds on to the page of the last bio, which is not to be the zeros'.
        fs.read(BLOCK as u64, BLOCK)?;
        let after = switch(engine)?;
        after.settle()?;
        // No bio of a direct request leads into the module: it need not wait. Pages that
        // one processor has freed, the others may not see.
        let (live, others) = processor::stay(|| Ok((after.unload()?, Others::take()?)))?;
        drop(held);
        joined(writing)?;
        drop(others);
        live.map_or(Ok(()), |live| live.remove())
    })?;
    let found = fs.device(BASE, 2 * BLOCK)?;
    let (block, behind) = found.split_at(BLOCK);
    let part = |range| block.get(range).unwrap_or_default();
    expect_bytes(part(0..PART.start), 0, "what is before the data")?;
    expect_bytes(part(PART), WRITTEN, "the data")?;
    expect_bytes(part(PART.end..BLOCK), 0, "what is behind the data")?;
    expect_bytes(behind, BEFORE, "the next block")?;
    ensure!(block.len() == BLOCK);
    Ok(())
}

/// All memory that is free, filled: taken by the kernel, as a module's is. Programs get
/// theirs from elsewhere as long as there is some.
struct Others {
    _pipes: Vec<(OwnedFd, File)>,
}

impl Others {
    fn take() -> Result<Self> {
        let bytes = vec![OTHERS; PIPE];
        let mut pipes = Vec::new();
        while memory::used(&["MemFree"])? > RESERVE + PIPE {
            let (reader, writer) = rustix::pipe::pipe().context("pipe")?;
            rustix::pipe::fcntl_setpipe_size(&writer, PIPE).context("F_SETPIPE_SZ")?;
            let mut writer = File::from(writer);
            writer.write_all(&bytes).context("filling a pipe")?;
            pipes.push((reader, writer));
        }
        Ok(Self { _pipes: pipes })
    }
}

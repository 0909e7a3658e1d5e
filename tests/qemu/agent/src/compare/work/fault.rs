// SPDX-License-Identifier: GPL-2.0

//! Memory of which a part cannot be got at: calls that fall short.

use anyhow::{Context as _, Result};
use rustix::fs::FallocateFlags;

use super::{KIB, PAGE};
use crate::compare::calls::{result_line, Calls, Handle, UNREAD};
use crate::compare::{workload, Workload};
use crate::data::digest;
use crate::sys::buffer::AlignedBuf;
use crate::sys::raw_io;

pub const WORKLOADS: &[Workload] = &[
    workload("fault_buffered", buffered),
    workload("fault_direct", direct),
    workload("fault_direct_in_block", direct_in_block),
];

/// Transfers of 16 KiB of which memory has no more than the first pages.
fn transfers(calls: &mut Calls<'_>, file: &Handle, offsets: &[usize]) -> Result<()> {
    for &offset in offsets {
        for pages in [1, 3] {
            let mut memory = AlignedBuf::new(16 * KIB).context("no memory")?;
            calls.stamp().fill(&mut memory, offset as u64);
            memory.unmap_from(pages * PAGE).context("mprotect")?;
            calls.call(&format!("pwrite({offset}, 16384, {pages} pages)"), |_| {
                raw_io::write_from(&file.file, memory.as_ptr(), 16 * KIB, offset as u64)
            });
            read(calls, file, &mut memory, offset, pages);
        }
    }
    Ok(())
}

/// Digests all the memory that there is: what a call that falls short has read, too.
fn read(
    calls: &mut Calls<'_>,
    file: &Handle,
    memory: &mut AlignedBuf,
    offset: usize,
    pages: usize,
) {
    let text = format!("pread({offset}, 16384, {pages} pages)");
    calls.call(&text, |_| {
        memory.fill(UNREAD);
        let result = raw_io::read_to(&file.file, memory.as_mut_ptr(), 16 * KIB, offset as u64);
        let count = result_line(result)?;
        Ok(format!("{count}, {}", digest::of_bytes(memory)))
    });
}

fn buffered(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", 0)?;
    let offsets = [0, 1_000, 10_000, 50_000, 100_100];
    transfers(calls, &file, &offsets)?;
    calls.evict(&file);
    transfers(calls, &file, &offsets)?;
    calls.evict(&file);
    calls.scan(&file, 120_000, 40_000);
    Ok(())
}

/// Where what memory has ends with a block.
fn direct(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 64 * KIB);
    // So that there is something to read everywhere.
    calls.truncate(&file, 256 * KIB);
    let offsets = [0, 8 * KIB, 60 * KIB, 128 * KIB];
    transfers(calls, &file, &offsets)?;
    transfers(calls, &file, &offsets)?;
    calls.fsync(&file);
    calls.scan(&file, 256 * KIB, 64 * KIB);
    Ok(())
}

/// Where it ends in the middle of a block that has no data yet. The engines leave different
/// data there, so only what is around is read, and in the end all is written over.
fn direct_in_block(calls: &mut Calls<'_>) -> Result<()> {
    let file = calls.open("file", libc::O_DIRECT)?;
    calls.allocate(&file, FallocateFlags::empty(), 0, 128 * KIB);
    // Where there is no space without data there is a hole: behind the end, what of
    // a write that fails stays there is up to the filesystem, and so is the disk then.
    calls.truncate(&file, 128 * KIB);
    for (offset, pages) in [(8 * KIB + 512, 1), (64 * KIB + 512, 3)] {
        let mut memory = AlignedBuf::new(16 * KIB).context("no memory")?;
        calls.stamp().fill(&mut memory, offset as u64);
        memory.unmap_from(pages * PAGE).context("mprotect")?;
        calls.call(&format!("pwrite({offset}, 16384, {pages} pages)"), |_| {
            raw_io::write_from(&file.file, memory.as_ptr(), 16 * KIB, offset as u64)
        });
    }
    for (offset, length) in [(0, 8 * KIB), (28 * KIB, 36 * KIB), (84 * KIB, 44 * KIB)] {
        calls.read(&file, offset, length);
    }
    calls.write(&file, 0, 128 * KIB);
    calls.fsync(&file);
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! How the page cache holds a file: `/proc/self/pagemap` says which page frame is
//! behind an address, `/proc/kpageflags` what that frame is part of.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::buffer::{AlignedBuf, PAGE_SIZE};
use super::mapping::FileMapping;

/// Of an entry of pagemap: the page is there; its frame's number.
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

/// Of `linux/kernel-page-flags.h`.
const LOCKED: u64 = 1 << 0;
const WRITEBACK: u64 = 1 << 8;
const COMPOUND_TAIL: u64 = 1 << 16;

/// Sizes in pages of the folios that hold the first `length` bytes of a mapped
/// file, in their order. A folio that reaches over the end counts up to there.
pub fn folios(mapping: &FileMapping, length: usize) -> io::Result<Vec<usize>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let flags = File::open("/proc/kpageflags")?;
    let mut folios: Vec<usize> = Vec::new();
    for offset in (0..length).step_by(PAGE_SIZE) {
        let frame = frame(mapping, &pagemap, offset)?;
        match folios.last_mut() {
            Some(pages) if word(&flags, frame)? & COMPOUND_TAIL != 0 => *pages += 1,
            _ => folios.push(1),
        }
    }
    Ok(folios)
}

/// Numbers of the page frames that hold the first `length` bytes of a mapped file.
pub fn frames(mapping: &FileMapping, length: usize) -> io::Result<Vec<usize>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let offsets = (0..length).step_by(PAGE_SIZE);
    offsets
        .map(|offset| frame(mapping, &pagemap, offset))
        .collect()
}

/// Numbers of the page frames that hold memory whose pages have all been touched.
pub fn frames_of(memory: &AlignedBuf) -> io::Result<Vec<usize>> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let pages = memory.chunks(PAGE_SIZE);
    pages
        .map(|page| frame_at(&pagemap, page.as_ptr() as usize))
        .collect()
}

/// How many pages of the first `length` bytes of a mapped file are locked or being
/// written.
pub fn busy(mapping: &FileMapping, length: usize) -> io::Result<usize> {
    let pagemap = File::open("/proc/self/pagemap")?;
    let flags = File::open("/proc/kpageflags")?;
    let mut busy = 0;
    for offset in (0..length).step_by(PAGE_SIZE) {
        let frame = frame(mapping, &pagemap, offset)?;
        busy += usize::from(word(&flags, frame)? & (LOCKED | WRITEBACK) != 0);
    }
    Ok(busy)
}

/// The page frame behind an offset of the mapping.
fn frame(mapping: &FileMapping, pagemap: &File, offset: usize) -> io::Result<usize> {
    // An entry is there only for a page that was touched.
    mapping.read(offset, &mut [0])?;
    frame_at(pagemap, mapping.pointer(offset, 1)? as usize)
}

/// The page frame behind an address whose page was touched.
fn frame_at(pagemap: &File, address: usize) -> io::Result<usize> {
    let entry = word(pagemap, address / PAGE_SIZE)?;
    if entry & PRESENT == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok((entry & FRAME) as usize)
}

/// One entry of a table of 64-bit words.
fn word(table: &File, index: usize) -> io::Result<u64> {
    let mut bytes = [0; 8];
    table.read_exact_at(&mut bytes, 8 * index as u64)?;
    Ok(u64::from_ne_bytes(bytes))
}

// SPDX-License-Identifier: GPL-2.0

//! A part of the disk with a copy in memory of what it must hold.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{ensure, Context as _, Result};

use super::DISK;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::data::pattern::{self, Stamp, STALE};
use crate::sys::block_device;
use crate::sys::buffer::AlignedBuf;

/// Offsets are those of the disk, in bytes.
pub struct Region {
    path: PathBuf,
    start: u64,
    bytes: Vec<u8>,
    generation: u32,
    /// As long as somebody has the disk open, its block size stays.
    cached: File,
}

impl Region {
    /// The part of the disk in `range`, whose bounds are multiples of a page, full
    /// of [`STALE`]; none of it is in the cache, whose blocks have `block` bytes.
    pub fn new(context: &Context, range: Range<u64>, block: usize) -> Result<Self> {
        let path = context.disk(DISK)?.path();
        let cached = open(&path, 0)?;
        drop_cache(&cached)?;
        block_device::set_block_size(&cached, block)
            .with_context(|| format!("cannot set a block size of {block}"))?;
        let length = usize::try_from(range.end - range.start)?;
        let stale = AlignedBuf::filled(length, STALE)?;
        open(&path, libc::O_DIRECT)?.write_all_at(&stale, range.start)?;
        Ok(Self {
            path,
            start: range.start,
            bytes: stale.to_vec(),
            generation: 0,
            cached,
        })
    }

    /// The disk, read and written through the page cache.
    pub fn cached(&self) -> &File {
        &self.cached
    }

    /// The disk, read and written by direct I/O.
    pub fn direct(&self) -> Result<File> {
        open(&self.path, libc::O_DIRECT)
    }

    /// What the region must hold.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// New contents for a range: the caller writes the buffer to the disk. The copy
    /// has them already.
    pub fn stamp(&mut self, offset: u64, length: usize) -> Result<AlignedBuf> {
        self.generation += 1;
        let stamp = Stamp {
            file: 1,
            generation: self.generation,
        };
        let mut buffer = AlignedBuf::new(length).context("no memory")?;
        stamp.fill(&mut buffer, offset);
        self.note(offset, &buffer)?;
        Ok(buffer)
    }

    /// Takes down bytes that the caller wrote to the disk by other means.
    pub fn note(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let from = usize::try_from(offset - self.start)?;
        let place = self.bytes.get_mut(from..from + bytes.len());
        place.context("not in the region")?.copy_from_slice(bytes);
        Ok(())
    }

    /// Stamps a range and writes it through the page cache, in one call, wholly.
    pub fn write(&mut self, offset: u64, length: usize) -> Result<()> {
        let buffer = self.stamp(offset, length)?;
        let written = self.cached.write_at(&buffer, offset)?;
        ensure!(
            written == length,
            "{written} bytes written at {offset} instead of {length}"
        );
        Ok(())
    }

    /// Writes dirty pages back and drops the disk's pages from memory.
    pub fn drop_cache(&self) -> Result<()> {
        drop_cache(&self.cached)
    }

    /// Checks the contents: through the page cache as it is, by direct I/O, and
    /// through a cold page cache.
    pub fn verify(&self) -> Result<()> {
        self.verify_cached()?;
        self.verify_by(&self.direct()?).context("by direct I/O")?;
        self.drop_cache()?;
        self.verify_cached().context("through a cold page cache")
    }

    /// Checks the contents through the page cache as it is.
    pub fn verify_cached(&self) -> Result<()> {
        self.verify_by(&self.cached)
    }

    fn verify_by(&self, disk: &File) -> Result<()> {
        let mut found = AlignedBuf::new(self.bytes.len()).context("no memory")?;
        disk.read_exact_at(&mut found, self.start)?;
        pattern::compare(&self.bytes, &found, self.start)
    }
}

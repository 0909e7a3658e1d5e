// SPDX-License-Identifier: GPL-2.0

//! A mounted `script_fs` whose page cache runs on the engine.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};

use super::scripted::{Scripted, PATIENCE};
use crate::check::patience;
use crate::context::Context;
use crate::disk::Disk;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::trace;

/// Where the tests' mappings have the start of the file.
pub const BASE: u64 = 65536;

/// How much of the disk [`Cached::new`] fills.
const FILLED: usize = 1 << 20;

/// A file that is read and written through the page cache.
pub struct Cached {
    cache: File,
    fs: Scripted,
}

impl Cached {
    /// Fills the start of the disk with [`stored`], mounts it and runs `script` on
    /// file 0.
    pub fn new(context: &Context, script: &str) -> Result<Self> {
        Self::with_options(context, "", script)
    }

    pub fn with_options(context: &Context, options: &str, script: &str) -> Result<Self> {
        Self::on(context.disk("scratch")?, context, options, script)
    }

    /// The same on another disk.
    pub fn on(disk: Disk, context: &Context, options: &str, script: &str) -> Result<Self> {
        fill(&disk)?;
        let fs = Scripted::on(disk, context, options, script)?;
        let cache = OpenOptions::new()
            .read(true)
            .write(true)
            .open(fs.path())
            .context("cannot open the file")?;
        Ok(Self { cache, fs })
    }

    /// The descriptor without `O_DIRECT`.
    pub fn cache(&self) -> &File {
        &self.cache
    }

    /// Writes `length` bytes of that value through the page cache.
    pub fn put(&self, pos: u64, length: usize, byte: u8) -> io::Result<usize> {
        self.cache.write_at(&vec![byte; length], pos)
    }

    /// As [`Self::put`], and all of it has to be taken.
    pub fn put_all(&self, pos: u64, length: usize, byte: u8) -> Result<()> {
        let count = self.put(pos, length, byte)?;
        ensure!(count == length, "{count} bytes of {length} were written");
        Ok(())
    }

    /// Reads up to `length` bytes through the page cache.
    pub fn get(&self, pos: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0xEE; length];
        let count = self.cache.read_at(&mut buffer, pos)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    pub fn mapping(&self, length: usize) -> Result<FileMapping> {
        FileMapping::new(&self.cache, length).context("mmap")
    }

    /// The file read through the page cache must be `wanted` from `pos` on.
    pub fn expect_contents(&self, pos: u64, wanted: &[u8]) -> Result<()> {
        let found = self.get(pos, wanted.len()).context("cannot read")?;
        expect_same(&found, wanted, "the file")
    }

    /// So must be the disk from `addr` on.
    pub fn expect_stored(&self, addr: u64, wanted: &[u8]) -> Result<()> {
        let start = addr / 512 * 512;
        let skip = (addr - start) as usize;
        let length = (skip + wanted.len()).next_multiple_of(512);
        let found = self.device(start, length)?;
        let found = found.get(skip..skip + wanted.len()).unwrap_or_default();
        expect_same(found, wanted, "the disk")
    }

    /// Runs `work`, which must submit exactly these bios to the filesystem's disk:
    /// `"WS 128+8"`, as the block layer's trace has the flags, the first sector and
    /// the number of sectors.
    pub fn expect_bios<T>(&self, wanted: &[&str], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (value, bios) = self.bios(work)?;
        ensure!(bios == wanted, "bios {bios:?} instead of {wanted:?}");
        Ok(value)
    }

    pub fn bios<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<String>)> {
        let device = self.disk().path().metadata()?.rdev();
        let device = format!("{},{}", libc::major(device), libc::minor(device));
        let (value, events) = trace::record(&["block/block_bio_queue"], work)?;
        let bios = events
            .iter()
            .filter_map(|event| {
                let words: Vec<&str> = event.text.split(' ').collect();
                match *words.as_slice() {
                    [found, flags, sector, "+", sectors, ..] if found == device => {
                        Some(format!("{flags} {sector}+{sectors}"))
                    }
                    _ => None,
                }
            })
            .collect();
        Ok((value, bios))
    }

    /// What the page cache has of the page must match, field by field.
    pub fn expect_folio(&self, index: u64, wanted: &str) -> Result<()> {
        self.clear_log()?;
        self.run(&format!("folio index={index}"))?;
        self.expect(&[&format!("folio {wanted}")])
    }

    /// No folio may be locked, under writeback or in an ioend that has not ended,
    /// once what is on its way has ended.
    pub fn expect_idle(&self) -> Result<()> {
        let (started, patience) = (Instant::now(), patience(PATIENCE));
        loop {
            self.clear_log()?;
            self.run("folios")?;
            match self.expect(&["folios locked=0 writeback=0 open=0"]) {
                Err(_) if started.elapsed() < patience => sleep(Duration::from_millis(5)),
                result => return result,
            }
        }
    }
}

impl Deref for Cached {
    type Target = Scripted;

    fn deref(&self) -> &Scripted {
        &self.fs
    }
}

/// What [`Cached::new`] puts at byte `addr` of the disk and on: each sector has a
/// value of its own, none of them 0.
pub fn stored(addr: u64, length: usize) -> Vec<u8> {
    let byte = |addr: u64| (addr / 512 % 251 + 1) as u8;
    (addr..addr + length as u64).map(byte).collect()
}

/// `contents` with `length` bytes from `pos` on replaced by `byte`.
pub fn overlay(mut contents: Vec<u8>, pos: usize, length: usize, byte: u8) -> Vec<u8> {
    if let Some(part) = contents.get_mut(pos..pos + length) {
        part.fill(byte);
    }
    contents
}

pub fn expect_same(found: &[u8], wanted: &[u8], what: &str) -> Result<()> {
    ensure!(
        found.len() == wanted.len(),
        "{what} has {} bytes instead of {}",
        found.len(),
        wanted.len()
    );
    if let Some(at) = found.iter().zip(wanted).position(|(a, b)| a != b) {
        let byte = |of: &[u8]| of.get(at).copied().unwrap_or_default();
        anyhow::bail!(
            "byte {at} of {what} is {:#04x} instead of {:#04x}",
            byte(found),
            byte(wanted)
        );
    }
    Ok(())
}

fn fill(disk: &Disk) -> Result<()> {
    let mut buffer = AlignedBuf::new(FILLED)?;
    buffer.copy_from_slice(&stored(0, FILLED));
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options.write(true), libc::O_DIRECT)
        .open(disk.path())
        .and_then(|device| device.write_all_at(&buffer, 0))
        .with_context(|| format!("cannot fill {}", disk.path().display()))
}

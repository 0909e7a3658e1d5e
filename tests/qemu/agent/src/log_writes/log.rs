// SPDX-License-Identifier: GPL-2.0

//! The log of dm-log-writes: a sector that describes it, then for each write a sector
//! that says what it was, with the data behind it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context as _, Result};

use crate::data::mirror::open_read;
use crate::sys::buffer::AlignedBuf;

pub const SECTOR: u64 = 512;

const MAGIC: u64 = 0x6a_7366_7773_6872;
const VERSION: u64 = 1;

const FLUSH: u64 = 1 << 0;
const FUA: u64 = 1 << 1;
const DISCARD: u64 = 1 << 2;
const MARK: u64 = 1 << 3;

/// Where the text of a mark is in its sector.
const TEXT: usize = 32;

/// What happened to the disk, in the order in which it was complete.
#[derive(Debug)]
pub struct Entry {
    /// Where on the disk, in bytes.
    pub offset: u64,
    /// How much data, in bytes.
    pub length: u64,
    /// Where in the log, in bytes.
    pub data: u64,
    /// Is everything up to here on the disk?
    pub lasting: bool,
    /// What was said at this point.
    pub mark: Option<String>,
}

/// A log, read from its start.
pub struct Log {
    file: File,
    /// Bytes.
    position: u64,
    left: u64,
}

impl Log {
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_read(path, libc::O_DIRECT)?;
        let sector = sector_at(&file, 0)?;
        let [magic, version, entries] = [0, 8, 16].map(|at| number(&sector, at));
        ensure!(magic? == MAGIC, "no log of writes");
        ensure!(version? == VERSION, "an unknown kind of log");
        // The low half of the word; what follows it is zero.
        let size = number(&sector, 24)?;
        ensure!(size == SECTOR, "a log with sectors of {size} bytes");
        Ok(Self {
            file,
            position: SECTOR,
            left: entries?,
        })
    }

    pub fn next(&mut self) -> Result<Option<Entry>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let sector = sector_at(&self.file, self.position)?;
        let [start, sectors, flags, text] = [0, 8, 16, 24].map(|at| number(&sector, at));
        let (sectors, flags) = (sectors?, flags?);
        ensure!(flags & DISCARD == 0, "nobody is to discard anything here");
        let mark = if flags & MARK == 0 {
            None
        } else {
            let text = sector.get(TEXT..TEXT + usize::try_from(text?)?);
            let text = text.context("a mark that is too long")?;
            Some(String::from_utf8_lossy(text).into_owned())
        };
        let data = self.position + SECTOR;
        self.position = data + sectors * SECTOR;
        Ok(Some(Entry {
            offset: start? * SECTOR,
            length: sectors * SECTOR,
            data,
            lasting: flags & (FLUSH | FUA) != 0,
            mark,
        }))
    }

    /// Does to `disk` what the entry says.
    pub fn apply(&self, entry: &Entry, disk: &File) -> Result<()> {
        let mut bytes = AlignedBuf::new(usize::try_from(entry.length)?).context("no memory")?;
        self.file
            .read_exact_at(&mut bytes, entry.data)
            .context("cannot read the log")?;
        disk.write_all_at(&bytes, entry.offset)
            .context("cannot replay the log")
    }
}

fn sector_at(file: &File, offset: u64) -> Result<AlignedBuf> {
    let mut sector = AlignedBuf::new(usize::try_from(SECTOR)?).context("no memory")?;
    file.read_exact_at(&mut sector, offset)
        .context("cannot read the log")?;
    Ok(sector)
}

fn number(sector: &[u8], at: usize) -> Result<u64> {
    let bytes = sector.get(at..).and_then(|rest| rest.first_chunk());
    bytes
        .map(|bytes| u64::from_le_bytes(*bytes))
        .context("a sector that is too short")
}

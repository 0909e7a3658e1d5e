// SPDX-License-Identifier: GPL-2.0

//! A file with a copy in memory of what it must hold.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context as _, Result};

use super::pattern::{self, Stamp};
use crate::check::fails_with;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};

/// Bytes read at a time when a file is checked.
const CHUNK: usize = 1 << 20;
const SECTOR: usize = 512;

/// A file under test. Each write goes to the file and to the copy.
pub struct Mirror {
    path: PathBuf,
    id: u8,
    generation: u32,
    bytes: Vec<u8>,
}

impl Mirror {
    /// An empty file; `id` marks its data and is not 0.
    pub fn create(path: PathBuf, id: u8) -> Result<Self> {
        File::create_new(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            path,
            id,
            generation: 0,
            bytes: Vec::new(),
        })
    }

    /// A file of `length` bytes that reads as zeros.
    pub fn adopt(path: PathBuf, id: u8, length: usize) -> Result<Self> {
        let size = open(&path, 0)?.metadata().context("cannot stat")?.len();
        ensure!(
            size == length as u64,
            "{} has {size} bytes instead of {length}",
            path.display()
        );
        Ok(Self {
            path,
            id,
            generation: 0,
            bytes: vec![0; length],
        })
    }

    /// A device of `length` bytes, whose contents are lost.
    pub fn device(path: PathBuf, id: u8, length: usize) -> Result<Self> {
        let mut mirror = Self {
            path,
            id,
            generation: 0,
            bytes: Vec::new(),
        };
        mirror.fill(length)?;
        Ok(mirror)
    }

    /// A file of `length` bytes, written by direct I/O and on the disk.
    pub fn filled(path: PathBuf, id: u8, length: usize) -> Result<Self> {
        let mut mirror = Self::create(path, id)?;
        mirror.fill(length)?;
        Ok(mirror)
    }

    fn fill(&mut self, length: usize) -> Result<()> {
        let file = self.direct()?;
        let mut offset = 0;
        while offset < length {
            let chunk = CHUNK.min((length - offset).next_multiple_of(SECTOR));
            self.write(&file, offset as u64, chunk)?;
            offset += chunk;
        }
        if self.bytes.len() != length {
            file.set_len(length as u64).context("cannot cut the file")?;
            self.set_length(length);
        }
        file.sync_all().context("fsync")
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file must hold.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a range of the file must hold, as far as the file reaches.
    pub fn range(&self, offset: usize, length: usize) -> &[u8] {
        let end = self.bytes.len().min(offset + length);
        self.bytes.get(offset..end).unwrap_or_default()
    }

    pub fn direct(&self) -> Result<File> {
        open(&self.path, libc::O_DIRECT)
    }

    pub fn buffered(&self) -> Result<File> {
        open(&self.path, 0)
    }

    /// New contents for a range: the caller writes the buffer to the file. The
    /// copy has them already; a range past its end extends it by zeros.
    pub fn stamp(&mut self, offset: u64, length: usize) -> Result<AlignedBuf> {
        self.generation += 1;
        let stamp = Stamp {
            file: self.id,
            generation: self.generation,
        };
        let mut buffer = AlignedBuf::new(length).context("no memory")?;
        stamp.fill(&mut buffer, offset);
        self.note(offset, &buffer)?;
        Ok(buffer)
    }

    /// Stamps a range and writes it through `file`, in one call, wholly.
    pub fn write(&mut self, file: &File, offset: u64, length: usize) -> Result<()> {
        let buffer = self.stamp(offset, length)?;
        let written = file
            .write_at(&buffer, offset)
            .with_context(|| format!("cannot write {length} bytes at {offset}"))?;
        ensure!(
            written == length,
            "{written} bytes written at {offset} instead of {length}"
        );
        Ok(())
    }

    /// Appends to the file through `file` until the disk is full.
    pub fn fill_disk(&mut self, file: &File) -> Result<()> {
        let mut length = CHUNK;
        // Shorter and shorter pieces, so that the disk gets really full.
        while length >= PAGE_SIZE {
            let end = self.bytes.len();
            let buffer = self.stamp(end as u64, length)?;
            match file.write_at(&buffer, end as u64) {
                Ok(count) => self.set_length(end + count),
                Err(error) => {
                    fails_with::<()>(Err(error), libc::ENOSPC, "writing to a full disk")?;
                    self.set_length(end);
                    length /= 2;
                }
            }
        }
        Ok(())
    }

    /// Takes down bytes that the caller wrote to the file by other means.
    pub fn note(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let start = usize::try_from(offset).context("an offset too large")?;
        let end = start + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(range) = self.bytes.get_mut(start..end) {
            range.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Takes down that the file was truncated or extended.
    pub fn set_length(&mut self, length: usize) {
        self.bytes.resize(length, 0);
    }

    /// Checks size and contents: by direct I/O, through the page cache as it is,
    /// and through a cold one.
    pub fn verify(&self) -> Result<()> {
        self.verify_direct()?;
        self.verify_buffered().context("through the page cache")?;
        self.drop_cache()?;
        self.verify_buffered().context("through a cold page cache")
    }

    pub fn verify_direct(&self) -> Result<()> {
        self.verify_by(&self.direct()?).context("by direct I/O")
    }

    pub fn verify_buffered(&self) -> Result<()> {
        self.verify_by(&self.buffered()?)
    }

    fn verify_by(&self, file: &File) -> Result<()> {
        let name = || self.path.display();
        // Of a device, too, which has no length to stat.
        let size = (&*file).seek(SeekFrom::End(0)).context("cannot seek")?;
        ensure!(
            size == self.bytes.len() as u64,
            "{} has {size} bytes instead of {}",
            name(),
            self.bytes.len()
        );
        let mut buffer = AlignedBuf::new(CHUNK).context("no memory")?;
        let mut offset = 0;
        for expected in self.bytes.chunks(CHUNK) {
            let length = expected.len().next_multiple_of(SECTOR);
            let found = buffer.get_mut(..length).unwrap_or_default();
            let count = read_full(file, found, offset)
                .with_context(|| format!("cannot read {} at {offset}", name()))?;
            let found = found.get(..count).unwrap_or_default();
            pattern::compare(expected, found, offset).with_context(|| name().to_string())?;
            offset += CHUNK as u64;
        }
        Ok(())
    }

    /// Writes dirty pages back and drops the file's pages from memory.
    pub fn drop_cache(&self) -> Result<()> {
        drop_cache(&self.buffered()?)
    }
}

/// Opens for reading and writing.
pub fn open(path: &Path, flags: libc::c_int) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Opens for reading.
pub fn open_read(path: &Path, flags: libc::c_int) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// Writes dirty pages of the file back and drops all pages from memory.
pub fn drop_cache(file: &File) -> Result<()> {
    file.sync_all().context("fsync")?;
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).context("fadvise")
}

/// Reads until the buffer is full or the file ends.
///
/// Direct reads end short in mid-file only where the file ends, so one call is
/// enough; a filesystem that answers in pieces is asked again from an aligned
/// place.
fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64)? {
            0 => break,
            count => done += count,
        }
        if done % SECTOR != 0 {
            break;
        }
    }
    Ok(done)
}

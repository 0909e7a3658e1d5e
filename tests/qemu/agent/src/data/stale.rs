// SPDX-License-Identifier: GPL-2.0

//! Free space full of a byte that no test writes: a block that shows it was not
//! zeroed where it should have been.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::mirror::open;
use super::pattern::STALE;
use crate::sys::buffer::AlignedBuf;

/// What may stay free, so that the filesystem can go on.
const CHUNK: usize = 1 << 20;

/// Fills all free blocks of the filesystem that holds `dir`, then frees them.
pub fn fill_free_space(dir: &Path) -> Result<()> {
    fill(dir, u64::MAX)
}

/// As [`fill_free_space`], with so many bytes at the most.
pub fn fill(dir: &Path, most: u64) -> Result<()> {
    let path = dir.join("stale");
    File::create_new(&path).context("cannot create the file that fills the disk")?;
    let file = open(&path, libc::O_DIRECT)?;
    let chunk = AlignedBuf::filled(CHUNK, STALE).context("no memory")?;
    let mut offset = 0;
    let mut length = CHUNK;
    // Shorter pieces at the end, until not one block is left.
    while length >= 4096 && offset < most {
        let piece = chunk.get(..length).unwrap_or_default();
        match file.write_at(piece, offset) {
            Ok(written) => offset += written as u64,
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => length /= 2,
            Err(error) => return Err(error).context("cannot fill the disk"),
        }
    }
    file.sync_all().context("fsync")?;
    drop(file);
    fs::remove_file(&path).context("cannot remove the file that fills the disk")?;
    // The blocks are free for others once the removal is on the disk.
    sync_fs(dir).context("syncfs")
}

fn sync_fs(dir: &Path) -> io::Result<()> {
    let dir = File::open(dir)?;
    rustix::fs::syncfs(&dir)?;
    Ok(())
}

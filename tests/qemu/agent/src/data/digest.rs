// SPDX-License-Identifier: GPL-2.0

//! SHA-256 of files and of memory.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};
use sha2::{Digest, Sha256};

use crate::sys::buffer::AlignedBuf;

const SECTOR: usize = 512;

/// Of the whole file, read in pieces of the buffer's size at the most, and how
/// many bytes that was.
///
/// No read goes further over the end than it must: some filesystems map what is
/// after the end block by block.
pub fn of_file(file: &File, buffer: &mut AlignedBuf) -> Result<(String, u64)> {
    let size = file.metadata().context("cannot stat")?.len();
    let mut hash = Sha256::new();
    let mut offset = 0;
    while offset < size {
        let left = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let length = buffer
            .len()
            .min(left.saturating_add(SECTOR - 1) / SECTOR * SECTOR);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        let count = file.read_at(piece, offset).context("cannot read")?;
        ensure!(count > 0, "the file ends at {offset} instead of {size}");
        hash.update(piece.get(..count).unwrap_or_default());
        offset += count as u64;
    }
    Ok((format!("{:x}", hash.finalize()), offset))
}

pub fn of_bytes(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

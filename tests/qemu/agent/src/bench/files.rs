// SPDX-License-Identifier: GPL-2.0

//! Files that workloads start from.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fadvise, Advice};

use super::measure::Bench;

pub const MIB: usize = 1 << 20;
pub const PAGE: usize = 4096;

/// Opens or makes a file to read and write.
pub fn open(path: &Path, flags: libc::c_int) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(flags)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// A file of `length` bytes, written in large pieces, on the disk, and cached in
/// large folios.
pub fn written(bench: &Bench<'_>, name: &str, length: usize) -> Result<File> {
    filled(bench, open(&bench.path(name), 0)?, length)
}

/// The same by direct I/O, and open for that.
pub fn written_directly(bench: &Bench<'_>, path: &Path, length: usize) -> Result<File> {
    filled(bench, open(path, libc::O_DIRECT)?, length)
}

fn filled(bench: &Bench<'_>, file: File, length: usize) -> Result<File> {
    for offset in (0..length).step_by(MIB) {
        let data = bench.buffer.get(..MIB.min(length - offset));
        file.write_all_at(data.unwrap_or_default(), offset as u64)
            .context("cannot fill a file")?;
    }
    file.sync_all().context("cannot sync a file")?;
    Ok(file)
}

/// A file of `extents` pages, none of them next to the one before on the disk:
/// every other page is of another file.
pub fn fragmented(bench: &Bench<'_>, name: &str, extents: usize) -> Result<File> {
    let file = open(&bench.path(name), libc::O_DIRECT)?;
    let other = open(&bench.path("between"), libc::O_DIRECT)?;
    let page = bench.buffer.get(..PAGE).unwrap_or_default();
    for index in 0..extents {
        let offset = (index * PAGE) as u64;
        for file in [&file, &other] {
            file.write_all_at(page, offset)
                .context("cannot fill a file")?;
        }
    }
    for file in [&file, &other] {
        file.sync_all().context("cannot sync a file")?;
    }
    Ok(file)
}

/// A file of `extents` pages with a hole after each.
pub fn holey(bench: &Bench<'_>, name: &str, extents: usize) -> Result<File> {
    let file = open(&bench.path(name), libc::O_DIRECT)?;
    let page = bench.buffer.get(..PAGE).unwrap_or_default();
    for index in 0..extents {
        file.write_all_at(page, (index * 2 * PAGE) as u64)
            .context("cannot fill a file")?;
    }
    file.sync_all().context("cannot sync a file")?;
    Ok(file)
}

/// Takes the file's pages out of the cache; they are clean.
pub fn evict(file: &File) -> Result<()> {
    fadvise(file, 0, None, Advice::DontNeed).context("cannot evict a file")
}

/// An error unless all was transferred.
pub fn whole(count: io::Result<usize>, expected: usize) -> io::Result<()> {
    if count? == expected {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// That many extents, or a workload would measure something else.
pub fn require_extents(file: &File, expected: usize) -> Result<()> {
    let extents = crate::sys::fiemap::extents(file).context("FIEMAP")?;
    ensure!(
        extents.len() >= expected,
        "the file has {} extents instead of {expected}",
        extents.len()
    );
    Ok(())
}

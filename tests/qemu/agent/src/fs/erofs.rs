// SPDX-License-Identifier: GPL-2.0

//! erofs, which is only read: by the page cache, by direct I/O, through mappings,
//! and from the disk where its extents are.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{bail, ensure, Context as _, Result};
use iomap_qemu_protocol::{decode_path, ManifestEntry};

use super::MIB;
use crate::case::Case;
use crate::context::Context;
use crate::data::digest;
use crate::data::mirror::open_read;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fibmap::device_block;
use crate::sys::fiemap::{self, EXTENT_DATA_INLINE};
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("erofs_buffered", suites::EROFS, buffered)
        .doc("Every file reads through the page cache as the host wrote it, tails included.")
        .holds(&["RD-8"]),
    Case::new("erofs_direct", suites::EROFS, direct)
        .doc("Every file reads by direct I/O as the host wrote it, tails included.")
        .holds(&["DIO-10", "DIO-32"]),
    Case::new("erofs_mapped", suites::EROFS, mapped)
        .doc("Mappings of all files show what the host wrote, and zeros after their ends."),
    Case::new("erofs_extents", suites::EROFS, extents)
        .doc("The extents of FIEMAP and the blocks of FIBMAP are where the data is on the disk.")
        .holds(&["FM-1"]),
];

/// Runs `check` on every file of the tree.
fn each(context: &Context, check: impl Fn(&ManifestEntry, PathBuf) -> Result<()>) -> Result<()> {
    let manifest = context.manifest();
    ensure!(manifest.len() > 100, "the disk was made without files");
    for entry in &manifest {
        let path = decode_path(&entry.path).context("bad path in the manifest")?;
        check(entry, context.mount_point().join(path)).with_context(|| entry.path.clone())?;
    }
    context.note(format!("{} files", manifest.len()));
    Ok(())
}

fn agree(entry: &ManifestEntry, found: &str) -> Result<()> {
    let expected = &entry.sha256;
    ensure!(
        found == expected,
        "SHA-256 is {found} instead of {expected}"
    );
    Ok(())
}

fn by(context: &Context, flags: libc::c_int) -> Result<()> {
    each(context, |entry, path| {
        let mut buffer = AlignedBuf::new(MIB)?;
        let (found, _) = digest::of_file(&cold(path, flags)?, &mut buffer)?;
        agree(entry, &found)
    })
}

/// None of the file is in memory.
fn cold(path: PathBuf, flags: libc::c_int) -> Result<File> {
    let file = open_read(&path, flags)?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).context("fadvise")?;
    Ok(file)
}

fn buffered(context: &Context) -> Result<()> {
    by(context, 0)
}

fn direct(context: &Context) -> Result<()> {
    by(context, libc::O_DIRECT)
}

fn mapped(context: &Context) -> Result<()> {
    each(context, |entry, path| {
        let size = usize::try_from(entry.size)?;
        if size == 0 {
            return Ok(());
        }
        let file = cold(path, 0)?;
        let mapping = FileMapping::read_only(&file, size)?;
        let mut bytes = vec![0xEE; mapping.length()];
        mapping.read(0, &mut bytes)?;
        let (data, rest) = bytes.split_at(size);
        ensure!(rest.iter().all(|&byte| byte == 0), "data after the end");
        agree(entry, &digest::of_bytes(data))
    })
}

fn extents(context: &Context) -> Result<()> {
    let device = open_read(&context.disk("main")?.path(), 0)?;
    let block = context.block_size()?;
    let tails = Cell::new(0);
    each(context, |entry, path| {
        let file = open_read(&path, 0)?;
        let mut data = vec![0; usize::try_from(entry.size)?];
        for extent in fiemap::extents(&file)? {
            let start = usize::try_from(extent.logical)?;
            let end = data.len().min(usize::try_from(extent.end())?);
            let Some(range) = data.get_mut(start..end) else {
                bail!("{extent:?} is after the end");
            };
            if extent.has(EXTENT_DATA_INLINE) {
                // erofs does not tell the place of a tail.
                file.read_exact_at(range, extent.logical)?;
                tails.set(tails.get() + 1);
                continue;
            }
            device.read_exact_at(range, extent.physical)?;
            let found = device_block(&file, u32::try_from(extent.logical / block)?)?;
            ensure!(
                u64::from(found) * block == extent.physical,
                "block {found} by FIBMAP, {extent:?}"
            );
        }
        // Holes are zeros here and in the file.
        agree(entry, &digest::of_bytes(&data))
    })?;
    let inline = context.spec().suite == "erofs-tails";
    ensure!((tails.get() > 0) == inline, "{} tails", tails.get());
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Files that share blocks, changed through the page cache.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fallocate, ioctl_ficlone, FallocateFlags};

use super::KIB;
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::fiemap;
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("buffered_reflink_overwrite", suites::XFS, overwrite)
        .doc("Overwriting parts of a clone reads the rest from the shared blocks and leaves them alone.")
        .holds(&["BW-14", "MK-2"]),
    Case::new("buffered_unshare", suites::XFS, unshare)
        .doc("Unsharing gives a clone blocks of its own with the same bytes, and skips what is not shared.")
        .holds(&["US-1", "US-2", "US-3"]),
];

const SIZE: usize = 512 * KIB;

/// A file and its clone.
fn clones(context: &Context) -> Result<(Mirror, Mirror)> {
    let original = Mirror::filled(context.path("original")?, 1, SIZE)?;
    let path = context.path("clone")?;
    let mut clone = Mirror::create(path, 1)?;
    ioctl_ficlone(clone.buffered()?, original.buffered()?).context("FICLONE")?;
    clone.note(0, original.bytes())?;
    Ok((original, clone))
}

/// How many bytes of the file others hold, too.
fn shared_bytes(file: &File) -> Result<u64> {
    let extents = fiemap::extents(file)?;
    let shared = extents
        .iter()
        .filter(|extent| extent.has(fiemap::EXTENT_SHARED));
    Ok(shared.map(|extent| extent.length).sum())
}

fn overwrite(context: &Context) -> Result<()> {
    let (original, mut clone) = clones(context)?;
    let file = clone.buffered()?;
    let ((), events) =
        trace::record_iomap(file.metadata()?.ino(), || clone.write(&file, 5_000, 100))?;
    ensure!(
        events.iter().any(|event| event.name == "iomap_iter_srcmap"),
        "the rest of the block has no source: {:?}",
        trace::names(&events)
    );
    for (offset, length) in [(0, 1), (64 * KIB + 10, 20_000), (SIZE - 300, 1_000)] {
        clone.write(&file, offset as u64, length)?;
    }
    let mapping = FileMapping::new(&file, SIZE)?;
    let bytes = clone.stamp(200_001, 7_000)?;
    mapping.write(200_001, &bytes)?;
    drop(mapping);
    clone.verify_buffered()?;
    clone.verify().context("the clone")?;
    original.verify().context("the original")
}

fn unshare(context: &Context) -> Result<()> {
    let (original, mut clone) = clones(context)?;
    let file = clone.buffered()?;
    ensure!(shared_bytes(&file)? == SIZE as u64, "the clone is no clone");
    // A part that is the clone's own already.
    clone.write(&file, 64 * KIB as u64, 64 * KIB)?;
    file.sync_all()?;
    let own = 64 * KIB..128 * KIB;
    clone.drop_cache()?;

    let unshare = |offset: usize, length: usize| -> Result<()> {
        let flags = FallocateFlags::UNSHARE_RANGE;
        fallocate(&file, flags, offset as u64, length as u64).context("unshare")
    };
    let ((), events) = trace::record_iomap(file.metadata()?.ino(), || unshare(0, SIZE / 2))?;
    for event in &events {
        if event.name == "iomap_writepage" {
            let (start, length) = (event.number("offset")?, event.number("length")?);
            let (start, end) = (usize::try_from(start)?, usize::try_from(start + length)?);
            let inside = start >= own.start && end <= own.end;
            ensure!(!inside, "written though not shared: {}", event.text);
        }
    }
    ensure!(
        shared_bytes(&file)? == SIZE as u64 / 2,
        "{} bytes are shared after half was unshared",
        shared_bytes(&file)?
    );
    clone.verify()?;
    // Up to the end of the file.
    unshare(SIZE / 2, SIZE / 2)?;
    ensure!(shared_bytes(&file)? == 0, "some bytes are still shared");
    clone.verify().context("the clone")?;
    ensure!(
        shared_bytes(&original.buffered()?)? == 0,
        "the original shares with nobody"
    );
    original.verify().context("the original")
}

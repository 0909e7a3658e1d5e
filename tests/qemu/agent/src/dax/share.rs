// SPDX-License-Identifier: GPL-2.0

//! Files in persistent memory that share blocks.

use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fallocate, ioctl_ficlone, FallocateFlags};

use super::{expect_turns, verify, KIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::dedupe::{self, Answer};
use crate::sys::fiemap;
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dax_overwrite_shared", suites::XFS_DAX, overwrite)
        .doc("Writes and stores to parts of a clone's blocks copy the rest and leave the original alone.")
        .holds(&["IT-12"]),
    Case::new("dax_unshare", suites::XFS_DAX, unshare)
        .doc("Unsharing gives a clone blocks of its own with the same bytes.")
        .holds(&["IT-2"]),
    Case::new("dax_dedupe", suites::XFS_DAX, dedupe)
        .doc("Two files are walked at once to be compared: equal ones share blocks, others do not.")
        .holds(&["IT-2"]),
];

const SIZE: usize = 256 * KIB;

/// A file and its clone.
fn clones(context: &Context) -> Result<(Mirror, Mirror)> {
    let original = Mirror::filled(context.path("original")?, 1, SIZE)?;
    let mut clone = Mirror::create(context.path("clone")?, 1)?;
    ioctl_ficlone(clone.buffered()?, original.buffered()?).context("FICLONE")?;
    clone.note(0, original.bytes())?;
    Ok((original, clone))
}

/// How many bytes of the file others hold, too.
fn shared_bytes(mirror: &Mirror) -> Result<u64> {
    let extents = fiemap::extents(&mirror.buffered()?)?;
    let shared = extents
        .iter()
        .filter(|extent| extent.has(fiemap::EXTENT_SHARED));
    Ok(shared.map(|extent| extent.length).sum())
}

fn overwrite(context: &Context) -> Result<()> {
    let (original, mut clone) = clones(context)?;
    let file = clone.buffered()?;
    let ino = file.metadata()?.ino();
    let ((), events) = trace::record_iomap(ino, || clone.write(&file, 5_000, 100))?;
    ensure!(
        events.iter().any(|event| event.name == "iomap_iter_srcmap"),
        "the rest of the block has no source: {:?}",
        trace::names(&events)
    );
    clone.write(&file, 64 * KIB as u64 + 10, 20_000)?;
    let mapping = FileMapping::new(&file, SIZE)?;
    for offset in [150_000, SIZE - 4] {
        let bytes = clone.stamp(offset as u64, 4)?;
        let ((), events) = trace::record_iomap(ino, || Ok(mapping.write(offset, &bytes)?))?;
        expect_turns(&events, &["WRITE", "FAULT"])?;
    }
    verify(&clone).context("the clone")?;
    verify(&original).context("the original")
}

fn unshare(context: &Context) -> Result<()> {
    let (original, clone) = clones(context)?;
    ensure!(
        shared_bytes(&clone)? == SIZE as u64,
        "the clone is no clone"
    );
    let file = clone.buffered()?;
    for (left, start) in [(SIZE / 2, 0), (0, SIZE / 2)] {
        let flags = FallocateFlags::UNSHARE_RANGE;
        fallocate(&file, flags, start as u64, SIZE as u64 / 2).context("unshare")?;
        let shared = shared_bytes(&clone)?;
        ensure!(shared == left as u64, "{shared} bytes are shared");
        verify(&clone).context("the clone")?;
    }
    verify(&original).context("the original")
}

fn dedupe(context: &Context) -> Result<()> {
    let one = Mirror::filled(context.path("one")?, 1, SIZE)?;
    let mut other = Mirror::create(context.path("other")?, 1)?;
    let file = other.buffered()?;
    // The same contents, in pieces of other sizes.
    for (index, piece) in one.bytes().chunks(SIZE / 4).enumerate() {
        let offset = (index * piece.len()) as u64;
        std::os::unix::fs::FileExt::write_all_at(&file, piece, offset)?;
        other.note(offset, piece)?;
    }
    file.sync_all()?;
    let ask = || dedupe::range(&one.buffered()?, &file, 0, SIZE as u64).context("FIDEDUPERANGE");
    ensure!(shared_bytes(&other)? == 0, "shared from the start");
    let last = SIZE - 1;
    let kept = other.range(last, 1).to_vec();
    let changed: Vec<u8> = kept.iter().map(|byte| !byte).collect();
    let put = |byte: &[u8]| std::os::unix::fs::FileExt::write_all_at(&file, byte, last as u64);
    put(&changed)?;
    ensure!(ask()? == Answer::Differs, "different files are the same");
    ensure!(shared_bytes(&other)? == 0, "different files share blocks");
    put(&kept)?;
    ensure!(ask()? == Answer::Same(SIZE as u64), "equal files differ");
    ensure!(
        shared_bytes(&other)? == SIZE as u64,
        "equal files share none"
    );
    verify(&other)?;
    verify(&one)
}

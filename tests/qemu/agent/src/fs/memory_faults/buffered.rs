// SPDX-License-Identifier: GPL-2.0

//! Calls that go through the page cache.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::fs::{fadvise, fallocate, ioctl_ficlone, Advice, FallocateFlags};

use super::call::Attempt;
use super::{exhaust, Needs, Subject, SIZE};
use crate::case::{Case, TestFn};
use crate::data::mirror::Mirror;
use crate::fs::KIB;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::fiemap::{self, Extent, EXTENT_SHARED};
use crate::sys::mapping::FileMapping;

const TIME: Duration = Duration::from_secs(180);

/// What of the file is unshared.
const UNSHARED: Range<u64> = 10_000..10_000 + 64 * KIB as u64;

/// Of filesystems whose page cache is the engine's; some calls XFS alone has.
const ALL: Suites = suites::PAGE_CACHE_FAULTS;
const XFS: Suites = suites::XFS;

type Suites = &'static [&'static str];

const fn case(
    name: &'static str,
    suites: Suites,
    run: TestFn,
    holds: &'static [&'static str],
    doc: &'static str,
) -> Case {
    Case::new(name, suites, run)
        .doc(doc)
        .holds(holds)
        .timeout(TIME)
}

pub const CASES: &[Case] = &[
    case(
        "nomem_read",
        ALL,
        |c| exhaust(c, Needs::Pages, read),
        &["RD-1"],
        "A read of many pages survives any failing allocation.",
    ),
    case(
        "nomem_read_page",
        ALL,
        |c| exhaust(c, Needs::Pages, read_page),
        &["RD-1"],
        "A read of one page survives any failing allocation.",
    ),
    case(
        "nomem_write_new",
        ALL,
        |c| exhaust(c, Needs::Pages, write_new),
        &["BW-14"],
        "A write to a new place survives any failing allocation.",
    ),
    case(
        "nomem_write_over",
        ALL,
        |c| exhaust(c, Needs::Pages, write_over),
        &["BW-14"],
        "A write into blocks on the disk survives any failing allocation.",
    ),
    case(
        "nomem_write_shared",
        XFS,
        |c| exhaust(c, Needs::Pages, write_shared),
        &["BW-14"],
        "A write into shared blocks survives any failing allocation.",
    ),
    case(
        "nomem_fsync",
        ALL,
        |c| exhaust(c, Needs::Nothing, fsync),
        &["WB-7"],
        "Writing back survives any failing allocation.",
    ),
    case(
        "nomem_truncate",
        ALL,
        |c| exhaust(c, Needs::Pages, truncate),
        &["ZR-1"],
        "A truncate in mid-block survives any failing allocation.",
    ),
    case(
        "nomem_zero_range",
        XFS,
        |c| exhaust(c, Needs::Pages, zero_range),
        &["ZR-1"],
        "Zeroing survives any failing allocation.",
    ),
    case(
        "nomem_unshare",
        XFS,
        |c| exhaust(c, Needs::Pages, unshare),
        &["US-1"],
        "Unsharing survives any failing allocation.",
    ),
    case(
        "nomem_load",
        ALL,
        |c| exhaust(c, Needs::Nothing, load),
        &[],
        "A load through a mapping survives any failing allocation.",
    ),
    case(
        "nomem_store",
        XFS,
        |c| exhaust(c, Needs::Nothing, store),
        &["MK-2"],
        "A store through a mapping survives any failing allocation.",
    ),
];

pub(super) fn read(subject: &mut Subject) -> Result<Attempt> {
    subject.mirror.drop_cache()?;
    read_of(subject, 0, SIZE)
}

fn read_page(subject: &mut Subject) -> Result<Attempt> {
    subject.mirror.drop_cache()?;
    // Nothing is read ahead.
    fadvise(&subject.buffered, 0, None, Advice::Random).context("fadvise")?;
    read_of(subject, 9 * PAGE_SIZE + 100, 3000)
}

fn read_of(subject: &Subject, offset: usize, length: usize) -> Result<Attempt> {
    let file = subject.buffered.try_clone()?;
    let mut buffer = AlignedBuf::filled(length, 0xEE)?;
    let expected = subject.mirror.range(offset, length).to_vec();
    let before = subject.mirror.bytes().to_vec();
    Ok(Attempt::new(before, move || {
        file.read_exact_at(&mut buffer, offset as u64)?;
        if *buffer != *expected {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }))
}

/// A write that the mirror has made already.
fn write_of(subject: &mut Subject, file: File, offset: usize, length: usize) -> Result<Attempt> {
    let before = subject.mirror.bytes().to_vec();
    let bytes = subject.mirror.stamp(offset as u64, length)?;
    Ok(Attempt::new(before, move || {
        file.write_all_at(&bytes, offset as u64)
    }))
}

fn write_new(subject: &mut Subject) -> Result<Attempt> {
    subject.buffered.set_len(0)?;
    subject.mirror.set_length(0);
    subject.mirror.drop_cache()?;
    let file = subject.buffered.try_clone()?;
    write_of(subject, file, 3000, 150_000)
}

pub(super) fn write_over(subject: &mut Subject) -> Result<Attempt> {
    subject.mirror.drop_cache()?;
    let file = subject.buffered.try_clone()?;
    write_of(subject, file, 50_000, 30_000)
}

fn write_shared(subject: &mut Subject) -> Result<Attempt> {
    let clone = share(subject)?;
    let file = subject.buffered.try_clone()?;
    let attempt = write_of(subject, file, 50_000, 30_000)?;
    Ok(attempt.then(move || std::fs::remove_file(clone)))
}

/// Has all blocks of the file shared with another.
fn share(subject: &mut Subject) -> Result<std::path::PathBuf> {
    subject.buffered.sync_all()?;
    let clone = subject.dir.join("clone");
    ioctl_ficlone(File::create(&clone)?, &subject.buffered).context("FICLONE")?;
    subject.mirror.drop_cache()?;
    Ok(clone)
}

pub(super) fn fsync(subject: &mut Subject) -> Result<Attempt> {
    let before = subject.mirror.bytes().to_vec();
    let file = subject.buffered.try_clone()?;
    // To blocks on the disk and to new ones.
    for (offset, length) in [(5_000, 3_000), (100_000, 60_000)] {
        subject.mirror.write(&file, offset, length)?;
    }
    let end = subject.mirror.bytes().len() as u64;
    if end < 2 * SIZE as u64 {
        subject.mirror.write(&file, end + 10_000, 20_000)?;
    }
    Ok(Attempt::new(before, move || file.sync_all()))
}

fn truncate(subject: &mut Subject) -> Result<Attempt> {
    refill(&mut subject.mirror)?;
    let before = subject.mirror.bytes().to_vec();
    let length = SIZE / 2 + 100;
    subject.mirror.set_length(length);
    let file = subject.buffered.try_clone()?;
    Ok(Attempt::new(before, move || file.set_len(length as u64)))
}

/// All of the file written and on the disk alone.
fn refill(mirror: &mut Mirror) -> Result<()> {
    let file = mirror.direct()?;
    mirror.write(&file, 0, SIZE)?;
    mirror.drop_cache()
}

fn zero_range(subject: &mut Subject) -> Result<Attempt> {
    refill(&mut subject.mirror)?;
    let before = subject.mirror.bytes().to_vec();
    let (offset, length) = (10_100, 100_000);
    subject.mirror.note(offset, &vec![0; length])?;
    let file = subject.buffered.try_clone()?;
    Ok(Attempt::new(before, move || {
        Ok(fallocate(
            &file,
            FallocateFlags::ZERO_RANGE,
            offset,
            length as u64,
        )?)
    }))
}

fn unshare(subject: &mut Subject) -> Result<Attempt> {
    let clone = share(subject)?;
    let before = subject.mirror.bytes().to_vec();
    let file = subject.buffered.try_clone()?;
    let attempt = Attempt::new(before, move || {
        let flags = FallocateFlags::UNSHARE_RANGE;
        let length = UNSHARED.end - UNSHARED.start;
        Ok(fallocate(&file, flags, UNSHARED.start, length)?)
    });
    let file = subject.buffered.try_clone()?;
    Ok(attempt.then(move || {
        let extents = fiemap::extents(&file)?;
        let shared = |extent: &Extent| {
            extent.has(EXTENT_SHARED)
                && extent.logical < UNSHARED.end
                && UNSHARED.start < extent.end()
        };
        if extents.iter().any(shared) {
            return Err(io::Error::other(
                "it worked, but some of it is still shared",
            ));
        }
        std::fs::remove_file(clone)
    }))
}

fn load(subject: &mut Subject) -> Result<Attempt> {
    subject.mirror.drop_cache()?;
    let mapping = FileMapping::new(&subject.buffered, SIZE)?;
    let expected = subject.mirror.range(70_000, 5_000).to_vec();
    let mut found = vec![0xEE; expected.len()];
    Ok(Attempt::new(subject.mirror.bytes().to_vec(), move || {
        mapping.read(70_000, &mut found)?;
        if found != expected {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }))
}

fn store(subject: &mut Subject) -> Result<Attempt> {
    // A hole among blocks.
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&subject.buffered, flags, 65_536, 32_768).context("punch")?;
    subject.mirror.note(65_536, &vec![0; 32_768])?;
    subject.mirror.drop_cache()?;
    let before = subject.mirror.bytes().to_vec();
    let mapping = FileMapping::new(&subject.buffered, SIZE)?;
    let bytes = subject.mirror.stamp(60_000, 10_000)?;
    Ok(Attempt::new(before, move || mapping.write(60_000, &bytes)))
}

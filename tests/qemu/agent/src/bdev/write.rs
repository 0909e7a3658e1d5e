// SPDX-License-Identifier: GPL-2.0

//! Writes through the page cache of a disk: parts of blocks, the end of the disk,
//! what the disk is told.

use std::os::unix::fs::{FileExt, MetadataExt};

use anyhow::{ensure, Context as _, Result};

use super::region::Region;
use super::{BLOCK_SIZES, DISK, KIB};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::open;
use crate::data::random::Random;
use crate::suites::BDEV;
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("bdev_write_anywhere", BDEV, anywhere)
        .doc("Writes of any offset and length change these bytes alone, with blocks of any size.")
        .holds(&["BW-2", "BW-22"]),
    Case::new("bdev_write_end", BDEV, end)
        .doc("Writes over the end of the disk are short, writes at the end are ENOSPC."),
    Case::new("bdev_write_sync", BDEV, sync)
        .doc("fsync, O_SYNC and O_DSYNC have the disk flush what was written."),
    Case::new("bdev_write_source_missing", BDEV, source_missing)
        .doc("A write from memory that ends midway counts what there was, or is EFAULT.")
        .holds(&["BW-2"]),
    Case::new("bdev_write_events", BDEV, events)
        .doc("A write asks for one mapping of the disk, blocks at their own addresses."),
];

const SIZE: usize = 256 * KIB;

fn anywhere(context: &Context) -> Result<()> {
    for block in BLOCK_SIZES {
        let mut region = Region::new(context, 0..SIZE as u64, block)?;
        let mut random = Random::new(block as u64);
        for round in 0..60 {
            let (offset, length) = match round % 3 {
                0 => random.range(SIZE, 200, 1),
                1 => random.range(SIZE, 20_000, 1),
                _ => random.range(SIZE, 16 * KIB, block),
            };
            if round % 5 == 0 {
                region.drop_cache()?;
            }
            region.write(offset as u64, length)?;
            if round % 4 == 0 {
                region
                    .verify_cached()
                    .with_context(|| format!("blocks of {block} bytes, round {round}"))?;
            }
        }
        region
            .verify()
            .with_context(|| format!("blocks of {block} bytes"))?;
    }
    Ok(())
}

fn end(context: &Context) -> Result<()> {
    let sectors: u64 = context.disk(DISK)?.number("size")?;
    let end = sectors * 512;
    let start = end - 64 * KIB as u64;
    let mut region = Region::new(context, start..end, 4096)?;
    let piece = vec![7; 10_000];
    let count = region.cached().write_at(&piece, end - 5_001);
    transfers(count, 5_001, "a write over the end")?;
    region.note(end - 5_001, piece.get(..5_001).unwrap_or_default())?;
    region.verify_cached()?;
    for offset in [end, end + 4096] {
        let count = region.cached().write_at(&piece, offset);
        fails_with(count, libc::ENOSPC, "a write behind the end")?;
    }
    let mut found = vec![0; 4096];
    let count = region.cached().read_at(&mut found, end - 100);
    transfers(count, 100, "a read over the end")?;
    region.verify()
}

fn sync(context: &Context) -> Result<()> {
    let mut region = Region::new(context, 0..SIZE as u64, 1024)?;
    let disk = context.disk(DISK)?;
    let before = disk.flushes()?;
    region.write(1_000, 3_000)?;
    region.cached().sync_all()?;
    ensure!(disk.flushes()? > before, "fsync flushes nothing");
    for flag in [libc::O_SYNC, libc::O_DSYNC] {
        let before = disk.flushes()?;
        let bytes = region.stamp(50_001, 2_000)?;
        open(&disk.path(), flag)?.write_all_at(&bytes, 50_001)?;
        ensure!(
            disk.flushes()? > before,
            "a write with flags {flag:#o} flushes nothing"
        );
    }
    region.verify()
}

fn source_missing(context: &Context) -> Result<()> {
    let mut region = Region::new(context, 0..SIZE as u64, 4096)?;
    for (offset, cached) in [(0, false), (100, false), (64 * KIB + 7, true)] {
        if !cached {
            region.drop_cache()?;
        }
        let end = offset + 8 * KIB;
        let behind = region.bytes().get(end..).unwrap_or_default().to_vec();
        let mut bytes = region.stamp(offset as u64, 32 * KIB)?;
        bytes.unmap_from(8 * KIB)?;
        let count = raw_io::write_from(region.cached(), bytes.as_ptr(), 32 * KIB, offset as u64);
        transfers(count, 8 * KIB, "a write from memory that ends midway")?;
        region.note(end as u64, &behind)?;
        region.verify_cached()?;

        let none = bytes.as_ptr().wrapping_add(8 * KIB);
        let count = raw_io::write_from(region.cached(), none, 8 * KIB, offset as u64);
        fails_with(count, libc::EFAULT, "a write from no memory")?;
        region.verify_cached()?;
    }
    region.verify()
}

fn events(context: &Context) -> Result<()> {
    let mut region = Region::new(context, 0..SIZE as u64, 4096)?;
    let disk = context.disk(DISK)?;
    let size: i64 = disk.number::<i64>("size")? * 512;
    // The events are of the disk's own inode, not of that of its name in /dev.
    let device = region.cached().metadata()?.rdev();
    let (major, minor) = (libc::major(device), libc::minor(device));
    let ((), events) = trace::record(&["iomap"], || region.write(10_000, 5_000))?;
    let of_disk: Vec<_> = events
        .iter()
        .filter(|event| {
            event
                .field("ino")
                .is_ok_and(|ino| is_device(ino, major, minor))
        })
        .collect();
    let names: Vec<&str> = of_disk.iter().map(|event| event.name.as_str()).collect();
    ensure!(
        names == ["iomap_iter", "iomap_iter_dstmap", "iomap_iter"],
        "the events of the disk are {names:?}, of all: {events:?}"
    );
    for (event, pos, processed) in [(0, 10_000, 0), (2, 10_000, 5_000)]
        .into_iter()
        .filter_map(|(index, pos, processed)| Some((of_disk.get(index)?, pos, processed)))
    {
        ensure!(event.flags("flags")? == ["WRITE"], "{event:?}");
        ensure!(event.number("pos")? == pos, "{event:?}");
        ensure!(event.number("processed")? == processed, "{event:?}");
    }
    if let Some(mapping) = of_disk.get(1) {
        // From the logical block of the write to the end of the disk.
        let start = 10_000 / 512 * 512;
        ensure!(mapping.number("offset")? == start, "{mapping:?}");
        ensure!(mapping.number("addr")? == start, "{mapping:?}");
        ensure!(mapping.number("length")? == size - start, "{mapping:?}");
        ensure!(mapping.field("type")? == "MAPPED", "{mapping:?}");
    }
    region.verify()
}

/// Is it the number of the inode that the kernel has for that device?
fn is_device(ino: &str, major: u32, minor: u32) -> bool {
    // include/linux/kdev_t.h: 12 bits of major, 20 of minor.
    let device = major << 20 | minor;
    ino == format!("{device:#x}")
}

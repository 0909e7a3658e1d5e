// SPDX-License-Identifier: GPL-2.0

//! Faults of the disk under direct I/O.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fallocate, ioctl_ficlone, FallocateFlags};

use super::disk::{Fault, FaultyDisk};
use super::{bad_range, break_at, expect_either, place_of, SIZE};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::fs::KIB;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("fault_dio_read", suites::EXT_XFS, |context| {
        read(context, Fault::Error)
    })
    .doc("A direct read of a bad block is EIO, by any interface; those beside it are whole.")
    .holds(&["DIO-31"]),
    Case::new("fault_dio_write", suites::EXT_XFS, |context| {
        write(context, Fault::Error)
    })
    .doc("A direct write to a bad block is EIO, by any interface; those beside it are whole.")
    .holds(&["DIO-31"]),
    Case::new("flaky_dio_read", suites::FAULT_KINDS, |context| {
        read(context, Fault::FlakyReads)
    })
    .doc("A direct read is EIO where only reads fail; those beside it are whole.")
    .holds(&["DIO-31"]),
    Case::new("flaky_dio_write", suites::FAULT_KINDS, |context| {
        write(context, Fault::FlakyWrites)
    })
    .doc("A direct write is EIO where only writes fail; those beside it are whole.")
    .holds(&["DIO-31"]),
    Case::new(
        "flaky_dio_write_unwritten",
        suites::UNWRITTEN_FAULTS,
        |context| write_new(context, unwritten),
    )
    .doc("Preallocated space whose first direct write failed reads as zeros, or as written.")
    .holds(&["DIO-32"]),
    Case::new("flaky_dio_write_hole", suites::XFS, |context| {
        write_new(context, hole)
    })
    .doc("So does a hole that a failed direct write has got blocks for.")
    .holds(&["DIO-32"]),
    Case::new("flaky_dio_write_shared", suites::XFS, |context| {
        write_new(context, shared)
    })
    .doc("Shared blocks that a failed direct write was to replace are as before, or as written.")
    .holds(&["DIO-32"]),
    Case::new("dust_dio_read", suites::FAULT_KINDS, |context| {
        read(context, Fault::Dust)
    })
    .doc("A direct read of a medium's bad block is EIO; those beside it are whole.")
    .holds(&["DIO-31"]),
    Case::new("dust_dio_rewrite", suites::FAULT_KINDS, rewrite)
        .doc("A direct write to a medium's bad block works, and it can be read again.")
        .holds(&["DIO-31"]),
];

/// Requests before, over and behind the bad block.
fn requests(bad: &Range<usize>) -> [Range<usize>; 3] {
    let wide = 20 * KIB;
    let (start, end) = (bad.start - 8 * KIB, bad.end + 8 * KIB);
    [start - wide..start, start..end, end..end + wide]
}

fn read(context: &Context, fault: Fault) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        break_at(disk, fault, &mirror, &bad)?;
        let file = mirror.direct()?;
        let ranges = requests(&bad);
        for method in Method::ALL {
            let mut transfers = ranges
                .iter()
                .map(|range| Transfer::read(range.start as u64, range.len()))
                .collect::<io::Result<Vec<_>>>()?;
            let results = method.run(&file, &mut transfers, ranges.len())?;
            judge(results, &ranges).with_context(|| format!("{method:?}"))?;
            for (transfer, range) in transfers.iter().zip(&ranges) {
                if !range.contains(&bad.start) {
                    let expected = mirror.range(range.start, range.len());
                    pattern::compare(expected, &transfer.buffer, transfer.offset)?;
                }
            }
        }
        disk.heal()?;
        mirror.verify()
    })
}

fn write(context: &Context, fault: Fault) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        let ranges = requests(&bad);
        for method in Method::ALL {
            break_at(disk, fault, &mirror, &bad)?;
            write_all(method, &mut mirror, &ranges)?;
            disk.heal()?;
            take_over(&mut mirror, &ranges)?;
            mirror.verify().with_context(|| format!("{method:?}"))?;
        }
        Ok(())
    })
}

/// Makes the requests at once.
fn write_all(method: Method, mirror: &mut Mirror, ranges: &[Range<usize>; 3]) -> Result<()> {
    let file = mirror.direct()?;
    let mut transfers = ranges
        .iter()
        .map(|range| {
            let place = range.start as u64;
            let bytes = mirror.stamp(place, range.len())?;
            Ok(Transfer::write(place, bytes))
        })
        .collect::<Result<Vec<_>>>()?;
    let results = method.run(&file, &mut transfers, ranges.len())?;
    judge(results, ranges).with_context(|| format!("{method:?}"))
}

/// Has a file made by `prepare`, and the disk fail where its bad block will be; then
/// writes there.
fn write_new(
    context: &Context,
    prepare: fn(&FaultyDisk, PathBuf, &Range<usize>) -> Result<Prepared>,
) -> Result<()> {
    context.fill_free_space()?;
    FaultyDisk::with(context, |disk| {
        let bad = bad_range(context)?;
        let ranges = requests(&bad);
        for method in Method::ALL {
            let path = context.path(&format!("{method:?}"))?;
            let Prepared { mut mirror, clone } = prepare(disk, path, &bad)?;
            let before = mirror.bytes().to_vec();
            write_all(method, &mut mirror, &ranges)?;
            disk.heal()?;
            mirror.drop_cache()?;
            // Nothing of the request that failed, or any part of it.
            let [_, failed, _] = &ranges;
            let mut without = mirror.bytes().to_vec();
            for at in failed.clone() {
                if let (Some(byte), Some(old)) = (without.get_mut(at), before.get(at)) {
                    *byte = *old;
                }
            }
            expect_either(&mirror, &without, mirror.bytes())
                .with_context(|| format!("{method:?}"))?;
            let file = mirror.direct()?;
            mirror.write(&file, failed.start as u64, failed.len())?;
            mirror.verify()?;
            if let Some(clone) = clone {
                clone.verify().context("the clone")?;
            }
        }
        Ok(())
    })
}

/// A file on a disk that fails where the file's bad block will be.
struct Prepared {
    mirror: Mirror,
    /// What it shares blocks with.
    clone: Option<Mirror>,
}

/// The block is preallocated.
fn unwritten(disk: &FaultyDisk, path: PathBuf, bad: &Range<usize>) -> Result<Prepared> {
    let mirror = preallocated(path)?;
    break_at(disk, Fault::FlakyWrites, &mirror, bad)?;
    Ok(Prepared {
        mirror,
        clone: None,
    })
}

/// There is a hole, which gets the blocks behind those of the file.
fn hole(disk: &FaultyDisk, path: PathBuf, bad: &Range<usize>) -> Result<Prepared> {
    let mirror = preallocated(path)?;
    let place = place_of(&mirror, bad)?;
    let file = mirror.buffered()?;
    let [first, ..] = requests(bad);
    for length in [first.start, SIZE] {
        file.set_len(length as u64)?;
        // Until then nobody gets what this has freed.
        file.sync_all()?;
    }
    disk.break_at(Fault::FlakyWrites, place)?;
    Ok(Prepared {
        mirror,
        clone: None,
    })
}

/// So many blocks of a file get new ones at once, if one of them is written.
const AT_ONCE: usize = 32;

/// The block is a clone's, too.
fn shared(disk: &FaultyDisk, path: PathBuf, bad: &Range<usize>) -> Result<Prepared> {
    let clone = Mirror::filled(path.with_extension("clone"), 2, SIZE)?;
    ioctl_ficlone(File::create_new(&path)?, clone.buffered()?).context("FICLONE")?;
    let mut mirror = Mirror::adopt(path, 1, SIZE)?;
    mirror.note(0, clone.bytes())?;
    let file = mirror.direct()?;
    let block = bad.len();
    let first = bad.start / (AT_ONCE * block) * (AT_ONCE * block);
    ensure!(first < bad.start, "the bad block is the first of its kind");
    mirror.write(&file, first as u64, block)?;
    let start = place_of(&mirror, &(first..first + block))?.start + (bad.start - first) as u64;
    disk.break_at(Fault::FlakyWrites, start..start + block as u64)?;
    Ok(Prepared {
        mirror,
        clone: Some(clone),
    })
}

fn preallocated(path: PathBuf) -> Result<Mirror> {
    let mut mirror = Mirror::create(path, 1)?;
    let file = mirror.buffered()?;
    fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64).context("fallocate")?;
    file.sync_all()?;
    mirror.set_length(SIZE);
    Ok(mirror)
}

fn rewrite(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        break_at(disk, Fault::Dust, &mirror, &bad)?;
        let file = mirror.direct()?;
        let mut buffer = AlignedBuf::new(bad.len())?;
        let read = file.read_at(&mut buffer, bad.start as u64);
        fails_with(read, libc::EIO, "a read of the bad block")?;
        mirror.write(&file, bad.start as u64, bad.len())?;
        mirror.verify()
    })
}

/// All are whole but the one in the middle.
fn judge(results: Vec<io::Result<usize>>, ranges: &[Range<usize>; 3]) -> Result<()> {
    for (index, (result, range)) in results.into_iter().zip(ranges).enumerate() {
        match result {
            Err(error) if index == 1 && error.raw_os_error() == Some(libc::EIO) => {}
            Ok(count) if index != 1 => ensure!(count == range.len(), "{count} at {range:?}"),
            other => bail!("{other:?} at {range:?}"),
        }
    }
    Ok(())
}

/// Of a request that failed, the disk may have any part: the mirror gets what it
/// has. Outside of it everything is checked.
fn take_over(mirror: &mut Mirror, ranges: &[Range<usize>; 3]) -> Result<()> {
    let [_, failed, _] = ranges;
    let mut buffer = AlignedBuf::new(failed.len())?;
    let file = mirror.direct()?;
    file.read_exact_at(&mut buffer, failed.start as u64)?;
    mirror.note(failed.start as u64, &buffer)
}

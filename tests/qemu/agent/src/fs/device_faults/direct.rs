// SPDX-License-Identifier: GPL-2.0

//! Faults of the disk under direct I/O.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use anyhow::{bail, ensure, Context as _, Result};

use super::disk::{Fault, FaultyDisk};
use super::{bad_range, break_at, SIZE};
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
            judge(results, &ranges).with_context(|| format!("{method:?}"))?;
            disk.heal()?;
            take_over(&mut mirror, &ranges)?;
            mirror.verify().with_context(|| format!("{method:?}"))?;
        }
        Ok(())
    })
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

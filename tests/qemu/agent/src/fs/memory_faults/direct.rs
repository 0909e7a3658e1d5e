// SPDX-License-Identifier: GPL-2.0

//! Direct I/O.

use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::Result;

use super::call::Attempt;
use super::{exhaust, Needs, Subject, SIZE};
use crate::case::Case;
use crate::fs::{KIB, SECTOR};
use crate::suites;
use crate::sys::buffer::AlignedBuf;

const TIME: Duration = Duration::from_secs(180);

pub const CASES: &[Case] = &[
    Case::new("nomem_dio_read", suites::EXT_XFS, |c| {
        exhaust(c, Needs::Objects, read)
    })
    .doc("A direct read survives any failing allocation.")
    .holds(&["DIO-2"])
    .timeout(TIME),
    Case::new("nomem_dio_write", suites::EXT_XFS, |c| {
        exhaust(c, Needs::Objects, write)
    })
    .doc("A direct write into blocks on the disk survives any failing allocation.")
    .holds(&["DIO-2"])
    .timeout(TIME),
    Case::new("nomem_dio_write_new", suites::EXT_XFS, |c| {
        exhaust(c, Needs::Objects, write_new)
    })
    .doc("A direct write behind the end survives any failing allocation.")
    .holds(&["DIO-2", "DIO-18"])
    .timeout(TIME),
];

pub(super) fn read(subject: &mut Subject) -> Result<Attempt> {
    // Pages to write back first.
    let file = subject.buffered.try_clone()?;
    subject.mirror.write(&file, 20_000, 10_000)?;
    let direct = subject.direct.try_clone()?;
    let mut buffer = AlignedBuf::filled(SIZE, 0xEE)?;
    let expected = subject.mirror.range(0, SIZE).to_vec();
    Ok(Attempt::new(expected.clone(), move || {
        direct.read_exact_at(&mut buffer, 0)?;
        if *buffer != *expected {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }))
}

pub(super) fn write(subject: &mut Subject) -> Result<Attempt> {
    write_at(subject, 12 * KIB + SECTOR, 100 * KIB)
}

fn write_new(subject: &mut Subject) -> Result<Attempt> {
    subject.buffered.set_len(SIZE as u64)?;
    subject.mirror.set_length(SIZE);
    subject.buffered.sync_all()?;
    write_at(subject, SIZE + 3 * SECTOR, 20 * KIB + SECTOR)
}

fn write_at(subject: &mut Subject, offset: usize, length: usize) -> Result<Attempt> {
    let before = subject.mirror.bytes().to_vec();
    let bytes = subject.mirror.stamp(offset as u64, length)?;
    let direct = subject.direct.try_clone()?;
    Ok(Attempt::new(before, move || {
        direct.write_all_at(&bytes, offset as u64)
    }))
}

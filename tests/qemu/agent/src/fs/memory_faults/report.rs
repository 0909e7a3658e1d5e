// SPDX-License-Identifier: GPL-2.0

//! Calls that ask where things are.

use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::call::Attempt;
use super::{exhaust, Needs, Subject, SIZE};
use crate::case::Case;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::fiemap::EXTENT_LAST;
use crate::sys::{fiemap, swap};

const TIME: Duration = Duration::from_secs(180);

pub const CASES: &[Case] = &[
    Case::new("nomem_fiemap", suites::EXT_XFS, |c| {
        exhaust(c, Needs::Nothing, extents)
    })
    .doc("FIEMAP survives any failing allocation.")
    .holds(&["FM-1"])
    .timeout(TIME),
    Case::new("nomem_swapon", suites::EXT4_XFS, |c| {
        exhaust(c, Needs::Pages, swapon)
    })
    .doc("Starting to swap to a file survives any failing allocation.")
    .holds(&["SW-1"])
    // The tables of a swap area come from vmalloc(), which complains.
    .logs(&[r"vmalloc error: size", r"Call Trace"])
    .timeout(TIME),
];

fn extents(subject: &mut Subject) -> Result<Attempt> {
    // Not on the disk yet: FIEMAP writes it back.
    let file = subject.buffered.try_clone()?;
    subject.mirror.write(&file, 5_000, 10_000)?;
    let before = subject.mirror.bytes().to_vec();
    Ok(Attempt::new(before, move || {
        let extents = fiemap::extents(&file)?;
        // The file is as long, with nothing behind it.
        let last = extents
            .last()
            .map(|extent| (extent.end(), extent.has(EXTENT_LAST)));
        if last != Some((SIZE as u64, true)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }))
}

fn swapon(subject: &mut Subject) -> Result<Attempt> {
    let file = subject.buffered.try_clone()?;
    let pages = u32::try_from(SIZE / PAGE_SIZE)?;
    swap::make(&file, pages).context("cannot write the header")?;
    let mut header = [0; PAGE_SIZE];
    file.read_exact_at(&mut header, 0)?;
    subject.mirror.note(0, &header)?;
    let before = subject.mirror.bytes().to_vec();
    let path = subject.mirror.path().to_owned();
    let area = path.clone();
    Ok(Attempt::new(before, move || swap::on(&area)).then(move || swap::off(&path)))
}

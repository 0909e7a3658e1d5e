// SPDX-License-Identifier: GPL-2.0

//! btrfs: direct writes that move data, and files where they must not.

use std::fs::File;

use anyhow::{ensure, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::{attributes, fiemap};
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("btrfs_cow", suites::BTRFS, cow)
        .doc("Direct overwrites of an ordinary file go to new places, and only they.")
        .holds(&["DIO-22", "DIO-30"]),
    Case::new("btrfs_nodatacow", suites::BTRFS, nodatacow)
        .doc("Direct overwrites of a file without copy-on-write stay in place.")
        .holds(&["DIO-22", "DIO-30"]),
];

/// Where a block of the file is.
fn place(file: &File, offset: u64) -> Result<Option<u64>> {
    let extents = fiemap::extents(file)?;
    Ok(extents
        .iter()
        .find(|extent| (extent.logical..extent.end()).contains(&offset))
        .map(|extent| extent.physical + offset - extent.logical))
}

/// Overwrites the middle of a settled file by each method and says how many of
/// the overwrites moved data.
fn moves(mirror: &mut Mirror) -> Result<usize> {
    let file = mirror.direct()?;
    let (offset, length) = (256 * KIB as u64, 64 * KIB);
    let mut moves = 0;
    for method in Method::ALL {
        let (before, kept) = (place(&file, offset)?, place(&file, 0)?);
        let mut writes = [Transfer::write(offset, mirror.stamp(offset, length)?)];
        method.run_whole(&file, &mut writes, 1)?;
        file.sync_all()?;
        moves += usize::from(place(&file, offset)? != before);
        ensure!(place(&file, 0)? == kept, "{method:?}: other data moved");
        mirror.verify()?;
    }
    Ok(moves)
}

fn cow(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    let moves = moves(&mut mirror)?;
    let all = Method::ALL.len();
    ensure!(moves == all, "{moves} of {all} overwrites moved data");
    Ok(())
}

fn nodatacow(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    attributes::set_no_cow(&file)?;
    mirror.write(&file, 0, MIB)?;
    file.sync_all()?;
    let moves = moves(&mut mirror)?;
    ensure!(moves == 0, "{moves} overwrites moved data");
    Ok(())
}

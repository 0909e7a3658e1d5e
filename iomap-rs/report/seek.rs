// SPDX-License-Identifier: GPL-2.0

//! `llseek()` to the next data or hole.
//!
//! Unwritten extents may have dirty data in the page cache, so that decides for
//! them. Stands for `fs/iomap/seek.c`.

use crate::{
    iter::{Iter, Progress},
    mapping::Kind,
    operations::{Map, Range, Report},
    vfs::Inode,
};
use kernel::prelude::*;

/// The range to search from `pos` on: up to the end of the file.
///
/// [`ENXIO`] if `pos` lies outside of the file.
fn to_eof(inode: &Inode, pos: i64) -> Result<(Range, i64)> {
    let size = inode.size();
    if pos < 0 || pos >= size {
        return Err(ENXIO);
    }
    let len = size.wrapping_sub(pos) as u64;
    Ok((Range { pos, len }, size))
}

/// The first byte at or after `pos` that is in a hole; the file size if there
/// is none, as the end of a file counts as one.
///
/// Task context; may sleep for folio locks. [`ENXIO`] if `pos` lies outside of
/// the file. C: `iomap_seek_hole()`.
pub fn seek_hole<M: Map<Report>>(inode: &Inode, pos: i64, mapper: &M) -> Result<i64> {
    let (range, size) = to_eof(inode, pos)?;
    let mut found = None;
    Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        let length = state.length();
        let hole = match state.map().kind() {
            Kind::Hole => Some(state.pos()),
            Kind::Unwritten => {
                let end = state.pos().wrapping_add(length as i64);
                let hole = inode.mapping().seek_hole(state.pos(), end);
                (hole != end).then_some(hole)
            }
            Kind::Delalloc | Kind::Mapped | Kind::Inline => None,
        };
        match hole {
            Some(_) => {
                found = hole;
                Progress::Stop
            }
            None => Progress::Bytes(length),
        }
    })?;
    Ok(found.unwrap_or(size))
}

/// The first byte at or after `pos` that is data.
///
/// Task context; may sleep for folio locks. [`ENXIO`] if there is none or `pos`
/// lies outside of the file. C: `iomap_seek_data()`.
pub fn seek_data<M: Map<Report>>(inode: &Inode, pos: i64, mapper: &M) -> Result<i64> {
    let (range, _) = to_eof(inode, pos)?;
    let mut found = None;
    Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        let length = state.length();
        let data = match state.map().kind() {
            Kind::Hole => None,
            Kind::Unwritten => {
                let end = state.pos().wrapping_add(length as i64);
                inode.mapping().seek_data(state.pos(), end)
            }
            Kind::Delalloc | Kind::Mapped | Kind::Inline => Some(state.pos()),
        };
        match data {
            Some(_) => {
                found = data;
                Progress::Stop
            }
            None => Progress::Bytes(length),
        }
    })?;
    found.ok_or(ENXIO)
}

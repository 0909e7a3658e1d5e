// SPDX-License-Identifier: GPL-2.0

//! `llseek()` to the next data or hole.
//!
//! Unwritten extents may have dirty data in the page cache, so that decides for
//! them. Stands for `fs/iomap/seek.c`.

use crate::{
    iter::{Iter, Progress},
    mapping::Kind,
    operations::{Map, Range, Report},
    vfs::{Inode, IterState},
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
/// Task context; may sleep for folio locks. The filesystem holds what keeps its extents,
/// commonly `i_rwsem` shared.
///
/// # Errors
///
/// [`ENXIO`] if `pos` lies outside of the file; those of the filesystem.
///
/// C: `iomap_seek_hole()`.
pub fn seek_hole<M: Map<Report>>(inode: &Inode, pos: i64, mapper: &M) -> Result<i64> {
    let (range, size) = to_eof(inode, pos)?;
    let found = search(inode, range, mapper, |state, end| {
        match state.map().kind() {
            Kind::Hole => Some(state.pos()),
            Kind::Unwritten => {
                let hole = inode.mapping().seek_hole(state.pos(), end);
                (hole != end).then_some(hole)
            }
            Kind::Delalloc | Kind::Mapped | Kind::Inline => None,
        }
    })?;
    Ok(found.unwrap_or(size))
}

/// The first byte at or after `pos` that is data.
///
/// Task context; may sleep for folio locks. Locks as for [`seek_hole`].
///
/// # Errors
///
/// [`ENXIO`] if there is none, or `pos` lies outside of the file; those of the filesystem.
///
/// C: `iomap_seek_data()`.
pub fn seek_data<M: Map<Report>>(inode: &Inode, pos: i64, mapper: &M) -> Result<i64> {
    let (range, _) = to_eof(inode, pos)?;
    let found = search(inode, range, mapper, |state, end| {
        match state.map().kind() {
            Kind::Hole => None,
            Kind::Unwritten => inode.mapping().seek_data(state.pos(), end).ok(),
            Kind::Delalloc | Kind::Mapped | Kind::Inline => Some(state.pos()),
        }
    })?;
    found.ok_or(ENXIO)
}

/// What `look` finds in the first mapping in which it finds anything; it gets
/// the walk and the end of what the mapping serves.
fn search<M: Map<Report>>(
    inode: &Inode,
    range: Range,
    mapper: &M,
    look: impl Fn(&IterState<'_>, i64) -> Option<i64>,
) -> Result<Option<i64>> {
    let mut found = None;
    let walked = Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        let length = state.length();
        // Forgets what a mapping said that has gone stale since.
        found = look(state, state.pos().wrapping_add_unsigned(length));
        match found {
            Some(_) => Progress::Stop,
            None => Progress::Bytes(length),
        }
    });
    walked.result?;
    Ok(found)
}

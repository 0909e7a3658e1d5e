// SPDX-License-Identifier: GPL-2.0

//! The first store to a page of a shared mapping.
//!
//! Stands for `iomap_page_mkwrite()`.

use crate::{
    iter::{Iter, Progress},
    mapping::MapFlags,
    operations::{Fault, Map, Range},
    vfs::{warn_once, FaultFolio, Inode, IterState, Warning},
};
use kernel::prelude::*;

/// Makes the folio of a write fault writable: has blocks for all of it that lies
/// in the file, and marks it dirty. The folio is locked when it is returned.
///
/// Task context, under `mmap_lock` or the lock of the area; sleeps. The
/// filesystem holds `invalidate_lock` shared, and freeze protection.
///
/// # Errors
///
/// [`EFAULT`] if the folio was truncated; those of the filesystem.
///
/// C: `iomap_page_mkwrite()`.
pub fn page_mkwrite<'a, M: Map<Fault>>(
    inode: &Inode,
    folio: FaultFolio<'a>,
    mapper: &M,
) -> Result<FaultFolio<'a>> {
    let len = folio.bytes_in_file(inode)? as u64;
    let range = Range {
        pos: folio.pos(),
        len,
    };
    let walked =
        Iter::<Fault, _>::new(inode, range, (), mapper).for_each(|state| dirty(state, &folio));
    walked.result?;
    folio.wait_stable();
    Ok(folio)
}

fn dirty(state: &IterState<'_>, folio: &FaultFolio<'_>) -> Progress {
    let map = state.map();
    let length = state.length();
    if map.flags().contains(MapFlags::BUFFER_HEAD) {
        let begun = folio.buffers_write_begin(state.pos(), length as usize, map);
        if let Err(error) = begun {
            return Progress::Failed(error);
        }
        folio.buffers_commit_write(length as usize);
    } else {
        if !folio.is_uptodate() {
            warn_once(Warning::NotUptodate);
        }
        folio.mark_dirty();
    }
    Progress::Bytes(length)
}

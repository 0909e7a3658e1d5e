// SPDX-License-Identifier: GPL-2.0

//! The first store to a page of a shared mapping.
//!
//! Stands for `iomap_page_mkwrite()`.

use crate::{
    iter::{Iter, Progress},
    operations::{Fault, Map, Range},
    vfs::{self, warn_once, FaultFolio, IterState, Tracking, Warning},
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
    fault: &vfs::Fault<'a>,
    mapper: &M,
) -> Result<FaultFolio<'a>> {
    let inode = fault.file().inode();
    let folio = fault.lock_folio()?;
    let range = Range {
        pos: folio.pos(),
        len: folio.bytes_in_file() as u64,
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
    match folio.tracking(map) {
        Tracking::Buffers(buffers) => {
            let begun = buffers.write_begin(state.pos(), length as usize, map);
            if let Err(error) = begun {
                return Progress::Failed(error);
            }
            buffers.commit_write(length as usize);
        }
        Tracking::Engine(_) => {
            if !folio.is_uptodate() {
                warn_once(Warning::NotUptodate);
            }
            folio.mark_dirty();
        }
    }
    Progress::Bytes(length)
}

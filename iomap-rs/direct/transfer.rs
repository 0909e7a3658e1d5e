// SPDX-License-Identifier: GPL-2.0

//! What is done for one mapping, by what stands behind it.
//!
//! Stands for `iomap_dio_iter()`, `iomap_dio_hole_iter()` and
//! `iomap_dio_inline_iter()`.

use super::{bios, Dio};
use crate::{
    iter::Progress,
    mapping::Kind,
    operations::DirectHooks,
    vfs::{warn_once, IovIter, IterState, Submission, Warning},
};
use kernel::prelude::*;

/// Transfers what the current mapping serves.
#[inline]
pub(super) fn transfer<H: DirectHooks>(
    state: &IterState<'_>,
    dio: &Submission<Dio<H>>,
    iter: &mut IovIter,
) -> Progress {
    match (state.map().kind(), dio.is_write()) {
        (Kind::Mapped, _) | (Kind::Unwritten, true) => bios::transfer(state, dio, iter),
        (Kind::Hole, false) | (Kind::Unwritten, false) => read_zeros(state, dio, iter),
        (Kind::Inline, false) => read_inline(state, dio, iter),
        (Kind::Inline, true) => write_inline(state, dio, iter),
        (Kind::Hole, true) => {
            warn_once(Warning::DioWriteToHole);
            Progress::Failed(EIO)
        }
        (Kind::Delalloc, _) => {
            // A page of a mapping of the file was dirtied after the page cache
            // had been written back.
            dio.iocb.file().warn_dio_collision();
            Progress::Failed(EIO)
        }
    }
}

/// Counts copied bytes; none means that the memory could not be faulted in.
#[inline]
fn copied<H>(dio: &Dio<H>, bytes: usize) -> Progress {
    if bytes == 0 {
        return Progress::Failed(EFAULT);
    }
    dio.add_size(bytes as u64);
    Progress::Bytes(bytes as u64)
}

#[inline(never)]
fn read_zeros<H>(state: &IterState<'_>, dio: &Dio<H>, iter: &mut IovIter) -> Progress {
    copied(dio, iter.zero(state.length() as usize))
}

#[inline(never)]
fn read_inline<H>(state: &IterState<'_>, dio: &Dio<H>, iter: &mut IovIter) -> Progress {
    let Some(data) = state.map().inline_data() else {
        warn_once(Warning::InlineBeyondPage);
        return Progress::Failed(EIO);
    };
    copied(dio, data.copy_to(state.pos(), state.length(), iter))
}

#[inline(never)]
fn write_inline<H>(state: &IterState<'_>, dio: &Dio<H>, iter: &mut IovIter) -> Progress {
    let Some(data) = state.map().inline_data() else {
        warn_once(Warning::InlineBeyondPage);
        return Progress::Failed(EIO);
    };
    let inode = state.inode();
    let (pos, size) = (state.pos(), inode.size());
    if pos > size {
        data.zero(size, pos);
    }
    let bytes = data.copy_from(pos, state.length(), iter);
    if bytes > 0 {
        let end = pos.saturating_add(bytes as i64);
        if end > size {
            inode.set_size(end);
        }
        inode.mark_dirty();
    }
    copied(dio, bytes)
}

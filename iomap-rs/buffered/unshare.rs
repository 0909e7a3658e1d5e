// SPDX-License-Identifier: GPL-2.0

//! Giving shared blocks of a file copies of its own.
//!
//! Stands for `iomap_file_unshare()`.

use super::rewrite::rewrite;
use crate::{
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{FolioHooks, Map, Range, Unshare},
    vfs::{IterState, PageCache},
};
use kernel::prelude::*;

/// Dirties, with their contents, the folios of `cache` in `range` whose blocks are shared,
/// so that writeback puts them elsewhere. What is behind the end of the file is
/// left out.
///
/// Task context; sleeps. The filesystem holds `i_rwsem` and `invalidate_lock`
/// exclusively.
///
/// # Errors
///
/// [`EINTR`], [`ENOMEM`], [`EIO`]; those of reads and of the filesystem.
///
/// C: `iomap_file_unshare()`.
pub fn unshare<M: Map<Unshare>, H: FolioHooks>(
    cache: &PageCache,
    range: Range,
    mapper: &M,
    hooks: &H,
) -> Result {
    let inode = cache.host();
    let size = inode.size();
    if range.pos < 0 || range.pos >= size {
        return Ok(());
    }
    let range = Range {
        pos: range.pos,
        len: range.len.min(size.wrapping_sub(range.pos) as u64),
    };
    let walked = Iter::<Unshare, _>::new(inode, range, (), mapper).for_each(|state| {
        if wants_unshare(state) {
            // Its contents are brought in: that is all there is to write.
            rewrite(cache, state, hooks, |_, _| ())
        } else {
            Progress::Bytes(state.length())
        }
    });
    walked.result
}

/// Whether there is data to be copied: what is shared comes with a source
/// mapping of its own. C: `iomap_want_unshare_iter()`.
fn wants_unshare(state: &IterState<'_>) -> bool {
    state.map().flags().contains(MapFlags::SHARED)
        && state
            .distinct_source()
            .is_some_and(|source| source.kind() == Kind::Mapped)
}

// SPDX-License-Identifier: GPL-2.0

//! Writes whose data does not come from the user: zeros, or what is there.
//!
//! Stands for what `iomap_unshare_iter()` and `iomap_zero_iter()` have in common.

use super::{
    begin::{begin, Begun},
    end::end,
};
use crate::{
    iter::Progress,
    operations::FolioHooks,
    vfs::{cond_resched, warn_once, Folio, IterState, PageCache, Warning},
};
use core::ops::Range;
use kernel::prelude::*;

/// Writes to all that the current mapping serves, folio by folio: `change` gets
/// a folio that is ready and the bytes of it that are written to. Ends early
/// where the mapping has gone stale.
pub(super) fn rewrite<H: FolioHooks>(
    cache: &PageCache,
    state: &IterState<'_>,
    hooks: &H,
    mut change: impl FnMut(&Folio, Range<usize>),
) -> Progress {
    let length = state.length();
    let mut done = 0u64;
    while done < length {
        let pos = state.pos().wrapping_add_unsigned(done);
        let bytes = length.saturating_sub(done) as usize;
        let folio = match begin(cache, state, hooks, pos, bytes) {
            Ok(Begun::Ready(folio)) => folio,
            Ok(Begun::Stale) => break,
            Err(error) => return Progress::Failed(error),
        };
        let (offset, room) = folio.place_of(pos);
        let bytes = bytes.min(room);
        change(&folio, offset..offset.saturating_add(bytes));
        let taken = end(cache, state, pos, bytes, bytes, &folio);
        hooks.put_folio(state, pos, bytes, folio);
        if !taken {
            warn_once(Warning::WriteEndRefused);
            return Progress::Failed(EIO);
        }
        cond_resched();
        done = done.saturating_add(bytes as u64);
        // What was dirtied is throttled as any write; without NOWAIT it waits.
        let _ = cache.balance_dirty(false);
    }
    Progress::Bytes(done)
}

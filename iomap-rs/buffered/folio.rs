// SPDX-License-Identifier: GPL-2.0

//! What memory management asks of a folio's owner.
//!
//! Stands for `iomap_is_partially_uptodate()`, `iomap_release_folio()`,
//! `iomap_invalidate_folio()` and `iomap_dirty_folio()`.

use crate::{
    folio_state,
    vfs::{self, warn_once, Allocate, IomapFolio, LockedFolio, PageCache, Warning},
};
use core::ops::Range;

/// Whether all blocks that the `count` bytes from byte `from` of the folio touch
/// are uptodate, as far as the folio goes. `false` if it has one block only:
/// the caller has looked at the folio's own flag.
///
/// The folio is locked; does not sleep. C: `iomap_is_partially_uptodate()`.
pub fn is_partially_uptodate(folio: &IomapFolio, from: usize, count: usize) -> bool {
    let Some(state) = folio.state() else {
        return false;
    };
    let end = from.saturating_add(count).min(folio.size());
    folio_state::is_uptodate(state, &(from..end), folio.inode().block_bits())
}

/// Gives up what the engine keeps of a folio, unless it is dirty; whether the
/// folio may go. Must not sleep. C: `iomap_release_folio()`.
pub fn release_folio(mut folio: LockedFolio<'_>) -> bool {
    vfs::trace::release_folio(folio.inode(), folio.pos(), folio.size());
    if folio.is_dirty() {
        return false;
    }
    folio_state::free(&mut folio);
    true
}

/// Forgets `bytes` of a folio: of all of it, its state; of a part, that blocks
/// which lie in it whole are dirty. Writeback was waited for.
/// C: `iomap_invalidate_folio()`.
pub fn invalidate_folio(mut folio: LockedFolio<'_>, bytes: Range<usize>) {
    let pos = folio.pos().wrapping_add(bytes.start as i64);
    vfs::trace::invalidate_folio(folio.inode(), pos, bytes.end.wrapping_sub(bytes.start));
    if bytes.start == 0 && bytes.end == folio.size() {
        if folio.is_under_writeback() {
            warn_once(Warning::InvalidatedUnderWriteback);
        }
        folio.cancel_dirty();
        folio_state::free(&mut folio);
    } else {
        let block_bits = folio.inode().block_bits();
        folio_state::clear_dirty(&folio, &bytes, block_bits);
    }
}

/// Marks all blocks of a folio dirty, past the end of the file too; whether the
/// folio was clean. The folio is locked; or the page table of a writable page of it is,
/// and then it has its state since the fault, and nothing sleeps.
/// C: `iomap_dirty_folio()`.
pub fn dirty_folio(cache: &PageCache, folio: &IomapFolio) -> bool {
    if let Some(state) = folio_state::ensure(cache.host(), folio, Allocate::Always) {
        folio_state::set_all_dirty(state);
    }
    folio.dirty(cache)
}

// SPDX-License-Identifier: GPL-2.0

//! Giving back reserved space that a failed write left.
//!
//! Stands for `iomap_write_delalloc_release()`. Ranges are half open.

use crate::{
    folio_state,
    vfs::{warn_once, IomapFolio, Mapping, PageCache, Warning},
};
use core::ops::Range;
use kernel::{page::PAGE_SIZE, prelude::*};

/// Calls `punch(offset, length)` for the bytes of `range`, a part of `map`, that no
/// dirty page of `cache` lies over, which is what `write()` reserved space for and did not use.
///
/// Dirty pages may be there, since stores through mappings race with writes:
/// writeback will need the space. Clean ones have their data on storage or are
/// zeros. Behind the end of the file writeback never comes, so that all there is
/// given back.
///
/// `punch` must leave all but reservations alone and may be called with a folio
/// locked: it must not lock any.
///
/// Task context; sleeps. The caller holds `invalidate_lock` exclusively, lest
/// pages are faulted in and dirtied meanwhile. Lock order: `i_rwsem`,
/// `invalidate_lock`, folio lock, the filesystem's locks in `punch`.
///
/// C: `iomap_write_delalloc_release()`.
pub fn release_delalloc(
    cache: &PageCache,
    map: &Mapping<'_>,
    range: Range<i64>,
    mut punch: impl FnMut(i64, i64),
) {
    cache.assert_invalidate_locked();
    let scan_end = range.end.min(cache.host().size());
    let mut kept = range.start;
    let mut pos = range.start;
    while pos < scan_end {
        let data = match cache.seek_data(pos, scan_end) {
            Ok(data) => data,
            Err(error) if error == ENXIO => break,
            Err(_) => {
                warn_once(Warning::SeekFailed);
                return;
            }
        };
        if data >= scan_end {
            break;
        }
        let data_end = cache.seek_hole(data, scan_end);
        if data_end < 0 {
            warn_once(Warning::SeekFailed);
            return;
        }
        // What was data may be gone when the hole is looked for, as direct I/O
        // invalidates pages: look again.
        if data_end > data {
            scan(cache, map, data..data_end, &mut kept, &mut punch);
        }
        pos = data_end;
    }
    if kept < range.end {
        punch(kept, range.end.wrapping_sub(kept));
    }
}

/// Punches between the dirty folios of `range`; `kept` is where the next punch
/// starts.
fn scan(
    cache: &PageCache,
    map: &Mapping<'_>,
    range: Range<i64>,
    kept: &mut i64,
    punch: &mut impl FnMut(i64, i64),
) {
    let mut pos = range.start;
    while pos < range.end {
        let Ok(folio) = cache.lock_folio(pos) else {
            pos = (pos | (PAGE_SIZE as i64 - 1)).wrapping_add(1);
            continue;
        };
        let folio_end = folio.pos().wrapping_add(folio.size() as i64);
        if folio.is_dirty() {
            if pos > *kept {
                punch(*kept, pos.wrapping_sub(*kept));
            }
            let end = range.end.min(folio_end);
            if let Some(folio) = folio.tracking(map).by_engine() {
                punch_clean_blocks(folio, pos..end, punch);
            }
            *kept = end;
        }
        pos = folio_end;
    }
}

/// Punches the blocks of a dirty folio that are clean.
fn punch_clean_blocks(folio: &IomapFolio, range: Range<i64>, punch: &mut impl FnMut(i64, i64)) {
    let Some(state) = folio.state() else {
        return;
    };
    let block_bits = folio.inode().block_bits();
    let last = folio.offset_of(range.end.wrapping_sub(1));
    let bytes = folio.offset_of(range.start)..last.wrapping_add(1);
    let blocks = folio_state::ranges::touched(&bytes, block_bits);
    let mut next = blocks.start;
    loop {
        next = folio_state::next_clean_block(state, next..blocks.end);
        if next >= blocks.end {
            return;
        }
        let in_folio = next.wrapping_shl(block_bits);
        let pos = folio.pos().wrapping_add(in_folio as i64);
        punch(pos, 1i64.wrapping_shl(block_bits));
        next = next.saturating_add(1);
    }
}

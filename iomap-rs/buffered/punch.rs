// SPDX-License-Identifier: GPL-2.0

//! Giving back reserved space that a failed write left.
//!
//! Stands for `iomap_write_delalloc_release()`. Ranges are half open.

use super::reserved::{self, Cached, CachedFolio};
use crate::{
    folio_state::{
        next_clean_block,
        ranges::{bytes_of, touched},
    },
    vfs::{warn_once, IomapFolio, Mapping, PageCache, Warning, WriteFolio},
};
use core::ops::Range;
use kernel::{page::PAGE_SIZE, prelude::*};

/// Calls `punch(offset, length)` for the bytes of `range`, a part of `map`, that no
/// dirty page of `cache` lies over, which is what `write()` reserved space for and
/// did not use.
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
    let written = Written { cache, map };
    let released = reserved::release(&written, cache.host().size(), range, |part| {
        punch(part.start, part.end.wrapping_sub(part.start));
    });
    if released.is_err() {
        warn_once(Warning::SeekFailed);
    }
}

/// What lies over the mapping that a write had.
struct Written<'a> {
    cache: &'a PageCache,
    map: &'a Mapping<'a>,
}

impl Cached for Written<'_> {
    type Error = Error;
    type Folio<'f>
        = WrittenFolio<'f>
    where
        Self: 'f;

    const PAGE: i64 = PAGE_SIZE as i64;

    fn data(&self, range: Range<i64>) -> Result<Option<i64>> {
        match self.cache.seek_data(range.start, range.end) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error == ENXIO => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn hole(&self, range: Range<i64>) -> Result<i64> {
        let hole = self.cache.seek_hole(range.start, range.end);
        if hole < 0 {
            return Err(EIO);
        }
        Ok(hole)
    }

    fn lock(&self, pos: i64) -> Option<WrittenFolio<'_>> {
        let folio = self.cache.lock_folio(pos).ok()?;
        Some(WrittenFolio {
            folio,
            map: self.map,
        })
    }
}

struct WrittenFolio<'a> {
    folio: WriteFolio<'a>,
    map: &'a Mapping<'a>,
}

impl CachedFolio for WrittenFolio<'_> {
    fn end(&self) -> i64 {
        // Offsets end before the last possible folio does.
        self.folio.pos().saturating_add(self.folio.size() as i64)
    }

    fn is_dirty(&self) -> bool {
        self.folio.is_dirty()
    }

    fn clean_block(&self, range: Range<i64>) -> Option<Range<i64>> {
        if range.start >= range.end {
            return None;
        }
        let folio: &IomapFolio = self.folio.tracking(self.map).by_engine()?;
        let state = folio.state()?;
        let block_bits = folio.inode().block_bits();
        let last = folio.offset_of(range.end.wrapping_sub(1));
        let blocks = touched(
            &(folio.offset_of(range.start)..last.wrapping_add(1)),
            block_bits,
        );
        let end = blocks.end;
        let clean = next_clean_block(state, blocks);
        (clean < end).then(|| {
            let bytes = bytes_of(&(clean..clean.wrapping_add(1)), block_bits);
            let at = |offset: usize| folio.pos().saturating_add(offset as i64);
            at(bytes.start)..at(bytes.end)
        })
    }
}

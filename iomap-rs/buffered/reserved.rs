// SPDX-License-Identifier: GPL-2.0

//! Which parts of a range no dirty page lies over.
//!
//! Relies on what the page cache tells by [`Cached`]: this file also compiles on
//! the host. Positions are bytes of the file, ranges half open. Stands for the
//! walk of `iomap_write_delalloc_release()`.

use core::ops::Range;

/// A page cache, as far as the walk has to know.
pub trait Cached {
    /// Why a search failed.
    type Error;
    /// A folio, locked while there is a value.
    type Folio<'a>: CachedFolio
    where
        Self: 'a;

    /// Bytes of a page, a power of two.
    const PAGE: i64;

    /// The first byte of cached data in `range`, if there is any.
    fn data(&self, range: Range<i64>) -> Result<Option<i64>, Self::Error>;

    /// The first byte of `range` without cached data; its end if there is none.
    fn hole(&self, range: Range<i64>) -> Result<i64, Self::Error>;

    /// The folio that holds `pos`, if there is one.
    fn lock(&self, pos: i64) -> Option<Self::Folio<'_>>;
}

/// A locked folio of a [`Cached`].
pub trait CachedFolio {
    /// The first byte behind it.
    fn end(&self) -> i64;

    /// Whether some of it is dirty.
    fn is_dirty(&self) -> bool;

    /// The first block that `range`, of a dirty folio, touches and that is clean.
    /// [`None`] if there is none, or only the folio as a whole is known to be
    /// dirty.
    fn clean_block(&self, range: Range<i64>) -> Option<Range<i64>>;
}

/// Calls `punch` for the parts of `range` that no dirty page lies over, in order,
/// and for all that is at or behind `size`, where the file ends: writeback does
/// not come there.
///
/// # Errors
///
/// Those of searches: the rest of the range is left alone.
pub fn release<C: Cached>(
    cache: &C,
    size: i64,
    range: Range<i64>,
    mut punch: impl FnMut(Range<i64>),
) -> Result<(), C::Error> {
    let scan_end = range.end.min(size);
    let mut kept = range.start;
    let mut pos = range.start;
    while pos < scan_end {
        let data = match cache.data(pos..scan_end)? {
            Some(data) if data < scan_end => data,
            _ => break,
        };
        let data_end = cache.hole(data..scan_end)?;
        // What was data may be gone when the hole is looked for, as direct I/O
        // invalidates pages: look again.
        if data_end > data {
            keep_dirty(cache, data..data_end, &mut kept, &mut punch);
        }
        pos = data_end;
    }
    if kept < range.end {
        punch(kept..range.end);
    }
    Ok(())
}

/// Punches what is before and between the dirty blocks of `range`; `kept` is where
/// the next punch starts.
fn keep_dirty<C: Cached>(
    cache: &C,
    range: Range<i64>,
    kept: &mut i64,
    punch: &mut impl FnMut(Range<i64>),
) {
    let mut pos = range.start;
    while pos < range.end {
        let Some(folio) = cache.lock(pos) else {
            pos = (pos | C::PAGE.wrapping_sub(1)).saturating_add(1);
            continue;
        };
        let end = folio.end();
        if folio.is_dirty() {
            if pos > *kept {
                punch(*kept..pos);
            }
            *kept = range.end.min(end);
            let mut next = pos;
            while let Some(clean) = folio.clean_block(next..*kept) {
                next = clean.end;
                punch(clean);
            }
        }
        pos = end;
    }
}

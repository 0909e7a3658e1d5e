// SPDX-License-Identifier: GPL-2.0

//! Which bytes of a file its page cache holds data of.
//!
//! A folio that is not uptodate as a whole may have data in some of its blocks:
//! the filesystem says which. Stands for `mapping_seek_hole_data()`, which the
//! kernel keeps for itself.

use super::AddressSpace;
use crate::sys as bindings;
use core::{mem::MaybeUninit, ptr::NonNull};
use kernel::prelude::*;

impl AddressSpace {
    /// The first byte of cached data in `[start, end)`; [`ENXIO`] if there is
    /// none. May sleep for folio locks. C: `mapping_seek_hole_data(SEEK_DATA)`.
    pub fn seek_data(&self, start: i64, end: i64) -> Result<i64> {
        let mut pos = start;
        while pos < end {
            let Some(part) = self.next_cached(pos, end, false) else {
                break;
            };
            pos = pos.max(part.start);
            let found = match &part.partial {
                None => Some(pos),
                Some(folio) => folio.seek(self, pos, true),
            };
            match found {
                Some(found) => return Ok(found.min(end)),
                None => pos = part.end,
            }
        }
        Err(ENXIO)
    }

    /// The first byte in `[start, end)` that no data is cached for; `end` if
    /// all of it is cached. May sleep. C: `mapping_seek_hole_data(SEEK_HOLE)`.
    pub fn seek_hole(&self, start: i64, end: i64) -> i64 {
        let mut pos = start;
        while pos < end {
            let found = match self.next_cached(pos, end, true) {
                Some(part) if part.start <= pos => {
                    let found = match &part.partial {
                        None => None,
                        Some(folio) => folio.seek(self, pos, false),
                    };
                    pos = part.end;
                    found
                }
                _ => Some(pos),
            };
            if let Some(found) = found {
                return found.min(end);
            }
        }
        end
    }

    /// The first part of the cache that ends behind `pos` and starts before
    /// `limit`, the latter greater than the former; with `run`, as long as it
    /// can be said to hold data throughout.
    fn next_cached(&self, pos: i64, limit: i64, run: bool) -> Option<Part> {
        let mut found = MaybeUninit::<bindings::iomap_rs_cached>::uninit();
        // SAFETY: The mapping is valid by its type, and `found` is filled in in
        // any case. A folio comes with a reference.
        unsafe {
            let any =
                bindings::iomap_rs_next_cached(self.as_ptr(), pos, limit, run, found.as_mut_ptr());
            let found = found.assume_init();
            any.then(|| Part {
                start: found.start,
                end: found.end,
                // INVARIANT: The reference comes along.
                partial: NonNull::new(found.folio).map(FolioRef),
            })
        }
    }
}

/// A part of a page cache: bytes `[start, end)` of the file.
struct Part {
    start: i64,
    end: i64,
    /// The folio, if some of its blocks may hold no data.
    partial: Option<FolioRef>,
}

/// A reference to a folio that may have left its page cache.
///
/// # Invariants
///
/// Accounts for one reference to a folio.
struct FolioRef(NonNull<bindings::folio>);

impl FolioRef {
    /// The first byte of the folio at or after file offset `pos`, which lies in
    /// it, whose block holds data, or does not. Sleeps for the folio's lock.
    ///
    /// If the folio is not in the cache any more, `pos`: then anything may be
    /// there by now.
    fn seek(&self, mapping: &AddressSpace, pos: i64, data: bool) -> Option<i64> {
        let folio = self.0.as_ptr();
        // SAFETY: The mapping is valid by its type, as are its tables.
        let (block_size, ask) = unsafe {
            (
                mapping.host().block_size() as usize,
                (*(*mapping.as_ptr()).a_ops).is_partially_uptodate,
            )
        };
        let Some(ask) = ask else {
            // Then nothing is data until all of it is.
            return (!data).then_some(pos);
        };
        let _lock = self.lock();
        // SAFETY: Valid while it is referenced; locked, so that it stays in the
        // cache if it is there.
        let is_here =
            unsafe { (*folio).__bindgen_anon_1.__bindgen_anon_1.mapping == mapping.as_ptr() };
        if !is_here {
            return Some(pos);
        }
        // SAFETY: In a page cache, and locked for the borrow's life.
        let (size, first) = unsafe {
            let folio = super::Folio::from_raw(folio);
            (folio.size(), folio.pos())
        };
        let mask = block_size.wrapping_sub(1);
        let mut at = pos;
        let mut offset = at.wrapping_sub(first) as usize & !mask;
        while offset < size {
            // SAFETY: The filesystem's function; the folio is locked.
            if unsafe { ask(folio, offset, block_size) } == data {
                return Some(at);
            }
            offset = offset.saturating_add(block_size);
            at = first.wrapping_add(offset as i64);
        }
        None
    }

    /// Locks the folio. Sleeps.
    fn lock(&self) -> FolioLock<'_> {
        // SAFETY: Valid while it is referenced.
        unsafe { bindings::iomap_rs_folio_lock(self.0.as_ptr()) };
        // INVARIANT: Just locked.
        FolioLock(self)
    }
}

impl Drop for FolioRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_folio_put(self.0.as_ptr()) }
    }
}

/// The lock of a folio, until it is dropped.
///
/// # Invariants
///
/// The folio is locked by this value.
#[must_use = "dropping it unlocks"]
struct FolioLock<'a>(&'a FolioRef);

impl Drop for FolioLock<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::folio_unlock(self.0 .0.as_ptr()) }
    }
}

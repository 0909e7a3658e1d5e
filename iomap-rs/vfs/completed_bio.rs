// SPDX-License-Identifier: GPL-2.0

//! Bios that came back from the device.

use super::{bio::release, check, Folio, IomapFolio};
use crate::sys as bindings;
use core::{mem::ManuallyDrop, ops::Range, ptr::NonNull};
use kernel::prelude::*;

/// A bio that came back from the device. Dropping it releases it.
///
/// # Invariants
///
/// Points to a completed bio that nobody else refers to.
pub struct CompletedBio(pub(super) NonNull<bindings::bio>);

impl CompletedBio {
    /// Takes over a bio that has ended.
    ///
    /// # Safety
    ///
    /// The bio is the caller's to give away.
    #[inline]
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::bio>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr)
    }

    /// What became of it.
    #[inline]
    pub fn status(&self) -> Result {
        // SAFETY: Valid by the type invariant.
        result_of(unsafe { (*self.0.as_ptr()).bi_status })
    }

    /// Releases the bio and its pages, a user's that were read into: pages that
    /// were cleaned meanwhile are made dirty again, in a task if need be.
    /// C: `bio_check_pages_dirty()`.
    #[inline]
    pub fn release_dirty(self) {
        let bio = ManuallyDrop::new(self).0;
        // SAFETY: By the type invariant; `self` is consumed.
        unsafe { bindings::bio_check_pages_dirty(bio.as_ptr()) }
    }

    /// Frees the bio alone, as its pages are others'.
    #[inline]
    pub(super) fn free(self) {
        let bio = ManuallyDrop::new(self).0;
        // SAFETY: By the type invariant; `self` is consumed.
        unsafe { bindings::bio_put(bio.as_ptr()) }
    }

    /// Calls `each` for every piece of a folio in the bio, in order. The folio
    /// may be gone afterwards. C: `bio_for_each_folio_all()`.
    ///
    /// # Safety
    ///
    /// The bio has nothing but folios of page caches that the engine manages,
    /// which stay there until the call for their last piece.
    #[inline]
    pub(super) unsafe fn for_each_folio(&self, mut each: impl FnMut(&IomapFolio, Range<usize>)) {
        let bio = self.0.as_ptr();
        // SAFETY: By the type invariant; the vectors are those that were added.
        let vecs =
            unsafe { core::slice::from_raw_parts((*bio).bi_io_vec, usize::from((*bio).bi_vcnt)) };
        for vec in vecs {
            // SAFETY: By the contract.
            let mut folio = unsafe { Folio::of_page(vec.bv_page) };
            let in_folio = vec.bv_page.addr().wrapping_sub(folio.first_page().addr())
                / size_of::<bindings::page>();
            let mut start = in_folio
                .wrapping_mul(bindings::PAGE_SIZE)
                .wrapping_add(vec.bv_offset as usize);
            let mut left = vec.bv_len as usize;
            loop {
                let size = folio.size();
                let end = size.min(start.saturating_add(left));
                left = left.wrapping_sub(end.wrapping_sub(start));
                let next = folio.first_page().wrapping_add(size / bindings::PAGE_SIZE);
                // SAFETY: By the contract.
                each(unsafe { IomapFolio::from_raw(folio.as_ptr()) }, start..end);
                if left == 0 {
                    break;
                }
                // SAFETY: The vector goes on, so that another folio follows.
                folio = unsafe { Folio::from_raw(next.cast()) };
                start = 0;
            }
        }
    }
}

impl Drop for CompletedBio {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant; `self` is gone afterwards.
        unsafe { release(self.0) }
    }
}

/// A bio's status as a result. C: `blk_status_to_errno()`.
#[inline]
pub(super) fn result_of(status: bindings::blk_status_t) -> Result {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: Always sound.
    check(unsafe { bindings::blk_status_to_errno(status) })?;
    Ok(())
}

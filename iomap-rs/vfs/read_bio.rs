// SPDX-License-Identifier: GPL-2.0

//! Bios that read into a page cache.

use super::{BlockDevice, CompletedBio, Folio, IomapFolio};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::ManuallyDrop, ops::Range, ptr::NonNull};
use kernel::prelude::*;

/// Hears of the end of reads into folios.
pub trait FolioReadEnd {
    /// `bytes` of `folio` were read, or not. Any context.
    fn read_ended(folio: &IomapFolio, bytes: Range<usize>, result: Result);
}

/// A bio that reads into folios, open for more. Dropping it submits it.
///
/// # Invariants
///
/// Points to a bio that is not submitted, nobody else's, with folios of page
/// caches that the engine manages, locked until `E` has heard of all of it.
pub struct ReadBio<E: FolioReadEnd>(NonNull<bindings::bio>, PhantomData<E>);

impl<E: FolioReadEnd> ReadBio<E> {
    /// A bio for reads at 512-byte sector `sector` of `bdev`, with room for
    /// `vecs` pieces of memory. Where memory is short that may be one only.
    /// `gfp_mask` is the page cache's.
    pub fn new(
        bdev: &BlockDevice,
        vecs: u16,
        sector: u64,
        readahead: bool,
        gfp_mask: u32,
    ) -> Result<Self> {
        let gfp = gfp_mask & bindings::GFP_KERNEL;
        // Readahead is of no use if it waits for memory.
        let first_gfp = if readahead {
            gfp | bindings::__GFP_NORETRY | bindings::__GFP_NOWARN
        } else {
            gfp
        };
        let alloc = |vecs, gfp| {
            // SAFETY: The device is valid by its type.
            NonNull::new(unsafe {
                bindings::bio_alloc_bioset(
                    bdev.as_ptr(),
                    vecs,
                    bindings::req_op_REQ_OP_READ,
                    gfp,
                    &raw mut bindings::fs_bio_set,
                )
            })
        };
        let bio = alloc(vecs, first_gfp)
            .or_else(|| alloc(1, gfp))
            .ok_or(ENOMEM)?;
        // SAFETY: Fresh.
        unsafe {
            let bio = bio.as_ptr();
            if readahead {
                (*bio).bi_opf |= bindings::REQ_RAHEAD;
            }
            (*bio).bi_iter.bi_sector = sector;
            (*bio).bi_end_io = Some(read_end_io::<E>);
        }
        // INVARIANT: Fresh, without folios.
        Ok(Self(bio, PhantomData))
    }

    /// Adds `bytes` of `folio`, which are at `sector` of `bdev`; `false` if that
    /// is not where the bio ends, or it is full.
    #[inline]
    pub fn append(
        &mut self,
        bdev: &BlockDevice,
        sector: u64,
        folio: &Folio,
        bytes: &Range<usize>,
    ) -> bool {
        let bio = self.0.as_ptr();
        // SAFETY: By the type invariant; the folio is valid by its type.
        unsafe {
            let end = (*bio)
                .bi_iter
                .bi_sector
                .wrapping_add(((*bio).bi_iter.bi_size >> 9).into());
            let len = bytes.end.wrapping_sub(bytes.start);
            end == sector
                && (*bio).bi_bdev == bdev.as_ptr()
                && bindings::bio_add_folio(bio, folio.as_ptr(), len, bytes.start)
        }
    }
}

impl<E: FolioReadEnd> Drop for ReadBio<E> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::submit_bio(self.0.as_ptr()) }
    }
}

/// The completion of reads into folios. C: `iomap_read_end_io()`.
///
/// # Safety
///
/// `bio` is a [`ReadBio`] that has ended.
unsafe extern "C" fn read_end_io<E: FolioReadEnd>(bio: *mut bindings::bio) {
    // SAFETY: By the contract.
    let bio = unsafe { CompletedBio::from_raw(NonNull::new_unchecked(bio)) };
    let result = bio.status();
    // SAFETY: By the invariant of `ReadBio`.
    unsafe { bio.for_each_folio(|folio, bytes| E::read_ended(folio, bytes, result)) };
    // The folios' references were not the bio's.
    bio.free();
}

/// Reads `bytes` of `folio` from `sector` of `bdev` and waits for it. Sleeps.
/// C: `iomap_read_folio_sync()`.
pub(crate) fn read_folio_sync(
    bdev: &BlockDevice,
    sector: u64,
    folio: &Folio,
    bytes: &Range<usize>,
) -> Result {
    let len = bytes.end.saturating_sub(bytes.start);
    // SAFETY: Device and folio are valid by their types; the folio is locked, so
    // that nobody else reads into it.
    super::check(unsafe {
        bindings::iomap_rs_read_folio_sync(bdev.as_ptr(), sector, folio.as_ptr(), bytes.start, len)
    })?;
    Ok(())
}

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

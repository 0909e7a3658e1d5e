// SPDX-License-Identifier: GPL-2.0

//! Readahead requests.

use super::{AddressSpace, ReadFolio};
use crate::sys as bindings;
use core::{marker::PhantomData, ptr::NonNull};
use kernel::types::Opaque;

/// Folios that are to be filled ahead of their use, all of them locked.
/// C: `struct readahead_control`.
///
/// # Invariants
///
/// An initialised request for a page cache that the engine manages, which nobody
/// else uses meanwhile.
pub struct Readahead<'a>(
    &'a Opaque<bindings::readahead_control>,
    PhantomData<&'a mut ()>,
);

impl<'a> Readahead<'a> {
    /// Borrows a C request.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub unsafe fn from_raw(ptr: *mut bindings::readahead_control) -> Self {
        // INVARIANT: By the contract.
        // SAFETY: Transparent wrapper; valid by the contract.
        Self(unsafe { &*ptr.cast() }, PhantomData)
    }

    /// The page cache.
    pub fn mapping(&self) -> &'a AddressSpace {
        // SAFETY: By the type invariant.
        unsafe { AddressSpace::from_raw((*self.0.get()).mapping) }
    }

    /// File offset of the folios that are left, in bytes. C: `readahead_pos()`.
    pub fn pos(&self) -> i64 {
        // SAFETY: By the type invariant.
        let index = unsafe { (*self.0.get())._index };
        index.wrapping_mul(bindings::PAGE_SIZE) as i64
    }

    /// How many pages are left. C: `readahead_count()`.
    pub fn count(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get())._nr_pages }
    }

    /// How many bytes are left. C: `readahead_length()`.
    pub fn len(&self) -> u64 {
        u64::from(self.count()).wrapping_mul(bindings::PAGE_SIZE as u64)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Takes the next folio. C: `readahead_folio()`.
    #[inline]
    pub fn next_folio(&mut self) -> Option<ReadFolio> {
        // SAFETY: By the type invariant. The page cache's reference and the lock
        // keep the folio; the lock is the request's to give away.
        unsafe {
            NonNull::new(bindings::iomap_rs_readahead_folio(self.0.get()))
                .map(|folio| ReadFolio::from_raw(folio))
        }
    }
}

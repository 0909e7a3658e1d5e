// SPDX-License-Identifier: GPL-2.0

//! The memory of a read or write request.

use super::BlockDevice;
use crate::sys as bindings;
use core::ptr;
use kernel::types::Opaque;

/// Which way an iterator's data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into memory: a read of the file.
    Read,
    /// Out of memory: a write to the file.
    Write,
}

/// A place in an iterator.
pub(crate) struct Mark {
    iter: *const IovIter,
    count: usize,
}

/// Memory to read into or write from, and how far one is. C: `struct iov_iter`.
///
/// # Invariants
///
/// A reference is to an initialised iterator that nobody else uses meanwhile.
#[repr(transparent)]
pub struct IovIter(Opaque<bindings::iov_iter>);

impl IovIter {
    /// Borrows a C iterator.
    ///
    /// # Safety
    ///
    /// `ptr` is initialised, and nobody else's for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::iov_iter) -> &'a mut Self {
        // SAFETY: Transparent wrapper; valid and exclusive by the contract.
        unsafe { &mut *ptr.cast() }
    }

    /// The C iterator.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::iov_iter {
        self.0.get()
    }

    /// Bytes left. C: `iov_iter_count()`.
    #[inline]
    pub fn count(&self) -> usize {
        // SAFETY: Valid by the type invariant. `count` lies at the same place
        // whatever the iterator's type.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .as_ref()
                .count
        }
    }

    #[inline]
    fn set_count(&mut self, count: usize) {
        // SAFETY: As in `count`.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .as_mut()
                .count = count
        }
    }

    /// Runs `f` with no more than the next `bytes` bytes in sight.
    /// C: `iov_iter_truncate()`, `iov_iter_reexpand()`.
    #[inline]
    pub fn with_limit<R>(&mut self, bytes: u64, f: impl FnOnce(&mut Self) -> R) -> R {
        let count = self.count();
        let limited = (count as u64).min(bytes) as usize;
        self.set_count(limited);
        let result = f(self);
        let used = limited.wrapping_sub(self.count());
        self.set_count(count.wrapping_sub(used));
        result
    }

    /// Remembers the place, to come back to it by [`Self::revert`], with the same limit
    /// as now.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            iter: self,
            count: self.count(),
        }
    }

    /// Goes back by `bytes` bytes, but not behind `mark`. C: `iov_iter_revert()`.
    #[inline]
    pub(crate) fn revert(&mut self, mark: &Mark, bytes: usize) {
        if !ptr::eq(mark.iter, self) {
            return;
        }
        let used = mark.count.saturating_sub(self.count());
        // SAFETY: Valid by the type invariant; that much was used since the mark, as the
        // limit is the same again: `direct/start.rs` does both outside of `with_limit()`,
        // and `buffered/write.rs` never has a limit.
        unsafe { bindings::iov_iter_revert(self.as_ptr(), bytes.min(used)) }
    }

    /// Which way the data goes. C: `iov_iter_rw()`.
    #[inline]
    pub fn direction(&self) -> Direction {
        // SAFETY: Valid by the type invariant.
        if unsafe { (*self.as_ptr()).data_source } {
            Direction::Write
        } else {
            Direction::Read
        }
    }

    #[inline]
    fn kind(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).iter_type }.into()
    }

    /// Whether the memory is a user's. C: `user_backed_iter()`.
    #[inline]
    pub fn is_user_backed(&self) -> bool {
        matches!(
            self.kind(),
            bindings::iter_type_ITER_UBUF | bindings::iter_type_ITER_IOVEC
        )
    }

    /// Whether a bio borrows the vectors, instead of having some of its own.
    #[inline]
    pub(super) fn lends_vectors(&self) -> bool {
        self.kind() == bindings::iter_type_ITER_BVEC
    }

    /// Vectors that a bio needs for what is left, at most `max`. 0 if nothing
    /// is left, but also for an iterator over bio vectors, which a bio borrows
    /// as they are. C: `bio_iov_vecs_to_alloc()`.
    #[inline]
    pub fn vecs_to_alloc(&self, max: u16) -> u16 {
        // After most requests' first bio nothing is left: no need to ask.
        if self.count() == 0 || self.lends_vectors() {
            return 0;
        }
        // SAFETY: Valid by the type invariant.
        let pages = unsafe { bindings::iov_iter_npages(self.as_ptr(), max.into()) };
        // C returns a value in 0..=max.
        pages as u16
    }

    /// Whether all that is left can be transferred to or from `bdev`: memory
    /// addresses are aligned for its DMA, lengths to its logical blocks.
    /// C: `bdev_iter_is_aligned()`.
    #[inline]
    pub fn is_aligned_for(&self, bdev: &BlockDevice) -> bool {
        let len_mask = bdev.logical_block_size().wrapping_sub(1);
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::iov_iter_is_aligned(self.as_ptr(), bdev.dma_alignment_mask(), len_mask) }
    }

    /// Fills up to `bytes` bytes with zeros and returns how many were filled; fewer
    /// if memory could not be faulted in, none if it is there to be read only. May sleep.
    /// C: `iov_iter_zero()`.
    pub fn zero(&mut self, bytes: usize) -> usize {
        if self.direction() != Direction::Read {
            return 0;
        }
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::iov_iter_zero(bytes, self.as_ptr()) }
    }

    /// Copies from `data` into the memory, as much as goes. May sleep.
    ///
    /// # Safety
    ///
    /// `data` is valid for reads of `len` bytes.
    pub(super) unsafe fn copy_to_iter(&mut self, data: *const u8, len: usize) -> usize {
        // SAFETY: By the type invariant and the contract.
        unsafe { bindings::iomap_rs_copy_to_iter(data.cast(), len, self.as_ptr()) }
    }

    /// Copies from the memory to `data`, as much as goes. May sleep.
    ///
    /// # Safety
    ///
    /// `data` is valid for writes of `len` bytes.
    pub(super) unsafe fn copy_from_iter(&mut self, data: *mut u8, len: usize) -> usize {
        // SAFETY: By the type invariant and the contract.
        unsafe { bindings::iomap_rs_copy_from_iter(data.cast(), len, self.as_ptr()) }
    }
}

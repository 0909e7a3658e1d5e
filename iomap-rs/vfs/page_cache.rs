// SPDX-License-Identifier: GPL-2.0

//! Page caches that the engine manages, and writing into one.

use super::{check, AddressSpace, Folio, Inode, IovIter, WriteFolio};
use crate::{mapping::OpFlags, sys as bindings};
use core::ops::Deref;
use kernel::prelude::*;

/// A page cache that the engine manages. C: `struct address_space`.
///
/// # Invariants
///
/// As [`AddressSpace`]. What is attached to its folios is the engine's, or
/// nothing; where the filesystem's mappings ask for buffer heads, it is those,
/// or nothing.
#[repr(transparent)]
pub struct PageCache(AddressSpace);

impl PageCache {
    /// Borrows a C address space.
    ///
    /// # Safety
    ///
    /// `ptr` is as the type invariant says for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::address_space) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The folio that holds file offset `pos`, if there is one, locked. Sleeps.
    /// C: `filemap_lock_folio()`.
    pub fn lock_folio(&self, pos: i64) -> Result<WriteFolio<'_>> {
        // SAFETY: By the type invariant; lock and reference come along.
        unsafe { WriteFolio::from_raw(bindings::iomap_rs_lock_folio(self.as_ptr(), pos)) }
    }
}

impl Deref for PageCache {
    type Target = AddressSpace;

    #[inline]
    fn deref(&self) -> &AddressSpace {
        &self.0
    }
}

impl AddressSpace {
    /// Largest size of a folio in bytes, a power of two.
    /// C: `mapping_max_folio_size()`.
    #[inline]
    pub fn max_folio_size(&self) -> usize {
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        {
            let flags = self.flags();
            let mask = (1 << bindings::mapping_flags_AS_FOLIO_ORDER_BITS) - 1;
            let order = flags >> bindings::mapping_flags_AS_FOLIO_ORDER_MAX & mask;
            bindings::PAGE_SIZE.wrapping_shl(order as u32)
        }
        #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
        bindings::PAGE_SIZE
    }

    #[inline]
    fn flags(&self) -> usize {
        // SAFETY: By the type invariant; flags that are read at any time.
        unsafe { (&raw const (*self.as_ptr()).flags).read_volatile() }
    }

    /// Whether pages must not change while they are written back.
    /// C: `mapping_stable_writes()`.
    #[inline]
    pub(super) fn has_stable_pages(&self) -> bool {
        self.flags() & (1 << bindings::mapping_flags_AS_STABLE_WRITES) != 0
    }

    /// Whether the cache has neither folios nor shadow entries, and no error of writeback is
    /// waiting to be reported: then there is nothing to write back, wait for or drop. A folio
    /// that is added concurrently may be missed. C: `mapping_empty()`, and what
    /// `filemap_check_errors()` looks at.
    #[inline]
    pub(super) fn is_blank(&self) -> bool {
        const ERRORS: usize =
            1 << bindings::mapping_flags_AS_EIO | 1 << bindings::mapping_flags_AS_ENOSPC;
        // SAFETY: By the type invariant; a pointer that is looked at, at any time.
        let head = unsafe { (&raw const (*self.as_ptr()).i_pages.xa_head).read_volatile() };
        head.is_null() && self.flags() & ERRORS == 0
    }

    /// Whether folios may have several pages.
    /// C: `mapping_large_folio_support()`.
    #[inline]
    pub fn supports_large_folios(&self) -> bool {
        self.max_folio_size() > bindings::PAGE_SIZE
    }

    /// Whether the file may be mapped for stores that others see.
    /// C: `mapping_writably_mapped()`.
    #[inline]
    pub fn is_writably_mapped(&self) -> bool {
        // SAFETY: By the type invariant; a counter that is read at any time.
        unsafe { (&raw const (*self.as_ptr()).i_mmap_writable.counter).read_volatile() > 0 }
    }

    /// Slows down who dirties pages faster than they are written. [`EAGAIN`] if
    /// it would sleep but must not. C: `balance_dirty_pages_ratelimited_flags()`.
    #[inline]
    pub fn balance_dirty(&self, nowait: bool) -> Result {
        let flags = if nowait { bindings::BDP_ASYNC } else { 0 };
        // SAFETY: By the type invariant.
        check(unsafe { bindings::balance_dirty_pages_ratelimited_flags(self.as_ptr(), flags) })?;
        Ok(())
    }

    /// Whether pages of bytes `start..=end` are dirty or being written back.
    /// C: `filemap_range_needs_writeback()`.
    pub fn range_needs_writeback(&self, start: i64, end: i64) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_range_needs_writeback(self.as_ptr(), start, end) }
    }

    /// Writes dirty pages of bytes `start..=end` and waits for them. Sleeps.
    /// C: `filemap_write_and_wait_range()`.
    pub fn write_and_wait_range(&self, start: i64, end: i64) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::filemap_write_and_wait_range(self.as_ptr(), start, end) })?;
        Ok(())
    }

    /// Drops the pages of bytes `first..=last`, which are not dirty. Sleeps.
    /// [`EBUSY`] if one of them cannot be dropped.
    /// C: `invalidate_inode_pages2_range()`.
    #[inline]
    pub(super) fn drop_pages(&self, first: u64, last: u64) -> Result {
        // SAFETY: By the type invariant; a counter that is read at any time.
        let pages = unsafe { (&raw const (*self.as_ptr()).nrpages).read_volatile() };
        if pages == 0 {
            return Ok(());
        }
        let index = |pos: u64| (pos / bindings::PAGE_SIZE as u64) as usize;
        // SAFETY: By the type invariant.
        check(unsafe {
            bindings::invalidate_inode_pages2_range(self.as_ptr(), index(first), index(last))
        })?;
        Ok(())
    }

    /// Complains unless the caller holds `invalidate_lock` exclusively. Debug
    /// kernels only.
    pub fn assert_invalidate_locked(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_assert_invalidate_locked(self.as_ptr()) }
    }
}

impl<'a> WriteFolio<'a> {
    /// Gets the folio of `cache` for file offset `pos`, making one of up to `len`
    /// bytes if there is none. Sleeps, and waits for writeback where pages must
    /// be stable meanwhile, unless `flags` has [`OpFlags::NOWAIT`].
    /// C: `iomap_get_folio()`.
    #[inline]
    pub fn get(cache: &'a PageCache, flags: OpFlags, pos: i64, len: usize) -> Result<Self> {
        let order = (len / bindings::PAGE_SIZE).checked_ilog2().unwrap_or(0);
        let mut fgp = bindings::FGP_WRITEBEGIN | bindings::FGP_NOFS;
        if flags.contains(OpFlags::NOWAIT) {
            fgp |= bindings::FGP_NOWAIT;
        }
        fgp |= order << bindings::FGF_ORDER_SHIFT;
        let index = (pos as u64 / bindings::PAGE_SIZE as u64) as usize;
        // SAFETY: By the type invariant; lock and reference come along.
        unsafe {
            Self::from_raw(bindings::__filemap_get_folio(
                cache.as_ptr(),
                index,
                fgp,
                cache.gfp_mask(),
            ))
        }
    }
}

impl Inode {
    /// Drops the page cache of bytes `start..=end`. Sleeps.
    /// C: `truncate_pagecache_range()`.
    pub fn truncate_cache(&self, start: i64, end: i64) {
        // SAFETY: By the type invariant.
        unsafe { bindings::truncate_pagecache_range(self.as_ptr(), start, end) }
    }

    /// The file grew from `from` bytes to `to` bytes: stores to what was its
    /// last page fault again. C: `pagecache_isize_extended()`.
    pub fn extended(&self, from: i64, to: i64) {
        // SAFETY: By the type invariant.
        unsafe { bindings::pagecache_isize_extended(self.as_ptr(), from, to) }
    }
}

impl IovIter {
    /// Faults in the next `bytes` bytes of a user's memory, as far as it goes;
    /// returns how many could not be. Sleeps. C: `fault_in_iov_iter_readable()`.
    #[inline]
    pub fn fault_in_readable(&self, bytes: usize) -> usize {
        // SAFETY: By the type invariant.
        unsafe { bindings::fault_in_iov_iter_readable(self.as_ptr(), bytes) }
    }

    /// Copies up to `bytes` bytes to byte `offset` of `folio` and on, without
    /// faulting; returns how many were copied. The folio is locked.
    /// C: `copy_folio_from_iter_atomic()`.
    #[inline]
    pub fn copy_to_folio(&mut self, folio: &Folio, offset: usize, bytes: usize) -> usize {
        if offset.saturating_add(bytes) > folio.size() {
            return 0;
        }
        // SAFETY: By the type invariant; in the folio.
        unsafe {
            bindings::copy_page_from_iter_atomic(folio.first_page(), offset, bytes, self.as_ptr())
        }
    }
}

impl Folio {
    /// Makes what was stored through one mapping visible through others, on
    /// machines whose caches need that. C: `flush_dcache_folio()`.
    #[inline]
    pub fn flush_dcache(&self) {
        #[cfg(not(CONFIG_X86))]
        // SAFETY: By the type invariant.
        unsafe {
            bindings::iomap_rs_flush_dcache(self.as_ptr())
        }
    }
}

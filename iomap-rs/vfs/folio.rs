// SPDX-License-Identifier: GPL-2.0

//! Folios of a page cache.

use super::{AddressSpace, Inode};
use crate::sys as bindings;
use core::{
    ops::Range,
    sync::atomic::{fence, AtomicUsize, Ordering},
};
use kernel::types::Opaque;

/// A folio in a page cache, which somebody keeps there. C: `struct folio`.
///
/// # Invariants
///
/// A reference is to a folio that stays in the page cache of an inode for as
/// long: it is locked, or under writeback, by whoever has the reference; or mapped by a
/// page table that is locked.
#[repr(transparent)]
pub struct Folio(Opaque<bindings::folio>);

impl Folio {
    /// Borrows a C folio.
    ///
    /// # Safety
    ///
    /// `ptr` is a folio in a page cache, and stays there for all of `'a`.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(ptr: *mut bindings::folio) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C folio.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::folio {
        self.0.get()
    }

    /// The first page of the folio.
    #[inline]
    pub(super) fn first_page(&self) -> *mut bindings::page {
        // A folio starts with it.
        self.as_ptr().cast()
    }

    #[inline]
    fn flags(&self) -> &AtomicUsize {
        // SAFETY: Valid by the type invariant; flags are changed atomically.
        unsafe {
            let flags = &raw mut (*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.flags;
            AtomicUsize::from_ptr(flags.cast())
        }
    }

    #[inline]
    fn has(&self, flag: bindings::pageflags) -> bool {
        self.flags().load(Ordering::Relaxed) & (1 << flag) != 0
    }

    /// Whether all of it holds the file's data. What was stored before is
    /// visible after. C: `folio_test_uptodate()`.
    #[inline]
    pub fn is_uptodate(&self) -> bool {
        let uptodate = self.has(bindings::pageflags_PG_uptodate);
        fence(Ordering::Acquire);
        uptodate
    }

    /// Says that all of it holds the file's data. The folio is locked.
    /// C: `folio_mark_uptodate()`.
    #[inline]
    pub fn mark_uptodate(&self) {
        self.flags()
            .fetch_or(1 << bindings::pageflags_PG_uptodate, Ordering::Release);
    }

    /// Whether some of it is to be written back. C: `folio_test_dirty()`.
    #[inline]
    pub fn is_dirty(&self) -> bool {
        self.has(bindings::pageflags_PG_dirty)
    }

    /// Whether it is to be taken out of the page cache when it is written.
    /// C: `folio_test_reclaim()`.
    #[inline]
    pub(super) fn is_to_be_reclaimed(&self) -> bool {
        self.has(bindings::pageflags_PG_reclaim)
    }

    /// Whether it is being written back. C: `folio_test_writeback()`.
    #[inline]
    pub fn is_under_writeback(&self) -> bool {
        self.has(bindings::pageflags_PG_writeback)
    }

    /// Whether somebody holds its lock. C: `folio_test_locked()`.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.has(bindings::pageflags_PG_locked)
    }

    /// Size in bytes, a power of two. C: `folio_size()`.
    #[inline]
    pub fn size(&self) -> usize {
        if !self.has(bindings::pageflags_PG_head) {
            return bindings::PAGE_SIZE;
        }
        // SAFETY: A large folio has the fields of its second page.
        let order = unsafe { (*self.as_ptr()).__bindgen_anon_2.__bindgen_anon_1._flags_1 } & 0xff;
        bindings::PAGE_SIZE.wrapping_shl(order as u32)
    }

    /// Offset in the file, in pages.
    #[inline]
    pub fn index(&self) -> usize {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.index }
    }

    /// Offset in the file, in bytes. C: `folio_pos()`.
    #[inline]
    pub fn pos(&self) -> i64 {
        self.index().wrapping_mul(bindings::PAGE_SIZE) as i64
    }

    /// The byte of the folio that holds file offset `pos`, or would if the
    /// folios before and after were of its size. C: `offset_in_folio()`.
    #[inline]
    pub fn offset_of(&self, pos: i64) -> usize {
        pos as usize & self.size().wrapping_sub(1)
    }

    /// [`Self::offset_of`], and how many bytes of the folio there are from there
    /// on.
    #[inline]
    pub fn place_of(&self, pos: i64) -> (usize, usize) {
        let size = self.size();
        let offset = pos as usize & size.wrapping_sub(1);
        (offset, size.wrapping_sub(offset))
    }

    /// The page cache it lies in.
    #[inline]
    pub fn mapping(&self) -> &AddressSpace {
        // SAFETY: By the type invariant it is in one, which stays as long.
        unsafe {
            AddressSpace::from_raw((*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.mapping)
        }
    }

    /// The inode whose data it holds.
    #[inline]
    pub fn inode(&self) -> &Inode {
        self.mapping().host()
    }

    /// Blocks of the filesystem that it holds; 0 if it is smaller than one.
    /// C: `i_blocks_per_folio()`.
    #[inline]
    pub fn blocks(&self) -> usize {
        self.size().wrapping_shr(self.inode().block_bits())
    }

    /// What the owner of the page cache attached to it.
    #[inline]
    pub(super) fn private(&self) -> *mut core::ffi::c_void {
        // SAFETY: Valid by the type invariant.
        unsafe {
            (*self.as_ptr())
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_2
                .private
        }
    }

    /// Zeros `bytes` of the folio, which is locked. C: `folio_zero_range()`.
    #[inline]
    pub fn zero(&self, bytes: Range<usize>) {
        let end = bytes.end.min(self.size());
        if bytes.start < end {
            // SAFETY: In bounds.
            unsafe { bindings::iomap_rs_folio_zero(self.as_ptr(), bytes.start, end) }
        }
    }

    /// Marks the folio dirty, and its page cache and inode with it; whether it
    /// was not before. C: `filemap_dirty_folio()`.
    #[inline]
    pub fn dirty(&self, mapping: &AddressSpace) -> bool {
        // SAFETY: Both are valid by their types.
        unsafe { bindings::filemap_dirty_folio(mapping.as_ptr(), self.as_ptr()) }
    }

    /// Counts as used, for reclaim. C: `folio_mark_accessed()`.
    #[inline]
    pub fn mark_accessed(&self) {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::folio_mark_accessed(self.as_ptr()) }
    }

    /// The folio that `page` is part of. C: `page_folio()`.
    ///
    /// # Safety
    ///
    /// `page` is part of a folio that is in a page cache for all of `'a`.
    #[inline]
    pub(super) unsafe fn of_page<'a>(page: *mut bindings::page) -> &'a Self {
        // SAFETY: Valid by the contract. A tail page has the address of the
        // first one plus 1; no page cache that iomap serves has hugetlb folios,
        // whose tail pages may look otherwise.
        let head = unsafe {
            (&raw const (*page).__bindgen_anon_1.__bindgen_anon_3.compound_head).read_volatile()
        };
        let first = if head & 1 != 0 {
            head.wrapping_sub(1) as *mut bindings::page
        } else {
            page
        };
        // SAFETY: By the contract; a folio starts with its first page.
        unsafe { Self::from_raw(first.cast()) }
    }
}

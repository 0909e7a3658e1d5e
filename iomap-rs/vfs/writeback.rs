// SPDX-License-Identifier: GPL-2.0

//! Writeback: what is wanted, and how far it is.

use super::{AddressSpace, Folio, Ioend, IomapFolio, Mapping};
use crate::sys as bindings;
use core::{
    cell::Cell,
    marker::PhantomData,
    ops::Deref,
    ptr::{self, NonNull},
};
use kernel::{prelude::*, types::Opaque};

/// What is to be written, and how. C: `struct writeback_control`.
///
/// # Invariants
///
/// Initialised, and nobody else's for `'a`.
pub struct WritebackControl<'a>(&'a Opaque<bindings::writeback_control>);

impl<'a> WritebackControl<'a> {
    /// Borrows a C control.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub unsafe fn from_raw(ptr: *mut bindings::writeback_control) -> Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        // INVARIANT: By the contract.
        Self(unsafe { &*ptr.cast() })
    }

    /// Walks the dirty folios of `mapping` that are to be written.
    pub fn folios<'s>(&'s mut self, mapping: &'s AddressSpace) -> DirtyFolios<'s, 'a> {
        DirtyFolios {
            control: self,
            mapping,
            last: ptr::null_mut(),
            error: 0,
        }
    }

    /// Flags of bios. C: `wbc_to_write_flags()`.
    pub(super) fn write_flags(&self) -> bindings::blk_opf_t {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_wbc_write_flags(self.0.get()) }
    }

    /// Has the bio charged to who dirtied the inode. C: `wbc_init_bio()`.
    ///
    /// # Safety
    ///
    /// `bio` is valid and has its device.
    pub(super) unsafe fn init_bio(&self, bio: *mut bindings::bio) {
        // SAFETY: By the type invariant and the contract.
        unsafe { bindings::iomap_rs_wbc_init_bio(self.0.get(), bio) }
    }

    /// Accounts `bytes` of `folio` as written. C: `wbc_account_cgroup_owner()`.
    #[inline]
    pub fn account(&mut self, folio: &Folio, bytes: usize) {
        // SAFETY: Both are valid by their types.
        unsafe { bindings::iomap_rs_wbc_account(self.0.get(), folio.as_ptr(), bytes) }
    }
}

/// Dirty folios, one after the other. C: `writeback_iter()`.
///
/// To be walked to its end, whatever happens.
pub struct DirtyFolios<'s, 'a> {
    control: &'s mut WritebackControl<'a>,
    mapping: &'s AddressSpace,
    last: *mut bindings::folio,
    error: i32,
}

impl<'a> DirtyFolios<'_, 'a> {
    /// The next folio: locked, and clean as of now. With it, what is wanted.
    #[inline]
    pub fn next_folio(&mut self) -> Option<(WritebackFolio<'_>, &mut WritebackControl<'a>)> {
        // SAFETY: Mapping and control are valid by their types; the folio is the
        // one that was returned last.
        self.last = unsafe {
            bindings::writeback_iter(
                self.mapping.as_ptr(),
                self.control.0.get(),
                self.last,
                &mut self.error,
            )
        };
        // INVARIANT: Locked, and referenced by the walk until it goes on.
        let folio = WritebackFolio {
            folio: NonNull::new(self.last)?,
            locked: Cell::new(true),
            _mapping: PhantomData,
        };
        Some((folio, &mut *self.control))
    }

    /// Says how it went with the last folio.
    #[inline]
    pub fn report(&mut self, result: Result) {
        self.error = result.map_or_else(Error::to_errno, |()| 0);
    }

    /// How it went with all of them.
    pub fn finish(self) -> Result {
        super::check(self.error)?;
        Ok(())
    }
}

/// A folio that is to be written back. Dropping it unlocks it.
///
/// # Invariants
///
/// In a page cache that the engine manages; locked, if it says so, else under
/// writeback; referenced by the walk.
pub struct WritebackFolio<'a> {
    folio: NonNull<bindings::folio>,
    locked: Cell<bool>,
    _mapping: PhantomData<&'a AddressSpace>,
}

impl<'a> WritebackFolio<'a> {
    /// The page cache it is in.
    pub fn mapping(&self) -> &'a AddressSpace {
        // SAFETY: By the type invariant; the walk's own.
        unsafe { AddressSpace::from_raw(Folio::mapping(self).as_ptr()) }
    }

    /// Marks it as under writeback. It is locked. C: `folio_start_writeback()`.
    pub fn start_writeback(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::__folio_start_writeback(self.folio.as_ptr(), false) }
    }

    /// Unlocks it; it is under writeback.
    pub fn unlock(&self) {
        if self.locked.replace(false) {
            // SAFETY: By the type invariant.
            unsafe { bindings::folio_unlock(self.folio.as_ptr()) }
        }
    }

    /// Ends writeback that nothing is left of. C: `folio_end_writeback()`.
    pub fn end_writeback(self) {
        self.unlock();
        // SAFETY: By the type invariant.
        unsafe { bindings::folio_end_writeback(self.folio.as_ptr()) }
    }
}

impl Deref for WritebackFolio<'_> {
    type Target = IomapFolio;

    #[inline]
    fn deref(&self) -> &IomapFolio {
        // SAFETY: By the type invariant.
        unsafe { IomapFolio::from_raw(self.folio.as_ptr()) }
    }
}

impl Drop for WritebackFolio<'_> {
    fn drop(&mut self) {
        self.unlock();
    }
}

impl IomapFolio {
    /// Ends writeback of a folio, the last byte of which the caller found
    /// written. The folio may be gone afterwards. C: `folio_end_writeback()`.
    #[inline]
    pub(crate) fn end_writeback_of(&self) {
        // SAFETY: Under writeback.
        unsafe { bindings::folio_end_writeback(self.as_ptr()) }
    }
}

impl AddressSpace {
    /// Records an error of writeback, which `fsync()` reports once to each open
    /// file. Any context. C: `mapping_set_error()`.
    #[cold]
    pub fn set_error(&self, error: Error) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_mapping_set_error(self.as_ptr(), error.to_errno()) }
    }
}

/// How far writeback is: the mapping and the ioend at hand. C filesystems embed
/// it in a structure of their own. C: `struct iomap_writepage_ctx`.
///
/// # Invariants
///
/// Initialised, and nobody else's for `'a`; its ioend is null or an open one.
pub struct WritebackCtx<'a>(&'a Opaque<bindings::iomap_writepage_ctx>);

impl WritebackCtx<'_> {
    /// Lends a fresh context to `f`: what a filesystem in Rust, which keeps what
    /// it has to itself in its hooks, calls
    /// [`writepages`](crate::writeback::writepages) with.
    pub fn with<R>(f: impl FnOnce(&mut WritebackCtx<'_>) -> R) -> R {
        let fresh = Opaque::<bindings::iomap_writepage_ctx>::uninit();
        // SAFETY: One's own; all zeros is a value of this plain C struct.
        unsafe { fresh.get().write_bytes(0, 1) };
        // INVARIANT: Initialised, borrowed for the call, and without an ioend.
        f(&mut WritebackCtx(&fresh))
    }

    /// Borrows a C context, and notes the operations that it is used with.
    ///
    /// # Safety
    ///
    /// `ptr` is as the type invariant says.
    pub(crate) unsafe fn from_raw(
        ptr: *mut bindings::iomap_writepage_ctx,
        ops: *const bindings::iomap_writeback_ops,
    ) -> Self {
        // SAFETY: By the contract.
        unsafe { (*ptr).ops = ops };
        // SAFETY: Transparent wrapper; valid by the contract.
        // INVARIANT: By the contract.
        Self(unsafe { &*ptr.cast() })
    }

    /// The C context.
    pub(crate) fn as_ptr(&self) -> *mut bindings::iomap_writepage_ctx {
        self.0.get()
    }

    /// The mapping at hand.
    #[inline]
    pub fn map(&self) -> &Mapping {
        // SAFETY: Initialised; transparent wrapper.
        unsafe { &*(&raw mut (*self.as_ptr()).iomap).cast() }
    }

    /// Replaces the mapping at hand.
    pub fn set_map(&mut self, map: Mapping) {
        // SAFETY: Initialised; a plain C struct is overwritten.
        unsafe { (&raw mut (*self.as_ptr()).iomap).write(map.into_raw()) }
    }

    /// Folios in the ioend at hand.
    #[inline]
    pub fn folios(&self) -> u32 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).nr_folios }
    }

    /// Counts a folio as in the ioend at hand.
    #[inline]
    pub fn count_folio(&mut self) {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).nr_folios = self.folios().wrapping_add(1) }
    }

    /// The ioend at hand.
    #[inline]
    pub(crate) fn ioend_mut(&mut self) -> Option<&mut Ioend> {
        // SAFETY: Null or an open one, by the type invariant; `Ioend` is a
        // pointer that is not null, and null is `None`.
        unsafe { (*(&raw mut (*self.as_ptr()).ioend).cast::<Option<Ioend>>()).as_mut() }
    }

    /// Takes the ioend at hand away.
    #[inline]
    pub(crate) fn take_ioend(&mut self) -> Option<Ioend> {
        // SAFETY: Null or an open one, by the type invariant.
        unsafe {
            let slot = &raw mut (*self.as_ptr()).ioend;
            NonNull::new(slot.replace(ptr::null_mut())).map(|ioend| Ioend::from_raw(ioend))
        }
    }

    /// Makes `ioend` the one at hand. There is none.
    #[inline]
    pub(crate) fn set_ioend(&mut self, ioend: Ioend) {
        // SAFETY: Initialised.
        unsafe {
            (*self.as_ptr()).ioend = ioend.into_raw();
            (*self.as_ptr()).nr_folios = 0;
        }
    }
}

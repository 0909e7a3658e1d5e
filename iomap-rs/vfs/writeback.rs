// SPDX-License-Identifier: GPL-2.0

//! Writeback: what is wanted, and how far it is.

use super::{AddressSpace, Folio, Ioend, Mapping};
use crate::sys as bindings;
use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
};
use kernel::{prelude::*, types::Opaque};

/// What is to be written, and how. C: `struct writeback_control`.
///
/// # Invariants
///
/// Initialised, and nobody else's for `'a`; used for page caches no folio of which
/// has buffer heads.
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

    /// The C control.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::writeback_control {
        self.0.get()
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
/// Initialised; its ioend is null or an open one, and what its mapping refers to
/// is valid for `'a`.
#[repr(transparent)]
pub struct WritebackCtx<'a>(
    Opaque<bindings::iomap_writepage_ctx>,
    PhantomData<&'a Mapping<'a>>,
);

impl<'a> WritebackCtx<'a> {
    /// Nothing is at hand.
    pub fn new() -> Self {
        let ctx = Self(Opaque::uninit(), PhantomData);
        // SAFETY: All zeros is a value of this plain C struct, which is one's
        // own.
        // INVARIANT: Initialised; no ioend.
        unsafe { ctx.as_ptr().write_bytes(0, 1) };
        ctx
    }

    /// Borrows a C context, and notes the operations that it is used with.
    ///
    /// # Safety
    ///
    /// `ptr` is as the type invariant says, and nobody else's for `'r`.
    pub(crate) unsafe fn from_raw<'r>(
        ptr: *mut bindings::iomap_writepage_ctx,
        ops: *const bindings::iomap_writeback_ops,
    ) -> &'r mut Self {
        // SAFETY: By the contract.
        unsafe { (*ptr).ops = ops };
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &mut *ptr.cast() }
    }

    /// The C context.
    pub(crate) fn as_ptr(&self) -> *mut bindings::iomap_writepage_ctx {
        self.0.get()
    }

    /// The mapping at hand.
    #[inline]
    pub fn map(&self) -> &Mapping<'a> {
        // SAFETY: Initialised; transparent wrapper.
        unsafe { &*(&raw mut (*self.as_ptr()).iomap).cast() }
    }

    /// Replaces the mapping at hand.
    pub fn set_map(&mut self, map: Mapping<'a>) {
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
            // INVARIANT: No ioend.
            NonNull::new(slot.replace(ptr::null_mut())).map(|ioend| Ioend::from_raw(ioend))
        }
    }

    /// Makes `ioend` the one at hand. There is none.
    #[inline]
    pub(crate) fn set_ioend(&mut self, ioend: Ioend) {
        // SAFETY: Initialised.
        // INVARIANT: An open one, which is given away.
        unsafe {
            (*self.as_ptr()).ioend = ioend.into_raw();
            (*self.as_ptr()).nr_folios = 0;
        }
    }
}

impl Default for WritebackCtx<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for WritebackCtx<'_> {
    fn drop(&mut self) {
        // Ends with an error; folios are under writeback for it.
        drop(self.take_ioend());
    }
}

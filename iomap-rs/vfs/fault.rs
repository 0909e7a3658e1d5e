// SPDX-License-Identifier: GPL-2.0

//! Page faults.

use super::{check_long, File, Inode, IomapFolio};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::ManuallyDrop, ops::Deref};
use kernel::prelude::*;

/// A write fault on a page of a file. C: `struct vm_fault`.
///
/// # Invariants
///
/// A fault that is being handled, on a file mapping, with a referenced page of
/// its page cache, which the engine manages.
pub struct Fault<'a>(*mut bindings::vm_fault, PhantomData<&'a ()>);

impl<'a> Fault<'a> {
    /// Borrows a C fault.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub unsafe fn from_raw(ptr: *mut bindings::vm_fault) -> Self {
        // INVARIANT: By the contract.
        Self(ptr, PhantomData)
    }

    /// The file that is mapped.
    pub fn file(&self) -> &'a File {
        // SAFETY: By the type invariant.
        unsafe { File::from_raw((*(*self.0).__bindgen_anon_1.vma).vm_file) }
    }

    /// Locks the folio of the page. Sleeps. C: `folio_lock()`.
    pub fn lock_folio(&self) -> FaultFolio<'a> {
        // SAFETY: By the type invariant.
        // INVARIANT: Just locked; referenced by the fault.
        FaultFolio(
            unsafe { bindings::iomap_rs_lock_page_folio((*self.0).page) },
            PhantomData,
        )
    }
}

/// The folio of a write fault. Dropping it unlocks it.
///
/// # Invariants
///
/// Locked, by whoever has the value, and referenced by the fault. It may have
/// been truncated: [`Self::bytes_in_file`] tells, and comes before all else.
pub struct FaultFolio<'a>(*mut bindings::folio, PhantomData<&'a ()>);

impl FaultFolio<'_> {
    /// How many bytes of the folio lie in the file. [`EFAULT`] if it was
    /// truncated. C: `folio_mkwrite_check_truncate()`.
    pub fn bytes_in_file(&self, inode: &Inode) -> Result<usize> {
        // SAFETY: Locked, by the type invariant.
        let bytes =
            check_long(
                unsafe { bindings::iomap_rs_mkwrite_check_truncate(self.0, inode.as_ptr()) } as i64,
            )?;
        Ok(bytes as usize)
    }

    /// Marks all of it dirty. C: `folio_mark_dirty()`.
    pub fn mark_dirty(&self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::folio_mark_dirty(self.0) };
    }

    /// Waits for writeback where pages must be stable meanwhile. Sleeps.
    /// C: `folio_wait_stable()`.
    pub fn wait_stable(&self) {
        // SAFETY: Referenced, by the type invariant.
        unsafe { bindings::folio_wait_stable(self.0) }
    }

    /// Leaves the folio locked, as the fault's result says it is.
    pub fn keep_locked(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Deref for FaultFolio<'_> {
    type Target = IomapFolio;

    fn deref(&self) -> &IomapFolio {
        // SAFETY: By the type invariant. If it was truncated its index and size
        // are still there; the engine goes no further then.
        unsafe { IomapFolio::from_raw(self.0) }
    }
}

impl Drop for FaultFolio<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::folio_unlock(self.0) }
    }
}

/// What a fault handler returns for an error. C: `vmf_fs_error()`.
pub(crate) fn fault_error(error: Error) -> bindings::vm_fault_t {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_fault_error(error.to_errno()) }
}

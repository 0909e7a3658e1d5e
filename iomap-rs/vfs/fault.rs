// SPDX-License-Identifier: GPL-2.0

//! Page faults.

use super::{check_long, File, Folio, Mapping, Tracking};
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

    /// Locks the folio of the page, unless it was truncated: [`EFAULT`]. Sleeps.
    /// C: `folio_lock()`, `folio_mkwrite_check_truncate()`.
    pub fn lock_folio(&self) -> Result<FaultFolio<'a>> {
        let inode = self.file().inode();
        // SAFETY: By the type invariant.
        unsafe {
            let folio = bindings::iomap_rs_lock_page_folio((*self.0).page);
            let in_file = bindings::iomap_rs_mkwrite_check_truncate(folio, inode.as_ptr());
            match check_long(in_file as i64) {
                Ok(in_file) => Ok(FaultFolio {
                    // INVARIANT: Just locked, and in the page cache still;
                    // referenced by the fault.
                    folio,
                    in_file: in_file as usize,
                    _fault: PhantomData,
                }),
                Err(error) => {
                    bindings::folio_unlock(folio);
                    Err(error)
                }
            }
        }
    }
}

/// The folio of a write fault, part of which at least lies in the file. Dropping
/// it unlocks it.
///
/// # Invariants
///
/// Locked, by whoever has the value, in a page cache that the engine manages,
/// and referenced by the fault.
pub struct FaultFolio<'a> {
    folio: *mut bindings::folio,
    in_file: usize,
    _fault: PhantomData<&'a ()>,
}

impl FaultFolio<'_> {
    /// How many bytes of the folio lie in the file; not 0.
    pub fn bytes_in_file(&self) -> usize {
        self.in_file
    }

    /// What is attached to the folio, by what `map`, the filesystem's answer for
    /// it, says.
    pub fn tracking(&self, map: &Mapping<'_>) -> Tracking<'_> {
        // SAFETY: By the type invariant.
        unsafe { Tracking::new(self, map) }
    }

    /// Marks all of it dirty. C: `folio_mark_dirty()`.
    pub fn mark_dirty(&self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::folio_mark_dirty(self.folio) };
    }

    /// Waits for writeback where pages must be stable meanwhile. Sleeps.
    /// C: `folio_wait_stable()`.
    pub fn wait_stable(&self) {
        // SAFETY: Referenced, by the type invariant.
        unsafe { bindings::folio_wait_stable(self.folio) }
    }

    /// Leaves the folio locked, as the fault's result says it is.
    pub fn keep_locked(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Deref for FaultFolio<'_> {
    type Target = Folio;

    fn deref(&self) -> &Folio {
        // SAFETY: By the type invariant.
        unsafe { Folio::from_raw(self.folio) }
    }
}

impl Drop for FaultFolio<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::folio_unlock(self.folio) }
    }
}

/// What a fault handler returns for an error. C: `vmf_fs_error()`.
pub(crate) fn fault_error(error: Error) -> bindings::vm_fault_t {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_fault_error(error.to_errno()) }
}

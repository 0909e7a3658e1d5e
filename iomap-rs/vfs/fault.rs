// SPDX-License-Identifier: GPL-2.0

//! Page faults.

use super::{AddressSpace, File, Folio, Inode, Mapping, Tracking};
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
        // SAFETY: By the type invariant. What is locked is unlocked again if it was
        // truncated, or lies behind the end of the file.
        unsafe {
            let folio = bindings::iomap_rs_lock_page_folio((*self.0).page);
            match bytes_in_file(folio, inode) {
                0 => {
                    bindings::folio_unlock(folio);
                    Err(EFAULT)
                }
                in_file => Ok(FaultFolio {
                    // INVARIANT: Just locked, and in the page cache still;
                    // referenced by the fault.
                    folio,
                    in_file,
                    _fault: PhantomData,
                }),
            }
        }
    }
}

/// How many bytes of a folio lie in the file; 0 if it was truncated, or lies behind the end.
/// C: `folio_mkwrite_check_truncate()`.
///
/// # Safety
///
/// `folio` is locked and referenced, and was in the page cache of `inode`.
#[inline]
unsafe fn bytes_in_file(folio: *mut bindings::folio, inode: &Inode) -> usize {
    // SAFETY: By the contract.
    let mapping = unsafe { (*folio).__bindgen_anon_1.__bindgen_anon_1.mapping };
    if mapping.is_null() {
        return 0;
    }
    // SAFETY: It is in the page cache, and locked, which keeps it there.
    let folio = unsafe { Folio::from_raw(folio) };
    let in_file = inode.size().saturating_sub(folio.pos());
    in_file.min(folio.size() as i64).max(0) as usize
}

/// The folio of a write fault, at least part of which lies in the file. Dropping
/// it unlocks it.
///
/// # Invariants
///
/// Locked, by whoever has the value, in a page cache that the engine manages,
/// and referenced by the fault.
#[must_use = "dropping it unlocks"]
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
        let mapping = self.mapping();
        match mapping.dirty_folio() {
            // `folio_mark_dirty()` does no more than this, unless the folio is marked for
            // reclaim.
            Some(dirty_folio) if !self.is_to_be_reclaimed() => {
                // SAFETY: Locked, by the type invariant, and so in that page cache.
                unsafe { dirty_folio(mapping.as_ptr(), self.folio) };
            }
            // SAFETY: The same.
            _ => unsafe {
                bindings::folio_mark_dirty(self.folio);
            },
        }
    }

    /// Waits for writeback where pages must be stable meanwhile. Sleeps.
    /// C: `folio_wait_stable()`.
    pub fn wait_stable(&self) {
        if self.mapping().has_stable_pages() {
            // SAFETY: Referenced, by the type invariant.
            unsafe { bindings::folio_wait_stable(self.folio) }
        }
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

impl AddressSpace {
    /// What the filesystem does to make a folio dirty.
    #[inline]
    fn dirty_folio(&self) -> Option<DirtyFolioFn> {
        // SAFETY: By the type invariant; the operations do not change while there is a
        // folio.
        unsafe { (*(*self.as_ptr()).a_ops).dirty_folio }
    }
}

/// C: `dirty_folio` of `struct address_space_operations`.
type DirtyFolioFn =
    unsafe extern "C" fn(*mut bindings::address_space, *mut bindings::folio) -> bool;

/// What a fault handler returns for an error. C: `vmf_fs_error()`.
pub(crate) fn fault_error(error: Error) -> bindings::vm_fault_t {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_fault_error(error.to_errno()) }
}

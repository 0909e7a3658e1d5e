// SPDX-License-Identifier: GPL-2.0

//! Folios that are locked, by who holds the lock.
//!
//! | type | lock | reference | at the end |
//! | --- | --- | --- | --- |
//! | [`LockedFolio`] | the caller's | the page cache's | stays locked |
//! | [`ReadFolio`] | one's own | the page cache's | unlocked, or given to completions |
//! | [`WriteFolio`] | one's own | one's own | unlocked and put |

use super::{from_errno_ptr, Folio, IomapFolio, Mapping, PageCache, State, Tracking};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::ManuallyDrop, ops::Deref, ptr::NonNull};
use kernel::prelude::*;

/// A folio that a caller has locked and keeps so for `'a`.
///
/// # Invariants
///
/// Locked and not under writeback; nobody else uses its state.
pub struct LockedFolio<'a>(&'a IomapFolio);

impl LockedFolio<'_> {
    /// Takes a C folio.
    ///
    /// # Safety
    ///
    /// As [`IomapFolio::from_raw`], and the folio is locked by the caller, who
    /// waited for writeback.
    pub unsafe fn from_raw(ptr: *mut bindings::folio) -> Self {
        // INVARIANT: By the contract.
        // SAFETY: By the contract.
        Self(unsafe { IomapFolio::from_raw(ptr) })
    }

    /// Frees the state, if there is one. `check` sees it before.
    pub fn detach_state(&mut self, check: impl FnOnce(State<'_>)) {
        // SAFETY: By the type invariant; `&mut self` rules out a state in use.
        unsafe { self.0.detach_state(check) }
    }

    /// Makes a dirty folio clean without writing it. C: `folio_cancel_dirty()`.
    pub fn cancel_dirty(&mut self) {
        if self.is_dirty() {
            // SAFETY: Locked, by the type invariant.
            unsafe { bindings::__folio_cancel_dirty(self.as_ptr()) }
        }
    }
}

impl Deref for LockedFolio<'_> {
    type Target = IomapFolio;

    #[inline]
    fn deref(&self) -> &IomapFolio {
        self.0
    }
}

/// A folio to read into. Dropping it unlocks it.
///
/// # Invariants
///
/// Locked, by whoever has the value, and in a page cache that the engine
/// manages.
#[must_use = "dropping it unlocks"]
pub struct ReadFolio(NonNull<bindings::folio>);

impl ReadFolio {
    /// Takes over a C folio.
    ///
    /// # Safety
    ///
    /// As [`IomapFolio::from_raw`]; the folio is locked and the lock is the
    /// caller's to give away.
    pub unsafe fn from_raw(ptr: NonNull<bindings::folio>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr)
    }

    /// Gives up the lock to reads that are on their way.
    #[inline]
    pub(super) fn leave_to_completion(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Deref for ReadFolio {
    type Target = IomapFolio;

    #[inline]
    fn deref(&self) -> &IomapFolio {
        // SAFETY: By the type invariant; the page cache's reference and the lock
        // keep it.
        unsafe { IomapFolio::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for ReadFolio {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::folio_unlock(self.0.as_ptr()) }
    }
}

/// A folio to write into. Dropping it unlocks it and drops the reference.
///
/// # Invariants
///
/// Locked and referenced, both by whoever has the value, and in a page cache that
/// the engine manages.
#[must_use = "dropping it unlocks"]
pub struct WriteFolio<'a>(NonNull<bindings::folio>, PhantomData<&'a PageCache>);

impl WriteFolio<'_> {
    /// Takes over what a C function returned: a folio or an errno.
    ///
    /// # Safety
    ///
    /// `ptr` is a folio as the type invariant says, whose lock and reference are
    /// the caller's to give away, or an error pointer.
    #[inline]
    pub unsafe fn from_raw(ptr: *mut bindings::folio) -> Result<Self> {
        let ptr = from_errno_ptr(ptr)?;
        // INVARIANT: By the contract.
        Ok(Self(ptr, PhantomData))
    }

    /// Gives the folio to C, which unlocks it and drops the reference.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut bindings::folio {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// What is attached to the folio, by what `map`, the filesystem's answer for
    /// it, says.
    #[inline]
    pub fn tracking(&self, map: &Mapping<'_>) -> Tracking<'_> {
        // SAFETY: By the type invariant.
        unsafe { Tracking::new(self, map) }
    }
}

impl Deref for WriteFolio<'_> {
    type Target = Folio;

    #[inline]
    fn deref(&self) -> &Folio {
        // SAFETY: By the type invariant.
        unsafe { Folio::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for WriteFolio<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Locked and referenced, by the type invariant.
        unsafe { bindings::iomap_rs_folio_unlock_put(self.0.as_ptr()) }
    }
}

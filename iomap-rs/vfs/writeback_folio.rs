// SPDX-License-Identifier: GPL-2.0

//! Folios that are being written back.
//!
//! | type | locked | under writeback | at the end |
//! | --- | --- | --- | --- |
//! | [`DirtyFolio`] | yes | no | unlocked |
//! | [`WritebackFolio`] | until [`WritebackFolio::unlock`] | yes | unlocked; writeback ends, now or with the last ioend |
//!
//! Bytes on their way are counted in the folio's state, and so is the submitter
//! while it has the [`WritebackFolio`]. A folio without a state goes into one
//! ioend, the end of which ends writeback.

use super::{warn_once, IomapFolio, PageCache, Warning, WritebackControl};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::ManuallyDrop, ops::Deref, ptr, ptr::NonNull};
use kernel::prelude::*;

/// Dirty folios, one after the other. C: `writeback_iter()`.
///
/// To be walked to its end, whatever happens.
///
/// # Invariants
///
/// `last` is what `writeback_iter()` returned last, or null before the first call.
#[must_use = "to be walked to its end"]
pub struct DirtyFolios<'s, 'a> {
    control: &'s mut WritebackControl<'a>,
    cache: &'s PageCache,
    last: *mut bindings::folio,
    error: i32,
}

impl<'a> WritebackControl<'a> {
    /// Walks the dirty folios of `cache` that are to be written.
    pub fn folios<'s>(&'s mut self, cache: &'s PageCache) -> DirtyFolios<'s, 'a> {
        // INVARIANT: Nothing was called.
        DirtyFolios {
            control: self,
            cache,
            last: ptr::null_mut(),
            error: 0,
        }
    }
}

impl<'a> DirtyFolios<'_, 'a> {
    /// The next folio: locked, and clean as of now. With it, what is wanted.
    #[inline]
    pub fn next_folio(&mut self) -> Option<(DirtyFolio<'_>, &mut WritebackControl<'a>)> {
        // SAFETY: Page cache and control are valid by their types; the folio is
        // the one that was returned last, by the type invariant.
        // INVARIANT: Just returned.
        self.last = unsafe {
            bindings::writeback_iter(
                self.cache.as_ptr(),
                self.control.as_ptr(),
                self.last,
                &mut self.error,
            )
        };
        // INVARIANT: Locked, and referenced by the walk until it goes on.
        let folio = DirtyFolio(NonNull::new(self.last)?, PhantomData);
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
/// In a page cache that the engine manages, and none of whose mappings ask for
/// buffer heads; locked; referenced by the walk.
#[must_use = "dropping it unlocks"]
pub struct DirtyFolio<'w>(NonNull<bindings::folio>, PhantomData<&'w PageCache>);

impl<'w> DirtyFolio<'w> {
    /// Marks it as under writeback. Its state, if it needs one, is attached.
    /// C: `folio_start_writeback()`.
    #[inline]
    pub fn start_writeback(self) -> WritebackFolio<'w> {
        if let Some(state) = self.state() {
            if !state.writing().begin() {
                warn_once(Warning::WritebackPending);
            }
        }
        let folio = ManuallyDrop::new(self).0;
        // SAFETY: By the type invariant.
        unsafe { bindings::__folio_start_writeback(folio.as_ptr(), false) }
        // INVARIANT: Just marked, and counted.
        WritebackFolio {
            folio,
            locked: true,
            queued: false,
            _walk: PhantomData,
        }
    }
}

impl Deref for DirtyFolio<'_> {
    type Target = IomapFolio;

    #[inline]
    fn deref(&self) -> &IomapFolio {
        // SAFETY: By the type invariant.
        unsafe { IomapFolio::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for DirtyFolio<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::folio_unlock(self.0.as_ptr()) }
    }
}

/// A folio parts of which are given to ioends. Dropping it unlocks it, and ends
/// writeback if no part is on its way any more.
///
/// # Invariants
///
/// As [`DirtyFolio`], but under writeback, and locked only if it says so. The
/// submitter is counted in its state; if it has none, it is in an ioend if it
/// says that it is queued.
#[must_use = "dropping it ends writeback, or leaves that to the ioends"]
pub struct WritebackFolio<'w> {
    folio: NonNull<bindings::folio>,
    locked: bool,
    queued: bool,
    _walk: PhantomData<&'w PageCache>,
}

impl WritebackFolio<'_> {
    /// Whether parts of it were given to ioends.
    #[inline]
    pub fn is_queued(&self) -> bool {
        self.queued
    }

    /// Whether another part may be given to an ioend: a folio without a state has
    /// one only, as nobody would count.
    #[inline]
    pub(super) fn takes_more(&self) -> bool {
        !self.queued || self.state().is_some()
    }

    /// Counts `bytes` bytes as given to an ioend, which ends later.
    #[inline]
    pub(super) fn set_queued(&mut self, bytes: usize) {
        self.queued = true;
        if let Some(state) = self.state() {
            state.writing().add(bytes);
        }
    }

    /// Unlocks it; it is under writeback.
    #[inline]
    pub fn unlock(&mut self) {
        if core::mem::replace(&mut self.locked, false) {
            // SAFETY: By the type invariant.
            unsafe { bindings::folio_unlock(self.folio.as_ptr()) }
        }
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
    #[inline]
    fn drop(&mut self) {
        self.unlock();
        let ended = match self.state() {
            Some(state) => state.writing().end(),
            None => !self.queued,
        };
        if ended {
            // SAFETY: Under writeback, of which nothing is left.
            unsafe { bindings::folio_end_writeback(self.folio.as_ptr()) }
        }
    }
}

/// A part of `bytes` bytes of `folio` was written, or not. The last one ends
/// writeback. Any context. C: `iomap_finish_folio_write()`.
///
/// # Safety
///
/// The part was given to an ioend by [`WritebackFolio::set_queued`]. The folio is
/// not touched afterwards.
#[inline]
pub(super) unsafe fn write_ended(folio: &IomapFolio, bytes: usize) {
    let ended = match folio.state() {
        Some(state) => {
            if state.writing().count() <= 0 {
                warn_once(Warning::WritebackNotPending);
            }
            state.writing().sub(bytes)
        }
        None => {
            if folio.blocks() > 1 {
                warn_once(Warning::WritebackWithoutState);
            }
            true
        }
    };
    if ended {
        // SAFETY: Under writeback, of which nothing is left.
        unsafe { bindings::folio_end_writeback(folio.as_ptr()) }
    }
}

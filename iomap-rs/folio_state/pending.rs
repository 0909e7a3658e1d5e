// SPDX-License-Identifier: GPL-2.0

//! How many bytes of a folio are in flight.
//!
//! Relies on atomics alone: this file also compiles on the host. Whoever finds
//! that none are left, and nobody else, ends the read or the writeback. Stands
//! for `read_bytes_pending` and `write_bytes_pending` of
//! `struct iomap_folio_state`.

use crate::sync::{AtomicI32, Ordering};

/// Bytes being read. The lock of the folio's state guards it: the last end must
/// see the uptodate bits of all the others.
///
/// The submitter counts bytes before it submits a bio that has some of the
/// folio, so that none are left only when all were queued.
#[derive(Debug)]
#[repr(transparent)]
pub struct Reading(u32);

impl Reading {
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether there are any.
    #[inline]
    pub fn any(&self) -> bool {
        self.0 != 0
    }

    /// Counts `bytes` more; all of them are of one folio.
    #[inline]
    pub fn add(&mut self, bytes: usize) {
        self.0 = self.0.wrapping_add(bytes as u32);
    }

    /// Counts `bytes`, which were added before, as ended; whether none are left.
    #[inline]
    #[must_use = "the last one ends the read"]
    pub fn sub(&mut self, bytes: usize) -> bool {
        self.0 = self.0.wrapping_sub(bytes as u32);
        self.0 == 0
    }
}

/// Bytes being written back, and one more while the submitter is at it, lest
/// writeback ends before all was submitted.
#[derive(Debug)]
#[repr(transparent)]
pub struct Writing(AtomicI32);

impl Writing {
    /// None, and no submitter.
    #[inline]
    pub fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    /// How many, and one for the submitter; never negative, but by a defect.
    #[inline]
    pub fn count(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts the submitter; whether nothing was counted before, as it should be.
    #[inline]
    #[must_use = "something was counted already if it is false"]
    pub fn begin(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Counts `bytes` more, of one folio. The submitter calls it before they can
    /// end.
    #[inline]
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as i32, Ordering::Relaxed);
    }

    /// Counts `bytes`, which were added before, as ended; whether none are left
    /// and the submitter is through, so that the caller is to end writeback.
    #[inline]
    #[must_use = "the last one ends writeback"]
    pub fn sub(&self, bytes: usize) -> bool {
        let bytes = bytes as i32;
        // What others did to the folio comes before what the last one does.
        self.0.fetch_sub(bytes, Ordering::AcqRel) == bytes
    }

    /// The submitter is through; as [`Self::sub`].
    #[inline]
    #[must_use = "the last one ends writeback"]
    pub fn end(&self) -> bool {
        self.sub(1)
    }
}

impl Default for Writing {
    fn default() -> Self {
        Self::new()
    }
}

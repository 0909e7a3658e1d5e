// SPDX-License-Identifier: GPL-2.0

//! What the submitter of a request and its bios' completions tell each other.
//!
//! Relies on atomics alone: this file also compiles on the host. Stands for
//! `ref`, `wait_for_completion` and `error` of `struct iomap_dio`.

use crate::sync::{AtomicI32, AtomicU8, Ordering};

/// The count of a request's references: the submitter's, and one for each bio
/// that is on its way.
#[derive(Debug)]
#[repr(transparent)]
pub struct Refs(AtomicI32);

impl Refs {
    /// The submitter's alone.
    #[inline]
    pub fn new() -> Self {
        Self(AtomicI32::new(1))
    }

    /// Counts another one. The caller has one.
    #[inline]
    pub fn share(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a reference; whether it was the last.
    #[inline]
    #[must_use = "the last one ends the request"]
    pub fn put(&self) -> bool {
        // Release: what was done under this reference comes before what the
        // owner does. Acquire: the owner sees what was done under all others.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Default for Refs {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the submitter waits. It says so before it drops its reference, so that
/// whoever drops the last one knows: the count orders the two.
#[derive(Debug)]
#[repr(transparent)]
pub struct Waits(AtomicU8);

impl Waits {
    /// It does not.
    #[inline]
    pub fn no() -> Self {
        Self(AtomicU8::new(0))
    }

    /// It will.
    #[inline]
    pub fn set(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// Whether it does. For whoever dropped the last reference.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// The first error of a request, as a negative errno. Submitter and completions
/// race for it.
#[derive(Debug)]
#[repr(transparent)]
pub struct FirstError(AtomicI32);

impl FirstError {
    /// There is none.
    #[inline]
    pub fn none() -> Self {
        Self(AtomicI32::new(0))
    }

    /// Records an error, unless there is one.
    #[inline]
    pub fn set(&self, errno: i32) {
        let _ = self
            .0
            .compare_exchange(0, errno, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The error; 0 if there is none so far.
    #[inline]
    pub fn get(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }
}

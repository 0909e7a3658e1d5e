// SPDX-License-Identifier: GPL-2.0

//! Ioends on their way from bios' completions to a task.

use super::{CompletedIoend, CompletedIoends};
use crate::sys as bindings;
use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

/// Ioends whose ends a filesystem does not deal with in any context, but in a
/// task, several at a time: to convert extents, say. One per inode or per
/// filesystem; needs no lock.
///
/// # Invariants
///
/// Points to a chain of ioends, by the `next` of their `io_list`, the last of
/// which was pushed first, or is null. They are the queue's alone.
pub struct IoendQueue(AtomicPtr<bindings::iomap_ioend>);

impl IoendQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        // INVARIANT: No chain.
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts an ioend in. `true` if there was none: then the caller sees to it that
    /// a task is going to take them all. Any context.
    #[must_use = "somebody has to take it out again"]
    pub fn push(&self, ioend: CompletedIoend) -> bool {
        let ioend = ioend.into_raw().as_ptr();
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: It is this call's until it is in the chain.
            unsafe { (*ioend).io_list.next = head.cast() };
            // Release: who takes it finds the link.
            // INVARIANT: The chain that was there follows.
            match self
                .0
                .compare_exchange_weak(head, ioend, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Takes all there are, in the order in which they were put in. Any context.
    pub fn take_all(&self) -> CompletedIoends {
        let mut next = self.0.swap(ptr::null_mut(), Ordering::Acquire);
        let mut all = CompletedIoends::new();
        while let Some(ioend) = NonNull::new(next) {
            // SAFETY: By the type invariant; now it is this call's, and no longer part of
            // the chain.
            let ioend = unsafe {
                next = (*ioend.as_ptr()).io_list.next.cast();
                CompletedIoend::from_raw(ioend)
            };
            all.push_front(ioend);
        }
        all
    }
}

impl Default for IoendQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for IoendQueue {
    fn drop(&mut self) {
        drop(self.take_all());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Lists of ioends that filesystems collect, and chains of merged ones.

use super::{ioend::summary, CompletedIoend};
use crate::{sys as bindings, writeback::rules::Summary};
use core::{mem::offset_of, ptr::NonNull};
use kernel::types::Opaque;

impl CompletedIoend {
    /// Takes the ioends that were merged into this one.
    pub fn take_merged(&mut self) -> MergedIoends {
        // SAFETY: Valid by the type invariant; the list is this ioend's alone.
        unsafe {
            let head = &raw mut (*self.0.as_ptr()).io_list;
            let first = (*head).next;
            if first == head {
                return MergedIoends(None);
            }
            // The other ioends stay linked to each other in a ring.
            list_del(head);
            list_init(head);
            MergedIoends(NonNull::new(first))
        }
    }
}

/// Ioends that were merged into one, in order.
///
/// # Invariants
///
/// A ring of ioends, linked by their `io_list`, that are the holder's alone.
pub struct MergedIoends(Option<NonNull<bindings::list_head>>);

impl MergedIoends {
    /// The next one.
    pub fn pop(&mut self) -> Option<CompletedIoend> {
        let link = self.0?.as_ptr();
        // SAFETY: By the type invariant.
        unsafe {
            let next = (*link).next;
            self.0 = if next == link {
                None
            } else {
                NonNull::new(next)
            };
            list_del(link);
            list_init(link);
            Some(CompletedIoend::from_raw(NonNull::new_unchecked(of_link(
                link,
            ))))
        }
    }
}

/// The ioend that is linked by `link`.
#[inline]
pub(super) fn of_link(link: *mut bindings::list_head) -> *mut bindings::iomap_ioend {
    link.wrapping_byte_sub(offset_of!(bindings::iomap_ioend, io_list))
        .cast()
}

/// Makes `link` a list of its own. C: `INIT_LIST_HEAD()`.
///
/// # Safety
///
/// `link` is valid.
#[inline]
pub(super) unsafe fn list_init(link: *mut bindings::list_head) {
    // SAFETY: By the contract.
    unsafe {
        (*link).next = link;
        (*link).prev = link;
    }
}

/// Takes `link` out of its list. C: `__list_del_entry()`.
///
/// # Safety
///
/// `link` is in a list that nobody else uses meanwhile.
#[inline]
pub(super) unsafe fn list_del(link: *mut bindings::list_head) {
    // SAFETY: By the contract.
    unsafe {
        (*(*link).prev).next = (*link).next;
        (*(*link).next).prev = (*link).prev;
    }
}

/// An ioend that a filesystem holds, as it merges ioends.
///
/// # Invariants
///
/// Points to an ioend that nobody else uses meanwhile; its `io_list` is its own.
pub struct IoendRef<'a>(&'a Opaque<bindings::iomap_ioend>);

impl IoendRef<'_> {
    /// Borrows a C ioend.
    ///
    /// # Safety
    ///
    /// `ptr` is valid and nobody else's meanwhile.
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::iomap_ioend) -> Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        // INVARIANT: By the contract.
        Self(unsafe { &*ptr.cast() })
    }

    /// What it says of itself.
    pub fn summary(&self) -> Summary {
        // SAFETY: Valid by the type invariant.
        unsafe { summary(self.0.get()) }
    }

    /// How its bio ended, as the block layer has it.
    pub fn bio_status(&self) -> u8 {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.0.get()).io_bio.bi_status }
    }

    /// Makes it one that no other was merged into.
    pub fn clear_merged(&mut self) {
        // SAFETY: Valid by the type invariant.
        unsafe { list_init(&raw mut (*self.0.get()).io_list) }
    }

    /// Counts `bytes` more as its own.
    pub fn add_size(&mut self, bytes: u64) {
        let size = self.summary().size.wrapping_add(bytes);
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.0.get()).io_size = size as usize }
    }
}

/// A list of ioends that a filesystem has collected.
///
/// # Invariants
///
/// A list of ioends, linked by their `io_list`, that nobody else uses meanwhile.
pub struct IoendList<'a>(&'a Opaque<bindings::list_head>);

impl IoendList<'_> {
    /// Borrows a C list.
    ///
    /// # Safety
    ///
    /// `ptr` is as the type invariant says.
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::list_head) -> Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        // INVARIANT: By the contract.
        Self(unsafe { &*ptr.cast() })
    }

    /// The first ioend.
    pub fn first(&self) -> Option<IoendRef<'_>> {
        let head = self.0.get();
        // SAFETY: By the type invariant.
        unsafe {
            let first = (*head).next;
            (first != head).then(|| IoendRef::from_raw(of_link(first)))
        }
    }

    /// Moves the first ioend to the end of those that were merged into `ioend`.
    pub fn move_first_to(&mut self, ioend: &mut IoendRef<'_>) {
        let head = self.0.get();
        // SAFETY: By the type invariants both lists are the caller's.
        unsafe {
            let link = (*head).next;
            if link == head {
                return;
            }
            list_del(link);
            let list = &raw mut (*ioend.0.get()).io_list;
            (*link).prev = (*list).prev;
            (*link).next = list;
            (*(*list).prev).next = link;
            (*list).prev = link;
        }
    }

    /// Sorts by offset in the file; equal ones stay in order. C: `list_sort()`.
    pub fn sort(&mut self) {
        // SAFETY: By the type invariant; `compare` is given links of ioends.
        unsafe { bindings::list_sort(core::ptr::null_mut(), self.0.get(), Some(compare)) }
    }
}

/// Compares two ioends by their offset.
///
/// # Safety
///
/// Both are links of ioends.
unsafe extern "C" fn compare(
    _private: *mut kernel::ffi::c_void,
    a: *const bindings::list_head,
    b: *const bindings::list_head,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract.
    let (a, b) = unsafe {
        (
            (*of_link(a.cast_mut())).io_offset,
            (*of_link(b.cast_mut())).io_offset,
        )
    };
    a.cmp(&b) as kernel::ffi::c_int
}

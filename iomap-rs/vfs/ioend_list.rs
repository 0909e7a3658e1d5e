// SPDX-License-Identifier: GPL-2.0

//! Lists of ioends that filesystems collect, and chains of merged ones.

use super::{ioend::summary, CompletedIoend};
use crate::{sys as bindings, writeback::rules::Summary};
use core::{
    mem::{offset_of, MaybeUninit},
    ptr::NonNull,
};
use kernel::types::Opaque;

/// Ioends whose bios have ended, in order. Dropping it ends writeback of their
/// folios with an error.
///
/// # Invariants
///
/// [`None`], or points to the first of a ring of ioends, linked by their `io_list`, that are
/// the holder's alone and whose bios have ended.
#[must_use = "their folios are under writeback"]
pub struct CompletedIoends(Option<NonNull<bindings::list_head>>);

// SAFETY: Ioends may be finished in any task.
unsafe impl Send for CompletedIoends {}

impl CompletedIoends {
    /// None.
    pub const fn new() -> Self {
        // INVARIANT: No ring.
        Self(None)
    }

    /// Takes over a C ioend and those that were merged into it.
    ///
    /// # Safety
    ///
    /// All are the caller's to give away, and their bios have ended.
    pub(crate) unsafe fn from_merged(ioend: NonNull<bindings::iomap_ioend>) -> Self {
        // INVARIANT: C lets the first one's link be the list's head: a ring.
        // SAFETY: By the contract.
        Self(NonNull::new(unsafe { &raw mut (*ioend.as_ptr()).io_list }))
    }

    /// Adds an ioend at the end.
    pub fn push(&mut self, ioend: CompletedIoend) {
        // SAFETY: The ioend is given away; its link is its own, and becomes the
        // ring's last.
        unsafe {
            let link = NonNull::new_unchecked(&raw mut (*ioend.into_raw().as_ptr()).io_list);
            match self.0 {
                Some(first) => list_add_tail(link.as_ptr(), first.as_ptr()),
                None => {
                    list_init(link.as_ptr());
                    // INVARIANT: A ring of one.
                    self.0 = Some(link);
                }
            }
        }
    }

    /// Adds an ioend before the others.
    pub(super) fn push_front(&mut self, ioend: CompletedIoend) {
        self.push(ioend);
        // SAFETY: By the type invariant.
        // INVARIANT: The same ring, which starts where one says.
        self.0 = self
            .0
            .and_then(|first| NonNull::new(unsafe { (*first.as_ptr()).prev }));
    }

    /// Takes the first ioend.
    pub fn pop(&mut self) -> Option<CompletedIoend> {
        let link = self.0?.as_ptr();
        // SAFETY: By the type invariant.
        unsafe {
            let next = (*link).next;
            // INVARIANT: The ring goes on without the first, if it has others.
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

    /// What the first ioend says of itself, and how its bio ended.
    pub(crate) fn peek(&self) -> Option<Glance> {
        // SAFETY: By the type invariant.
        self.0.map(|link| unsafe { Glance::of(link.as_ptr()) })
    }

    /// Sorts by offset in the file; equal ones stay in order. C: `list_sort()`.
    pub fn sort(&mut self) {
        let Some(first) = self.0 else {
            return;
        };
        let mut head = MaybeUninit::<bindings::list_head>::uninit();
        let head = head.as_mut_ptr();
        // SAFETY: By the type invariant; while it is sorted, the ring has a head
        // that is no ioend.
        unsafe {
            list_add_tail(head, first.as_ptr());
            bindings::list_sort(core::ptr::null_mut(), head, Some(compare));
            // INVARIANT: A ring again once the head is out of it.
            self.0 = NonNull::new((*head).next);
            list_del(head);
        }
    }
}

impl Default for CompletedIoends {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for CompletedIoends {
    fn drop(&mut self) {
        while let Some(ioend) = self.pop() {
            drop(ioend);
        }
    }
}

/// What decides whether ioends are merged.
#[derive(Clone, Copy)]
pub(crate) struct Glance {
    /// What the ioend says of itself.
    pub(crate) summary: Summary,
    /// How its bio ended, as the block layer has it.
    pub(crate) bio_status: u8,
}

impl Glance {
    /// Looks at the ioend that is linked by `link`.
    ///
    /// # Safety
    ///
    /// `link` is that of a valid ioend.
    unsafe fn of(link: *mut bindings::list_head) -> Self {
        let ioend = of_link(link);
        // SAFETY: By the contract.
        unsafe {
            Self {
                summary: summary(ioend),
                bio_status: (*ioend).io_bio.bi_status,
            }
        }
    }
}

/// The ioend that is linked by `link`.
#[inline]
fn of_link(link: *mut bindings::list_head) -> *mut bindings::iomap_ioend {
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

/// Puts `link` before `next`. C: `list_add_tail()`.
///
/// # Safety
///
/// `link` is valid, and `next` in a list that nobody else uses meanwhile.
#[inline]
unsafe fn list_add_tail(link: *mut bindings::list_head, next: *mut bindings::list_head) {
    // SAFETY: By the contract.
    unsafe {
        (*link).prev = (*next).prev;
        (*link).next = next;
        (*(*next).prev).next = link;
        (*next).prev = link;
    }
}

/// Takes `link` out of its list. C: `__list_del_entry()`.
///
/// # Safety
///
/// `link` is in a list that nobody else uses meanwhile.
#[inline]
unsafe fn list_del(link: *mut bindings::list_head) {
    // SAFETY: By the contract.
    unsafe {
        (*(*link).prev).next = (*link).next;
        (*(*link).next).prev = (*link).prev;
    }
}

/// An ioend that a C filesystem holds, as it merges others into it.
///
/// # Invariants
///
/// Points to an ioend that nobody else uses meanwhile, the head of a list of those
/// that were merged into it.
pub(crate) struct IoendRef<'a>(&'a Opaque<bindings::iomap_ioend>);

impl IoendRef<'_> {
    /// Borrows a C ioend, into which none was merged yet.
    ///
    /// # Safety
    ///
    /// `ptr` is valid, in no list, and nobody else's meanwhile.
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::iomap_ioend) -> Self {
        // SAFETY: By the contract.
        unsafe { list_init(&raw mut (*ptr).io_list) };
        // SAFETY: Transparent wrapper; valid by the contract.
        // INVARIANT: By the contract; the list was just made.
        Self(unsafe { &*ptr.cast() })
    }

    /// What it says of itself, and how its bio ended.
    pub(crate) fn glance(&self) -> Glance {
        // SAFETY: Valid by the type invariant.
        unsafe { Glance::of(&raw mut (*self.0.get()).io_list) }
    }

    /// Counts `bytes` more as its own.
    pub(crate) fn add_size(&mut self, bytes: u64) {
        let size = self.glance().summary.size.wrapping_add(bytes);
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.0.get()).io_size = size as usize }
    }
}

/// A list of ioends that a C filesystem has collected.
///
/// # Invariants
///
/// A list of ioends, linked by their `io_list`, that nobody else uses meanwhile.
pub(crate) struct IoendList<'a>(&'a Opaque<bindings::list_head>);

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

    /// What the first ioend says of itself, and how its bio ended.
    pub(crate) fn peek(&self) -> Option<Glance> {
        let head = self.0.get();
        // SAFETY: By the type invariant.
        unsafe {
            let first = (*head).next;
            (first != head).then(|| Glance::of(first))
        }
    }

    /// Moves the first ioend to the end of those that were merged into `ioend`.
    pub(crate) fn move_first_to(&mut self, ioend: &mut IoendRef<'_>) {
        let head = self.0.get();
        // SAFETY: By the type invariants both lists are the caller's.
        unsafe {
            let link = (*head).next;
            if link != head {
                list_del(link);
                list_add_tail(link, &raw mut (*ioend.0.get()).io_list);
            }
        }
    }

    /// Sorts by offset in the file; equal ones stay in order. C: `list_sort()`.
    pub(crate) fn sort(&mut self) {
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

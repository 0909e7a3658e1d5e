// SPDX-License-Identifier: GPL-2.0

//! A request that its submitter and its bios share.
//!
//! The submitter makes it and holds one reference; each bio that is submitted
//! holds another. References are counted, and whoever drops the last becomes
//! the sole owner: that is [`Last`]. Everybody else has nothing left to touch,
//! since dropping a reference consumes it.
//!
//! ```text
//!   submitter                          bio completions (any context)
//!   ---------                          -----------------------------
//!   InFlight::new()       refs 1
//!   arm bio with a clone  refs 2
//!   submit it                          put() -> None        refs 1
//!   put() -> Some(Last)   refs 0       or: submitter's put() -> None first,
//!                                          then put() -> Some(Last) here
//! ```
//!
//! A submitter that waits calls [`InFlight::put_and_wait`]. A completion that
//! gets a [`Last`] then must give it back to the waiter by [`Last::hand_back`].

use super::{IocbRef, Kiocb};
use crate::sys as bindings;
use core::{
    ffi::c_void,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicI32, AtomicPtr, Ordering},
};
use kernel::{
    alloc::{flags::GFP_KERNEL, KBox},
    prelude::*,
    types::Opaque,
};

/// What the submitter and the bios share.
struct Shared<T> {
    refs: AtomicI32,
    /// The task in `put_and_wait()`; null once it may go on.
    waiter: AtomicPtr<bindings::task_struct>,
    work: Opaque<bindings::work_struct>,
    value: T,
}

/// A request whose end can run later, elsewhere.
pub trait Deferred: Send + Sync + Sized {
    /// The I/O request of user space that this one serves.
    fn iocb(&self) -> &Kiocb;

    /// Ends the request in a task and gives the iocb back with its result.
    fn finish(last: Last<Self>) -> (IocbRef, Result<i64>);
}

/// One counted reference to a request.
///
/// # Invariants
///
/// Points to a live `Shared` and accounts for one of its references.
#[must_use = "the last reference must end the request"]
pub struct InFlight<T>(NonNull<Shared<T>>);

// SAFETY: The count is atomic, and `&T` may be used anywhere as `T` is `Sync`;
// the last reference takes the value along, as `T` is `Send`.
unsafe impl<T: Send + Sync> Send for InFlight<T> {}

impl<T> InFlight<T> {
    /// Allocates a request with a single reference; `value` is built in place.
    /// May sleep.
    #[inline]
    pub fn new(value: impl FnOnce() -> T) -> Result<Self> {
        let room = KBox::<Shared<T>>::new_uninit(GFP_KERNEL)?;
        // SAFETY: Always sound.
        let waiter = unsafe { bindings::iomap_rs_current() };
        let shared = KBox::write(
            room,
            Shared {
                refs: AtomicI32::new(1),
                waiter: AtomicPtr::new(waiter),
                work: Opaque::uninit(),
                value: value(),
            },
        );
        // INVARIANT: Fresh, with the one reference that is returned.
        Ok(Self(NonNull::from(KBox::leak(shared))))
    }

    /// Another reference.
    #[inline]
    pub fn get(&self) -> Self {
        self.shared().refs.fetch_add(1, Ordering::Relaxed);
        // INVARIANT: Just counted.
        Self(self.0)
    }

    /// Drops the reference. If it was the last, the caller owns the request.
    #[inline]
    pub fn put(self) -> Option<Last<T>> {
        let this = ManuallyDrop::new(self);
        // Release: what was done under this reference comes before what the
        // owner does. Acquire: for the owner, so do all others'.
        if this.shared().refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            // INVARIANT: No reference is left.
            Some(Last(this.0))
        } else {
            None
        }
    }

    /// Drops the submitter's reference and waits for the others. The task that
    /// made the request only; sleeps uninterruptibly, accounted as I/O.
    #[inline]
    pub fn put_and_wait(self) -> Last<T> {
        let shared = self.0;
        if let Some(last) = self.put() {
            return last;
        }
        // SAFETY: The last reference's holder hands the request back to this
        // task and nobody else ends it, so it is still there.
        let waiter = unsafe { &shared.as_ref().waiter };
        loop {
            // SAFETY: Task context; the state is reset below.
            unsafe { bindings::iomap_rs_prepare_to_wait() };
            if waiter.load(Ordering::Acquire).is_null() {
                break;
            }
            // SAFETY: Task context.
            unsafe { bindings::blk_io_schedule() };
        }
        // SAFETY: Task context.
        unsafe { bindings::iomap_rs_finish_wait() };
        // INVARIANT: `hand_back()` gave up what was a `Last`.
        Last(shared)
    }

    /// Gives the reference to C.
    #[inline]
    pub(super) fn into_raw(self) -> *mut c_void {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes the reference back from C.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`Self::into_raw`] of the same `T`, and is taken back
    /// once.
    #[inline]
    pub(super) unsafe fn from_raw(ptr: *mut c_void) -> Self {
        // SAFETY: Not null by the contract.
        // INVARIANT: It accounts for the reference that `into_raw()` gave up.
        Self(unsafe { NonNull::new_unchecked(ptr.cast()) })
    }

    #[inline]
    fn shared(&self) -> &Shared<T> {
        // SAFETY: Live by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Deref for InFlight<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.shared().value
    }
}

/// A request that nobody else refers to any more.
///
/// # Invariants
///
/// Points to a live `Shared` without references, and is the only one that does.
#[must_use = "the request must be ended"]
pub struct Last<T>(NonNull<Shared<T>>);

// SAFETY: As a box.
unsafe impl<T: Send> Send for Last<T> {}

impl<T> Last<T> {
    /// Frees the request and returns what was in it.
    #[inline]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant it is the sole pointer to what
        // `InFlight::new()` leaked.
        let shared = unsafe { KBox::from_raw(this.0.as_ptr()) };
        KBox::into_inner(shared).value
    }

    /// Gives the request back to the submitter, which waits for it. Any context.
    #[inline]
    pub fn hand_back(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: Live by the type invariant.
        let shared = unsafe { this.0.as_ref() };
        let waiter = shared.waiter.load(Ordering::Relaxed);
        // From here on the waiter may free the request.
        shared.waiter.store(ptr::null_mut(), Ordering::Release);
        // SAFETY: The submitter's task: it was alive when it took part in the
        // request, and task structs are freed after a grace period only.
        unsafe { bindings::iomap_rs_wake_io_task(waiter) };
    }

    /// Gives the request to C.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut c_void {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Takes the request back from C.
    ///
    /// # Safety
    ///
    /// `ptr` comes from [`Self::into_raw`] of the same `T`, and is taken back
    /// once.
    #[inline]
    pub(crate) unsafe fn from_raw(ptr: *mut c_void) -> Self {
        // SAFETY: Not null by the contract.
        // INVARIANT: Sole pointer again.
        Self(unsafe { NonNull::new_unchecked(ptr.cast()) })
    }
}

impl<T: Deferred> Last<T> {
    /// Ends the request on the workqueue that the superblock has for direct I/O,
    /// and completes its iocb there. Any context. The submitter has called
    /// [`Inode::ensure_dio_workqueue`](super::Inode::ensure_dio_workqueue).
    pub fn finish_in_workqueue(self) {
        let workqueue = self.iocb().inode().dio_workqueue();
        let this = ManuallyDrop::new(self);
        // SAFETY: Live and unshared by the type invariant, so its work is not
        // queued; the submitter made sure that the workqueue exists, which
        // lives as long as the superblock.
        unsafe {
            let work = Opaque::raw_get(&raw const (*this.0.as_ptr()).work);
            bindings::iomap_rs_init_work(work, Some(finish_work::<T>));
            bindings::queue_work_on(bindings::WORK_CPU_UNBOUND, workqueue, work);
        }
    }

    /// Lets the issuer of the iocb end the request in a task of its own. Any
    /// context.
    pub fn finish_by_caller(self) {
        let iocb: *const Kiocb = self.iocb();
        let data = self.into_raw();
        // SAFETY: The iocb is valid until it is completed, wherever the request
        // is; `finish_called` takes back what `into_raw()` gave, once.
        unsafe { (*iocb).complete_by_caller(finish_called::<T>, data) }
    }
}

/// Runs [`Deferred::finish`] from a workqueue.
///
/// # Safety
///
/// `work` is that of a `Shared<T>` that `finish_in_workqueue()` gave up.
unsafe extern "C" fn finish_work<T: Deferred>(work: *mut bindings::work_struct) {
    // SAFETY: By the contract.
    let shared = unsafe { kernel::container_of!(work, Shared<T>, work) };
    // SAFETY: By the contract; not null.
    // INVARIANT: The work ran, so nothing else refers to the request.
    let last = Last::<T>(unsafe { NonNull::new_unchecked(shared.cast_mut()) });
    let (iocb, result) = T::finish(last);
    iocb.complete(result);
}

/// Runs [`Deferred::finish`] for the issuer.
///
/// # Safety
///
/// `data` was given to the issuer by `finish_by_caller()` of the same `T`.
unsafe extern "C" fn finish_called<T: Deferred>(data: *mut c_void) -> isize {
    // SAFETY: By the contract.
    let last = unsafe { Last::<T>::from_raw(data) };
    let (_iocb, result) = T::finish(last);
    super::kiocb::to_ssize(result)
}

impl<T> Deref for Last<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: Live by the type invariant.
        unsafe { &self.0.as_ref().value }
    }
}

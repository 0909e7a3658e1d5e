// SPDX-License-Identifier: GPL-2.0

//! A request that its submitter and its bios share.
//!
//! The submitter has a [`Submission`], each bio that is submitted an
//! [`InFlight`]; both are counted references. Whoever drops the last one becomes
//! the sole owner: that is [`Last`]. Everybody else has nothing left to touch,
//! since dropping a reference consumes it.
//!
//! ```text
//!   submitter                          bio completions (any context)
//!   ---------                          -----------------------------
//!   Submission::new()     refs 1
//!   share(): arm a bio    refs 2
//!   submit it
//!     release() -> None   refs 1       put() -> Some(Last)
//!   or
//!     release()           refs 0  <-   put() -> None
//!       -> Some(Last)
//!   or
//!     wait()              refs 1       put(): hands back, wakes -> None
//!       -> Last             <-
//! ```

use super::{callback, IocbRef, Kiocb};
use crate::{
    direct::refs::{Refs, Waits},
    sys as bindings,
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    mem::{offset_of, ManuallyDrop},
    ops::Deref,
    ptr::NonNull,
};
use kernel::{prelude::*, types::Opaque};

/// How a request ends when its last reference is dropped: whoever waits for that
/// is woken, or work is queued. C: `wait_for_completion` of `struct iomap_dio`
/// and the union behind it.
#[repr(C)]
pub struct Ending {
    waits: Waits,
    place: Opaque<Place>,
}

/// Waiter and work are never needed at once.
#[repr(C)]
union Place {
    waiting: Waiting,
    work: bindings::work_struct,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Waiting {
    /// For the C engine.
    _iter: *mut bindings::iov_iter,
    /// The submitter's task; null once it may go on.
    waiter: *mut bindings::task_struct,
}

// SAFETY: The place is the submitter's until it drops its reference, then the
// last owner's, apart from the waiter, whose helpers order accesses.
unsafe impl Send for Ending {}
// SAFETY: As above.
unsafe impl Sync for Ending {}

impl Ending {
    /// Where the waiter lies, in bytes.
    pub(super) const WAITER: usize = offset_of!(Self, place) + offset_of!(Waiting, waiter);
    /// Where the work lies, in bytes.
    pub(super) const WORK: usize = offset_of!(Self, place);

    /// Nobody waits.
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            waits: Waits::no(),
            place: Opaque::uninit(),
        }
    }

    #[inline]
    fn waiter(&self) -> *mut *mut bindings::task_struct {
        // SAFETY: The place is valid for all that it may hold.
        unsafe { &raw mut (*self.place.get()).waiting.waiter }
    }

    /// Has the current task wait, once its reference is dropped.
    #[inline]
    fn set_waiting(&self) {
        // SAFETY: Nobody reads the place before `waits` is set, which others
        // look at when the last reference is gone.
        unsafe { self.waiter().write(bindings::iomap_rs_current()) }
        self.waits.set();
    }
}

/// What the submitter and the bios share.
///
/// # Safety
///
/// `refs()` and `ending()` return fields that nothing else uses, the latter at
/// byte `ENDING`.
pub unsafe trait Shared: Sized {
    /// Where `ending()` lies, in bytes.
    const ENDING: usize;

    /// The count of references.
    fn refs(&self) -> &Refs;

    /// What is done when the last one is dropped.
    fn ending(&self) -> &Ending;
}

/// A request whose end can run later, elsewhere.
pub trait Deferred: Shared + Send + Sync + 'static {
    /// The request on an open file that this one serves.
    fn iocb(&self) -> &Kiocb;

    /// Ends the request and gives the iocb back with its result. In a task, if
    /// the request was deferred.
    fn finish(last: Last<Self>) -> (IocbRef, Result<i64>);
}

/// The submitter's reference to a request. Not for other tasks.
///
/// # Invariants
///
/// Points to a live request, accounts for one of its references, and is the
/// only one of its type that does.
#[must_use = "the last reference must end the request"]
pub struct Submission<T>(NonNull<T>, PhantomData<*mut ()>);

impl<T: Shared> Submission<T> {
    /// Allocates a request with a single reference; `value` is built in place,
    /// with the count that it is given. May sleep.
    #[inline]
    pub fn new(value: impl FnOnce(Refs) -> T) -> Result<Self> {
        const {
            assert!(align_of::<T>() <= 8);
            assert!(size_of::<T>() <= size_of::<bindings::iomap_dio>());
        }
        // SAFETY: Always sound.
        let room = unsafe { bindings::iomap_rs_alloc_dio() };
        let room = NonNull::new(room.cast::<T>()).ok_or(ENOMEM)?;
        // SAFETY: Just allocated for it; kmalloc() aligns to 8 bytes at least.
        unsafe { room.write(value(Refs::new())) };
        // INVARIANT: Fresh, with the one reference that is returned.
        Ok(Self(room, PhantomData))
    }

    /// A reference for a bio.
    #[inline]
    pub fn share(&self) -> InFlight<T> {
        self.refs().share();
        // INVARIANT: Just counted.
        InFlight(self.0)
    }

    /// Drops the reference without waiting for others. If it was the last, the
    /// submitter owns the request; else it is the bios' to end.
    #[inline]
    pub fn release(self) -> Option<Last<T>> {
        if self.refs().put() {
            // INVARIANT: No reference is left.
            Some(Last(self.0))
        } else {
            None
        }
    }

    /// Drops the reference and waits for the others. Sleeps uninterruptibly,
    /// accounted as I/O.
    #[inline]
    pub fn wait(self) -> Last<T> {
        let ending = self.ending();
        ending.set_waiting();
        if !self.refs().put() {
            // SAFETY: The last reference's holder hands the request back to this
            // task, so that it is still there.
            unsafe { bindings::iomap_rs_wait(ending.waiter()) };
        }
        // INVARIANT: No reference is left.
        Last(self.0)
    }
}

impl<T> Deref for Submission<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: Live by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

/// A bio's reference to a request.
///
/// # Invariants
///
/// Points to a live request and accounts for one of its references.
#[must_use = "the last reference must end the request"]
pub struct InFlight<T>(NonNull<T>);

// SAFETY: The count is atomic, and `&T` may be used anywhere as `T` is `Sync`;
// the last reference takes the value along, as `T` is `Send`.
unsafe impl<T: Send + Sync> Send for InFlight<T> {}

impl<T: Shared> InFlight<T> {
    /// Drops the reference. If it was the last, the caller owns the request,
    /// unless the submitter waits for it. Any context.
    #[inline]
    pub fn put(self) -> Option<Last<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: Live by the type invariant.
        let shared = unsafe { this.0.as_ref() };
        if !shared.refs().put() {
            return None;
        }
        let ending = shared.ending();
        if !ending.waits.is_set() {
            // INVARIANT: No reference is left.
            return Some(Last(this.0));
        }
        // SAFETY: The submitter is in `wait()`. It may free the request as soon
        // as it is told.
        unsafe { bindings::iomap_rs_wake(ending.waiter()) };
        None
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
    /// `ptr` comes from [`Self::into_raw`] of the same `T`, or of an engine that
    /// lays it out alike, and is taken back once.
    #[inline]
    pub(super) unsafe fn from_raw(ptr: *mut c_void) -> Self {
        // SAFETY: Not null by the contract.
        // INVARIANT: It accounts for the reference that `into_raw()` gave up.
        Self(unsafe { NonNull::new_unchecked(ptr.cast()) })
    }
}

impl<T> Deref for InFlight<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: Live by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

/// A request that nobody else refers to any more.
///
/// # Invariants
///
/// Points to a live request without references, and is the only one that does.
#[must_use = "the request must be ended"]
pub struct Last<T>(NonNull<T>);

// SAFETY: As a box.
unsafe impl<T: Send> Send for Last<T> {}

impl<T> Last<T> {
    /// Frees the request and returns what was in it.
    #[inline]
    pub(crate) fn into_inner(self) -> T {
        let shared = ManuallyDrop::new(self).0;
        // SAFETY: By the type invariant it is the sole pointer to what
        // `Submission::new()` allocated; the value is moved out first.
        unsafe {
            let value = shared.read();
            bindings::kfree(shared.as_ptr().cast());
            value
        }
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
    /// `ptr` comes from [`Self::into_raw`] of the same `T`, or of an engine that lays it
    /// out alike, has no references left, and is taken back once.
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
    pub(crate) fn finish_in_workqueue(self) {
        let workqueue = self.iocb().inode().dio_workqueue();
        let this = ManuallyDrop::new(self);
        callback::expect();
        // SAFETY: Live and unshared by the type invariant, so its work is not
        // queued. The submitter has seen to it that there is a workqueue, which lives as
        // long as the superblock.
        unsafe {
            let work = &raw mut (*this.ending().place.get()).work;
            bindings::iomap_rs_queue_work(workqueue, work, Some(finish_work::<T>));
        }
    }

    /// Lets the issuer of the iocb end the request in task context; it said
    /// that it can, see [`Kiocb::caller_completes`]. Any context.
    pub(crate) fn finish_by_caller(self) {
        let iocb: *const Kiocb = self.iocb();
        let data = self.into_raw();
        callback::expect();
        // SAFETY: The iocb is valid until it is completed, wherever the request
        // is; `finish_called` takes back what `into_raw()` gave, once.
        unsafe { (*iocb).complete_by_caller(finish_called::<T>, data) }
    }
}

/// Runs [`Deferred::finish`] from a workqueue.
///
/// # Safety
///
/// `work` is that of a `T` that `finish_in_workqueue()` gave up.
unsafe extern "C" fn finish_work<T: Deferred>(work: *mut bindings::work_struct) {
    let request = work.wrapping_byte_sub(T::ENDING + offset_of!(Ending, place));
    // SAFETY: By the contract; not null.
    // INVARIANT: The work ran, so nothing else refers to the request.
    let last = Last::<T>(unsafe { NonNull::new_unchecked(request.cast()) });
    let (iocb, result) = T::finish(last);
    iocb.complete(result);
    callback::came();
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
    let ret = super::kiocb::to_ssize(&result);
    callback::came();
    ret
}

impl<T> Deref for Last<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: Live by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Read and write requests on open files.

use super::{check, CompletedBio, File, Inode};
use crate::sys as bindings;
use core::{
    ffi::c_void,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicI32, AtomicI64, AtomicPtr, Ordering::Relaxed},
};
use kernel::{prelude::*, types::Opaque};

/// A read or write request on an open file. C: `struct kiocb`.
///
/// # Invariants
///
/// A reference is to an initialised request on an open file, not yet completed.
#[repr(transparent)]
pub struct Kiocb(Opaque<bindings::kiocb>);

impl Kiocb {
    /// The C request.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::kiocb {
        self.0.get()
    }

    /// The file that is read or written.
    #[inline]
    pub fn file(&self) -> &File {
        // SAFETY: By the type invariant.
        unsafe { File::from_raw((*self.as_ptr()).ki_filp) }
    }

    /// The inode of that file. C: `file_inode(iocb->ki_filp)`.
    #[inline]
    pub fn inode(&self) -> &Inode {
        self.file().inode()
    }

    /// Position in the file, in bytes.
    #[inline]
    pub fn pos(&self) -> i64 {
        self.pos_cell().load(Relaxed)
    }

    #[inline]
    fn pos_cell(&self) -> &AtomicI64 {
        // SAFETY: By the type invariant. C accesses it as whoever works on the
        // request does.
        unsafe { AtomicI64::from_ptr(&raw mut (*self.as_ptr()).ki_pos) }
    }

    #[inline]
    fn flags(&self) -> &AtomicI32 {
        // SAFETY: As in `pos_cell()`.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.as_ptr()).ki_flags) }
    }

    /// Moves the position on by `bytes`.
    #[inline]
    pub fn advance(&self, bytes: i64) {
        self.pos_cell()
            .store(self.pos().wrapping_add(bytes), Relaxed);
    }

    /// Priority for the block layer.
    #[inline]
    pub(super) fn ioprio(&self) -> u16 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).ki_ioprio }
    }

    #[inline]
    fn has(&self, flag: i32) -> bool {
        self.flags().load(Relaxed) & flag != 0
    }

    /// Whether the issuer waits for the result. C: `is_sync_kiocb()`.
    #[inline]
    pub fn is_sync(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).ki_complete.is_none() }
    }

    /// Whether the request must not block. C: `IOCB_NOWAIT`.
    #[inline]
    pub fn is_nowait(&self) -> bool {
        self.has(bindings::IOCB_NOWAIT)
    }

    /// Whether the issuer runs the end of a write itself, in a task, when told.
    /// C: `IOCB_DIO_CALLER_COMP`.
    #[inline]
    pub fn caller_completes(&self) -> bool {
        self.has(bindings::IOCB_DIO_CALLER_COMP)
    }

    /// Whether the data must be on stable storage when the request completes.
    /// C: `iocb_is_dsync()`.
    #[inline]
    pub fn is_dsync(&self) -> bool {
        self.has(bindings::IOCB_DSYNC) || self.file().mapping().host().is_sync()
    }

    /// Whether all metadata must be on stable storage too. C: `IOCB_SYNC`.
    #[inline]
    pub fn is_full_sync(&self) -> bool {
        self.has(bindings::IOCB_SYNC)
    }

    /// Whether the issuer polls for completion. C: `IOCB_HIPRI`.
    #[inline]
    pub fn is_polled(&self) -> bool {
        self.has(bindings::IOCB_HIPRI)
    }

    /// Tells the issuer that there is nothing to poll for.
    #[inline]
    pub fn clear_polled(&self) {
        // The submitter alone changes flags.
        let flags = self.flags().load(Relaxed);
        self.flags().store(flags & !bindings::IOCB_HIPRI, Relaxed);
    }

    /// Writes back and waits for cached data of the next `bytes` bytes; with
    /// NOWAIT, fails with [`EAGAIN`] if there is any. C: `kiocb_write_and_wait()`.
    #[inline]
    pub fn write_and_wait(&self, bytes: usize) -> Result {
        if self.file().mapping().is_blank() {
            return Ok(());
        }
        // SAFETY: By the type invariant.
        check(unsafe { bindings::kiocb_write_and_wait(self.as_ptr(), bytes) })?;
        Ok(())
    }

    /// Drops cached pages of the next `bytes` bytes, written back before.
    /// Fails with [`EAGAIN`] under NOWAIT if there are any, with [`EBUSY`] if a
    /// page cannot be dropped, and with errors of writeback.
    /// C: `kiocb_invalidate_pages()`.
    #[inline]
    pub fn invalidate_pages(&self, bytes: usize) -> Result {
        if self.file().mapping().is_blank() {
            return Ok(());
        }
        // SAFETY: By the type invariant.
        check(unsafe { bindings::kiocb_invalidate_pages(self.as_ptr(), bytes) })?;
        Ok(())
    }

    /// Drops clean pages that were cached while `bytes` bytes were written from
    /// the position on; a failure is recorded in the mapping. Task context.
    /// C: `kiocb_invalidate_post_direct_write()`.
    #[inline]
    pub fn invalidate_after_write(&self, bytes: usize) {
        let file = self.file();
        let first = self.pos() as u64;
        let last = first.wrapping_add(bytes as u64).wrapping_sub(1);
        if file.mapping().drop_pages(first, last).is_err() {
            file.warn_left_stale();
        }
    }

    /// Brings the last `written` bytes before the position to stable storage if
    /// the request asks for that. Sleeps. C: `generic_write_sync()`.
    #[inline]
    pub fn write_sync(&self, written: i64) -> Result {
        if !self.is_dsync() {
            return Ok(());
        }
        let end = self.pos();
        let start = end.wrapping_sub(written);
        self.file()
            .sync_range(start, end.wrapping_sub(1), !self.is_full_sync())
    }

    /// Where the issuer looks for a bio to poll for.
    #[inline]
    fn polled_bio(&self) -> &AtomicPtr<c_void> {
        // SAFETY: By the type invariant; the poller reads it with READ_ONCE().
        unsafe { AtomicPtr::from_ptr(&raw mut (*self.as_ptr()).private) }
    }

    /// Has the issuer poll for this bio.
    #[inline]
    pub(super) fn publish(&self, bio: *mut bindings::bio) {
        self.polled_bio().store(bio.cast(), Relaxed);
    }

    /// Stops the issuer from polling for this bio, if it does. Called before the bio is
    /// freed, as whoever polls looks at what is published (DIFF-30). Any context.
    #[inline]
    pub(crate) fn withdraw(&self, bio: &CompletedBio) {
        let place = self.polled_bio();
        if place.load(Relaxed) == bio.0.as_ptr().cast() {
            place.store(ptr::null_mut(), Relaxed);
        }
    }

    /// Calls the issuer's completion, if there is one.
    ///
    /// # Safety
    ///
    /// The request is not touched afterwards.
    #[inline]
    unsafe fn call_complete(&self, ret: isize) {
        // SAFETY: By the type invariant.
        unsafe {
            if let Some(complete) = (*self.as_ptr()).ki_complete {
                complete(self.as_ptr(), ret);
            }
        }
    }

    /// Hands the rest of the work to the issuer, who calls `finish(data)` in task
    /// context and takes what that returns for the result.
    ///
    /// # Safety
    ///
    /// `finish` may be called once with `data`, from another task, and the
    /// request is not touched until then.
    #[inline]
    pub(super) unsafe fn complete_by_caller(
        &self,
        finish: unsafe extern "C" fn(*mut c_void) -> isize,
        data: *mut c_void,
    ) {
        // SAFETY: By the type invariant. `ki_waitq`, which shares the place of
        // `dio_complete`, is for buffered reads only.
        unsafe {
            let iocb = self.as_ptr();
            (*iocb).private = data;
            (*iocb).__bindgen_anon_1.dio_complete = Some(finish);
            // The issuer ignores this result.
            self.call_complete(0);
        }
    }
}

/// A request that is one's own to complete.
///
/// For a synchronous request completion means returning from the call that
/// brought it, so dropping the value is all right; an asynchronous one that was
/// reported as queued must end in [`Self::complete`].
///
/// # Invariants
///
/// Points to a valid request that stays so until it is completed.
#[must_use = "a queued request must be completed"]
#[repr(transparent)]
pub struct IocbRef(NonNull<Kiocb>);

// SAFETY: A request may be completed in any context.
unsafe impl Send for IocbRef {}
// SAFETY: What safe code changes through `&Kiocb` changes atomically.
unsafe impl Sync for IocbRef {}

impl IocbRef {
    /// Takes over a C request.
    ///
    /// # Safety
    ///
    /// `ptr` is a valid request on an open file, and stays so until it is
    /// completed or the caller has returned a result for it.
    #[inline]
    pub unsafe fn from_raw(ptr: *mut bindings::kiocb) -> Self {
        // SAFETY: Not null by the contract.
        // INVARIANT: By the contract.
        Self(unsafe { NonNull::new_unchecked(ptr.cast()) })
    }

    /// Completes an asynchronous request with a byte count or an error. Any
    /// context that the issuer's completion is made for. C: `ki_complete`.
    #[inline]
    pub(crate) fn complete(self, result: Result<i64>) {
        // SAFETY: `self` is consumed.
        unsafe { self.call_complete(to_ssize(&result)) }
    }
}

impl Deref for IocbRef {
    type Target = Kiocb;

    #[inline]
    fn deref(&self) -> &Kiocb {
        // SAFETY: Valid by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

/// What a C function that returns bytes or a negative errno makes of a result.
#[inline]
pub(crate) fn to_ssize(result: &Result<i64>) -> isize {
    match result {
        Ok(bytes) => *bytes as isize,
        Err(error) => error.to_errno() as isize,
    }
}

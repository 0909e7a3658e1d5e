// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of files.

use super::{error::check, Exclusive, Inode, RegularFile};
use crate::sys as bindings;
use core::{cell::Cell, marker::PhantomData};
use iomap_rs::{
    direct::{self, Started},
    operations::{DioFlags, Direct, DirectHooks, Map},
    vfs::{IocbRef, IovIter, Kiocb},
};
use kernel::prelude::*;

/// A read or write of a file. C: `struct kiocb`.
///
/// # Invariants
///
/// The iocb has an open regular file of `F`.
pub struct Request<'a, F: RegularFile> {
    iocb: IocbRef,
    /// Whether it is not the caller's any more.
    queued: &'a Cell<bool>,
    file: PhantomData<&'a Inode<F>>,
}

impl<'a, F: RegularFile> Request<'a, F> {
    /// The file's inode.
    pub fn inode(&self) -> &'a Inode<F> {
        // SAFETY: By the type invariant. The caller has the file open for the call.
        unsafe { Inode::from_raw((*(*self.as_ptr()).ki_filp).f_inode) }
    }

    /// As the engine knows it.
    pub fn iocb(&self) -> &Kiocb {
        &self.iocb
    }

    /// Reads or writes past the page cache. The request comes back with the result,
    /// unless that is [`EIOCBQUEUED`]: then its issuer will hear of it, whatever the
    /// filesystem returns. C: `iomap_dio_rw()`.
    ///
    /// # Errors
    ///
    /// [`EIOCBQUEUED`] alone, which is to be passed on.
    pub fn transfer<M: Map<Direct>, H: DirectHooks>(
        self,
        iter: &mut IovIter,
        mapper: &M,
        hooks: H,
        flags: DioFlags,
    ) -> Result<(Self, Result<i64>)> {
        let inode = self.inode().engine();
        // SAFETY: It is not used any more unless it comes back.
        let iocb = unsafe { IocbRef::from_raw(self.as_ptr().cast()) };
        let result = match direct::start(iocb, inode, iter, mapper, hooks, flags, 0) {
            Ok(Started::Queued) => {
                self.queued.set(true);
                return Err(EIOCBQUEUED);
            }
            Ok(Started::Nothing) => Ok(0),
            Ok(Started::Ended(last)) => direct::complete(last),
            Err(error) => Err(error),
        };
        Ok((self, result))
    }

    fn as_ptr(&self) -> *mut bindings::kiocb {
        self.iocb.as_ptr().cast()
    }

    fn flags(&self) -> i32 {
        // SAFETY: Valid by the type.
        unsafe { (&raw const (*self.as_ptr()).ki_flags).read_volatile() }
    }

    /// Whether it is to go past the page cache. C: `IOCB_DIRECT`.
    pub fn is_direct(&self) -> bool {
        self.flags() & bindings::IOCB_DIRECT != 0
    }

    /// Lets it go through the page cache.
    pub fn clear_direct(&self) {
        let flags = self.flags() & !bindings::IOCB_DIRECT;
        // SAFETY: Valid by the type; the submitter alone changes flags.
        unsafe { (&raw mut (*self.as_ptr()).ki_flags).write_volatile(flags) }
    }

    /// Reads through the page cache; [`EINVAL`] if it is to go past it.
    /// C: `generic_file_read_iter()`.
    pub fn read_cached(&self, iter: &mut IovIter) -> Result<i64> {
        if self.is_direct() {
            return Err(EINVAL);
        }
        // SAFETY: Both are valid by their types; not direct.
        let read = unsafe { bindings::generic_file_read_iter(self.as_ptr(), iter.as_ptr().cast()) };
        to_bytes(read)
    }

    /// Checks a write of what is in `iter` against limits, cuts it, and finds its
    /// place; how many bytes are left. The inode is locked.
    /// C: `generic_write_checks()`.
    pub fn check_write(&self, _inode: Exclusive<'_, F>, iter: &mut IovIter) -> Result<u64> {
        // SAFETY: Both are valid by their types.
        let left = unsafe { bindings::generic_write_checks(self.as_ptr(), iter.as_ptr().cast()) };
        to_bytes(left).map(|left| left as u64)
    }

    /// Takes setuid bits and capabilities from a file that is written to, and
    /// sets its times. The inode is locked. C: `file_modified()`.
    pub fn modified(&self, _inode: Exclusive<'_, F>) -> Result {
        // SAFETY: A request has an open file.
        check(unsafe { bindings::file_modified((*self.as_ptr()).ki_filp) })
    }

    /// The bits of addresses and lengths in `iter` that are set.
    /// C: `iov_iter_alignment()`.
    pub fn alignment_of(&self, iter: &IovIter) -> u64 {
        // SAFETY: Valid by its type.
        unsafe { bindings::fs_rs_iov_iter_alignment(iter.as_ptr().cast()) }.into()
    }
}

fn to_bytes(ret: isize) -> Result<i64> {
    check(ret.clamp(i32::MIN as isize, 0) as i32).map(|()| ret as i64)
}

/// Has `transfer` read or write; what its issuer gets.
///
/// # Safety
///
/// `iocb` and `iter` are valid; the file is a regular one of `F`.
#[inline]
pub(super) unsafe fn serve<F: RegularFile>(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
    transfer: impl FnOnce(Request<'_, F>, &mut IovIter) -> Result<i64>,
) -> isize {
    let queued = Cell::new(false);
    // SAFETY: By the contract.
    let (iocb, iter) = unsafe {
        (
            IocbRef::from_raw(iocb.cast()),
            IovIter::from_raw(iter.cast()),
        )
    };
    // INVARIANT: By the contract.
    let request = Request {
        iocb,
        queued: &queued,
        file: PhantomData,
    };
    let result = match transfer(request, iter) {
        _ if queued.get() => Err(EIOCBQUEUED),
        // Nobody would ever end it.
        Err(error) if error == EIOCBQUEUED => Err(EIO),
        result => result,
    };
    match result {
        Ok(bytes) => bytes as isize,
        Err(error) => error.to_errno() as isize,
    }
}

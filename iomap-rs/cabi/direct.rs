// SPDX-License-Identifier: GPL-2.0

//! C entry points of `direct/`.

use super::ops::{CHooks, CMapper};
use crate::{
    direct::{self, Dio, Started},
    operations::DioFlags,
    sys as bindings,
    vfs::{end_io, to_ssize, Inode, IocbRef, IovIter, Last},
};
use core::{ffi::c_void, ptr};
use kernel::prelude::*;

/// What C knows as `struct iomap_dio`.
type CDio = Dio<CHooks>;

/// Starts a request for C; `caller` is shown by trace events.
///
/// # Safety
///
/// As for [`__iomap_dio_rw`].
#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "as in C, and the caller")]
unsafe fn start(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
    ops: *const bindings::iomap_ops,
    dops: *const bindings::iomap_dio_ops,
    dio_flags: u32,
    private: *mut c_void,
    done_before: usize,
    caller: *const (),
) -> Result<Started<CHooks>> {
    // SAFETY: By the contract. The caller's reference to the file keeps the
    // inode alive for the call, whatever becomes of the iocb.
    let (iocb, inode, iter, mapper, hooks) = unsafe {
        (
            IocbRef::from_raw(iocb),
            Inode::from_raw((*(*iocb).ki_filp).f_inode),
            IovIter::from_raw(iter),
            CMapper::new(ops, private, caller),
            CHooks::new(dops),
        )
    };
    let flags = DioFlags::from_bits(dio_flags);
    direct::start(iocb, inode, iter, &mapper, hooks, flags, done_before)
}

/// Reads or writes past the page cache, see [`direct::start`]; the caller ends
/// the request by [`iomap_dio_complete`].
///
/// # Safety
///
/// As in C: all pointers are valid, `dops` and `private` may be null, and the
/// tables keep their contract.
#[no_mangle]
pub(super) unsafe extern "C" fn __iomap_dio_rw(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
    ops: *const bindings::iomap_ops,
    dops: *const bindings::iomap_dio_ops,
    dio_flags: kernel::ffi::c_uint,
    private: *mut kernel::ffi::c_void,
    done_before: usize,
) -> *mut bindings::iomap_dio {
    let caller = __iomap_dio_rw as *const ();
    // SAFETY: By the contract.
    match unsafe {
        start(
            iocb,
            iter,
            ops,
            dops,
            dio_flags,
            private,
            done_before,
            caller,
        )
    } {
        Ok(Started::Nothing) => ptr::null_mut(),
        Ok(Started::Ended(last)) => last.into_raw().cast(),
        Ok(Started::Queued) => EIOCBQUEUED.to_ptr(),
        Err(error) => error.to_ptr(),
    }
}

/// Reads or writes past the page cache, see [`direct::start`] and [`direct::complete`].
///
/// # Safety
///
/// As for [`__iomap_dio_rw`].
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_dio_rw(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
    ops: *const bindings::iomap_ops,
    dops: *const bindings::iomap_dio_ops,
    dio_flags: kernel::ffi::c_uint,
    private: *mut kernel::ffi::c_void,
    done_before: usize,
) -> isize {
    let caller = iomap_dio_rw as *const ();
    // SAFETY: By the contract.
    match unsafe {
        start(
            iocb,
            iter,
            ops,
            dops,
            dio_flags,
            private,
            done_before,
            caller,
        )
    } {
        Ok(Started::Nothing) => 0,
        Ok(Started::Ended(last)) => to_ssize(&direct::complete(last)),
        Ok(Started::Queued) => EIOCBQUEUED.to_errno() as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// Ends a request, see [`direct::complete`].
///
/// # Safety
///
/// `dio` comes from [`__iomap_dio_rw`] of this engine or of the one that it took over from,
/// and is ended once.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_dio_complete(dio: *mut bindings::iomap_dio) -> isize {
    // SAFETY: By the contract.
    let last = unsafe { Last::<CDio>::from_raw(dio.cast()) };
    to_ssize(&direct::complete(last))
}

/// The completion of the engine's bios; filesystems that put their own before it
/// call it at its end. Any context.
///
/// # Safety
///
/// `bio` was handed to the filesystem by the engine, has ended, and its
/// `bi_private` is what the engine put there.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_dio_bio_end_io(bio: *mut bindings::bio) {
    // SAFETY: By the contract; C filesystems get bios of this type only.
    unsafe { end_io::<CDio>(bio) }
}

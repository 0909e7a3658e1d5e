// SPDX-License-Identifier: GPL-2.0

//! C return values as [`Result`], and the reverse.

use core::ptr::{self, NonNull};
use kernel::{error::Error, prelude::*};

/// The filesystem's structure is broken. C: `EFSCORRUPTED`.
pub fn corrupted() -> Error {
    const EUCLEAN: i32 = 117;
    Error::from_errno(-EUCLEAN)
}

/// An ioctl that the file does not have. C: `ENOIOCTLCMD`.
pub(super) fn no_such_ioctl() -> Error {
    const ENOIOCTLCMD: i32 = 515;
    Error::from_errno(-ENOIOCTLCMD)
}

/// Attributes are not there, or not supported. C: `ENODATA`.
pub fn no_data() -> Error {
    const ENODATA: i32 = 61;
    Error::from_errno(-ENODATA)
}

/// The operation is not supported. C: `EOPNOTSUPP`.
pub fn not_supported() -> Error {
    const EOPNOTSUPP: i32 = 95;
    Error::from_errno(-EOPNOTSUPP)
}

/// A file handle leads nowhere any more. C: `ESTALE`.
pub fn stale() -> Error {
    const ESTALE: i32 = 116;
    Error::from_errno(-ESTALE)
}

/// A directory is not empty. C: `ENOTEMPTY`.
pub fn not_empty() -> Error {
    const ENOTEMPTY: i32 = 39;
    Error::from_errno(-ENOTEMPTY)
}

/// A name or a link's target is too long. C: `ENAMETOOLONG`.
pub fn name_too_long() -> Error {
    const ENAMETOOLONG: i32 = 36;
    Error::from_errno(-ENAMETOOLONG)
}

/// A C function's errno as a result.
pub(super) fn check(ret: i32) -> Result {
    if ret < 0 {
        Err(Error::from_errno(ret))
    } else {
        Ok(())
    }
}

/// A pointer that may be an errno, or null for want of memory, as a result.
/// C: `IS_ERR()`, `PTR_ERR()`.
pub(super) fn check_ptr<T>(ptr: *mut T) -> Result<NonNull<T>> {
    NonNull::new(check_null(ptr)?).ok_or(ENOMEM)
}

/// A pointer that may be an errno, as a result; it may be null.
pub(super) fn check_null<T>(ptr: *mut T) -> Result<*mut T> {
    const MAX_ERRNO: usize = 4095;
    if ptr.addr() > usize::MAX - MAX_ERRNO {
        Err(Error::from_errno(ptr.addr() as i32))
    } else {
        Ok(ptr)
    }
}

/// What a C function returns where 0 means success.
pub(super) fn to_int(result: Result) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// What a C function returns where success is a pointer.
pub(super) fn to_ptr<T>(result: Result<*mut T>) -> *mut T {
    match result {
        Ok(ptr) => ptr,
        Err(error) => ptr::without_provenance_mut(error.to_errno() as isize as usize),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! C return values as [`Result`], and the reverse.

use crate::sys as bindings;
use core::ptr::{self, NonNull};
use kernel::{error::Error, prelude::*};

/// One of those errors that the kernel crate has no name for.
fn error(errno: u32) -> Error {
    Error::from_errno(-(errno as i32))
}

/// The filesystem's structure is broken. C: `EFSCORRUPTED`.
pub fn corrupted() -> Error {
    error(bindings::EUCLEAN)
}

/// Attributes are not there, or not supported. C: `ENODATA`.
pub fn no_data() -> Error {
    error(bindings::ENODATA)
}

/// The operation is not supported. C: `EOPNOTSUPP`.
pub fn not_supported() -> Error {
    error(bindings::EOPNOTSUPP)
}

/// A file handle leads nowhere any more. C: `ESTALE`.
pub fn stale() -> Error {
    error(bindings::ESTALE)
}

/// A directory is not empty. C: `ENOTEMPTY`.
pub fn not_empty() -> Error {
    error(bindings::ENOTEMPTY)
}

/// A name or a link's target is too long. C: `ENAMETOOLONG`.
pub fn name_too_long() -> Error {
    error(bindings::ENAMETOOLONG)
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

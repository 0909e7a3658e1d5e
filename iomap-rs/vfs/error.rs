// SPDX-License-Identifier: GPL-2.0

//! C return values as [`Result`].

use core::ptr::NonNull;
use kernel::{error::Error, prelude::*};

/// A negative errno as an error. Out of line: the fast path has none.
#[cold]
fn error(errno: i32) -> Error {
    Error::from_errno(errno)
}

/// Turns what a C function returned, a pointer or an errno in its place, into a
/// result. Null, which is neither, counts as [`ENOMEM`] (DIFF-25).
/// C: `IS_ERR()`, `PTR_ERR()`.
#[inline]
pub(crate) fn from_errno_ptr<T>(ptr: *mut T) -> Result<NonNull<T>> {
    const MAX_ERRNO: usize = 4095;
    match NonNull::new(ptr) {
        Some(valid) if ptr.addr() < usize::MAX - MAX_ERRNO + 1 => Ok(valid),
        Some(_) => Err(error(ptr.addr() as i32)),
        None => Err(ENOMEM),
    }
}

/// Turns what a C function returned into a result: negative is an errno, all
/// else is the value.
#[inline]
pub(crate) fn check(ret: i32) -> Result<i32> {
    if ret < 0 {
        Err(error(ret))
    } else {
        Ok(ret)
    }
}

/// What a C function returns: the value, or a negative errno. The opposite of [`check`].
#[inline]
pub(crate) fn to_int(result: Result<i32>) -> i32 {
    result.unwrap_or_else(Error::to_errno)
}

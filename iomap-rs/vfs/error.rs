// SPDX-License-Identifier: GPL-2.0

//! C return values as [`Result`].

use kernel::{error::Error, prelude::*};

/// A negative errno as an error. Out of line: the fast path has none.
#[cold]
fn error(errno: i32) -> Error {
    Error::from_errno(errno)
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

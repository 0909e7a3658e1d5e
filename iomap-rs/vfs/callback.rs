// SPDX-License-Identifier: GPL-2.0

//! Functions of the module that the kernel is to call back later.
//!
//! A module that others are linked to stays as long as they do. One that has
//! patched the kernel may have to go with callbacks under way: it counts them, and
//! waits. Each is counted before it is given away and uncounted as the last thing
//! it does.

/// Counts a callback that is to come.
#[inline]
pub(super) fn expect() {
    #[cfg(iomap_rs_live)]
    // SAFETY: Always sound.
    unsafe {
        crate::sys::iomap_rs_live_hold()
    }
}

/// Uncounts one that has come; the caller returns to the kernel.
#[inline]
pub(super) fn came() {
    #[cfg(iomap_rs_live)]
    // SAFETY: Always sound.
    unsafe {
        crate::sys::iomap_rs_live_release()
    }
}

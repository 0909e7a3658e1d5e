// SPDX-License-Identifier: GPL-2.0

//! The current task, and what time it is.

use crate::sys as bindings;

/// Whether `uid`, as it is on disk, is the one that the current task accesses
/// files as.
pub fn is_current_fsuid(uid: u32) -> bool {
    // SAFETY: Task context.
    unsafe { bindings::fs_rs_uid_is_current_fsuid(uid) }
}

/// Whether the current task is in group `gid`, as it is on disk.
pub fn is_in_current_groups(gid: u32) -> bool {
    // SAFETY: Task context.
    unsafe { bindings::fs_rs_gid_is_in_current_groups(gid) }
}

/// Seconds since 1970. C: `ktime_get_real_seconds()`.
pub fn now() -> u64 {
    // SAFETY: Always sound.
    unsafe { bindings::fs_rs_now() as u64 }
}

/// A random number. C: `get_random_u32()`.
pub fn random() -> u32 {
    // SAFETY: Always sound.
    unsafe { bindings::get_random_u32() }
}

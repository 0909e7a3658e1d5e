// SPDX-License-Identifier: GPL-2.0

//! The current task.

use crate::sys as bindings;

/// Accounts `bytes` as written by the current task. C:
/// `task_io_account_write()`.
#[inline]
pub(crate) fn account_write(bytes: usize) {
    #[cfg(CONFIG_TASK_IO_ACCOUNTING)]
    // SAFETY: Task context has a current task.
    unsafe {
        bindings::iomap_rs_account_write(bytes)
    }
    #[cfg(not(CONFIG_TASK_IO_ACCOUNTING))]
    let _ = bytes;
}

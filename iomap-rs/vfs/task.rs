// SPDX-License-Identifier: GPL-2.0

//! The current task.

use crate::sys as bindings;

/// Whether the current task is being killed. C: `fatal_signal_pending()`.
#[inline]
pub(crate) fn fatal_signal_pending() -> bool {
    // SAFETY: Task context has a current task.
    unsafe { bindings::iomap_rs_fatal_signal_pending() }
}

/// Whether the task is freeing memory for an allocation of its own.
/// C: `PF_MEMALLOC` without `PF_KSWAPD`.
pub(crate) fn in_direct_reclaim() -> bool {
    // SAFETY: Task context has a current task.
    unsafe { bindings::iomap_rs_in_direct_reclaim() }
}

/// Waits until completions that have begun are over: those that have told somebody of the
/// end of I/O may have some instructions to go. Call it before the code of completions is
/// unloaded: the module of a filesystem in Rust has some, the engine's generic completions of
/// its direct I/O. Sleeps.
pub fn wait_for_completions() {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_wait_for_completions() }
}

/// Complains in a context that must not sleep. Debug kernels only.
/// C: `might_sleep()`.
pub(crate) fn might_sleep() {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_might_sleep() }
}

/// Lets others run, if it is time to. Task context, no lock held that does not
/// sleep. C: `cond_resched()`.
#[inline]
pub(crate) fn cond_resched() {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_cond_resched() }
}

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

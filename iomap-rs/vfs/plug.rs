// SPDX-License-Identifier: GPL-2.0

//! Plugging: bios that are submitted together reach the device together.

use crate::sys as bindings;
use kernel::types::Opaque;

/// Runs `submit` with the task's block queue plugged. Task context.
/// C: `blk_start_plug()`, `blk_finish_plug()`.
#[inline]
pub fn with_plug<R>(submit: impl FnOnce() -> R) -> R {
    let plug = Opaque::<bindings::blk_plug>::uninit();
    // SAFETY: The plug stays where it is until it is finished below; there is
    // no unwinding in the kernel.
    unsafe { bindings::blk_start_plug(plug.get()) };
    let result = submit();
    // SAFETY: Started above, by the same task.
    unsafe { bindings::blk_finish_plug(plug.get()) };
    result
}

// SPDX-License-Identifier: GPL-2.0

//! Taking the place of the C engine in a running kernel.
//!
//! `live.c` says how, `docs/hot-swap.md` why that is all right.

use crate::{sys as bindings, vfs::check};
use kernel::prelude::*;

/// The C engine's functions lead here, or have done so.
pub(super) struct Patch(());

impl Patch {
    /// Redirects the functions, unless this kernel is not to be patched; the
    /// kernel log says why then. Module initialisation only. Sleeps.
    pub(super) fn apply() -> Result<Self> {
        // SAFETY: All that the engine needs is there, and remains until the
        // functions are not redirected any more: livepatch holds the module.
        unsafe {
            check(bindings::iomap_rs_live_check())?;
            check(bindings::iomap_rs_live_patch())?;
        }
        Ok(Self(()))
    }
}

impl Drop for Patch {
    /// Waits until nothing leads into the module. Sleeps.
    fn drop(&mut self) {
        // SAFETY: The module is going, so the functions are not redirected.
        unsafe { bindings::iomap_rs_live_drain() }
    }
}

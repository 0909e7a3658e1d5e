// SPDX-License-Identifier: GPL-2.0

//! Zeros that direct I/O pads blocks with, where the module may go before its
//! bios have ended: the kernel's own page of zeros, as often as needed.

use super::Bio;
use crate::sys as bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

/// Zeros, which nobody writes to. C: `ZERO_PAGE()`.
pub(crate) struct ZeroPages(());

impl ZeroPages {
    /// How many bytes of zeros a bio may be given.
    pub(crate) const SIZE: u32 = 64 << 10;

    /// There is nothing to be made.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(()))
    }

    /// Pieces of memory that a bio needs room for, to write `bytes` zeros.
    pub(crate) fn vecs(bytes: u32) -> u16 {
        bytes.min(Self::SIZE).div_ceil(bindings::PAGE_SIZE as u32) as u16
    }

    /// Adds `bytes` bytes of zeros to a bio that was allocated with room for
    /// them; [`EINVAL`] if it was not.
    pub(crate) fn add_to(bio: &mut Bio, bytes: u32) -> Result {
        // SAFETY: Always sound.
        let page = NonNull::new(unsafe { bindings::iomap_rs_zero_page() }).ok_or(EINVAL)?;
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(bindings::PAGE_SIZE as u32);
            // SAFETY: Within the page, which is there for ever.
            unsafe { bio.add_page(page, piece) }?;
            left = left.saturating_sub(piece);
        }
        Ok(())
    }
}

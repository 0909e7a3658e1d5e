// SPDX-License-Identifier: GPL-2.0

//! Swap files.

use super::{check, BlockDevice};
use crate::sys as bindings;
use kernel::{prelude::*, types::Opaque};

/// A swap area that is being activated. C: `struct swap_info_struct`.
///
/// # Invariants
///
/// A reference is to a swap area that `swapon()` is working on, and nobody else.
#[repr(transparent)]
pub struct SwapInfo(Opaque<bindings::swap_info_struct>);

impl SwapInfo {
    /// Borrows a C swap area.
    ///
    /// # Safety
    ///
    /// `ptr` is being activated by the caller, for all of `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::swap_info_struct) -> &'a mut Self {
        // SAFETY: Transparent wrapper; valid and exclusive by the contract.
        unsafe { &mut *ptr.cast() }
    }

    /// Whether the area lies on `bdev`.
    pub fn is_on(&self, bdev: Option<&BlockDevice>) -> bool {
        // SAFETY: By the type invariant.
        let own = unsafe { BlockDevice::from_raw((*self.0.get()).bdev) };
        own.map(BlockDevice::as_ptr) == bdev.map(BlockDevice::as_ptr)
    }

    /// Pages that the area has by its header, which is the first of them.
    pub fn max_pages(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).max }
    }

    /// Adds `pages` pages: swap page `start` and on lie at page `block` of the
    /// device. Returns how many extents that added. May sleep.
    /// C: `add_swap_extent()`.
    pub fn add_extent(&mut self, start: u64, pages: u64, block: u64) -> Result<i32> {
        // SAFETY: By the type invariant.
        check(unsafe {
            bindings::add_swap_extent(self.0.get(), start as usize, pages as usize, block)
        })
    }

    /// Sets how many pages there are, the header's included; at least one.
    pub fn set_pages(&mut self, pages: u32) {
        // SAFETY: By the type invariant.
        unsafe {
            (*self.0.get()).max = pages;
            (*self.0.get()).pages = pages.saturating_sub(1);
            (*self.0.get()).highest_bit = pages.saturating_sub(1);
        }
    }
}

/// Says in the kernel log that a swap file has no usable page.
pub(crate) fn warn_no_usable_page() {
    // SAFETY: Always sound.
    unsafe { bindings::iomap_rs_swapon_no_page() }
}

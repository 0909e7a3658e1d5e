// SPDX-License-Identifier: GPL-2.0

//! Zeros that direct I/O pads blocks with.
//!
//! Bios refer to them without counting, so that they have to stay as long as
//! there are bios. A module that has patched the kernel may go before: see
//! `zero_pages_live.rs`.

use super::Bio;
use crate::sys as bindings;
use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::prelude::*;

/// Log2 of the number of pages.
const ORDER: u32 = (ZeroPages::SIZE as usize / bindings::PAGE_SIZE).ilog2();

static PAGES: AtomicPtr<bindings::page> = AtomicPtr::new(ptr::null_mut());

/// 64 KiB of zeros, which nobody writes to. There is one for all; it exists
/// while a value of this type does. C: `zero_page` of `fs/iomap/direct-io.c`.
pub(crate) struct ZeroPages(());

impl ZeroPages {
    /// How many bytes of zeros there are.
    pub(crate) const SIZE: u32 = 64 << 10;

    /// Allocates the pages. Module initialisation only.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Always sound.
        let pages = unsafe { bindings::iomap_rs_alloc_zeroed_pages(ORDER) };
        if pages.is_null() {
            return Err(ENOMEM);
        }
        PAGES.store(pages, Ordering::Release);
        Ok(Self(()))
    }

    /// Pieces of memory that a bio needs room for, to write `bytes` zeros.
    pub(crate) fn vecs(bytes: u32) -> u16 {
        (bytes > 0).into()
    }

    /// Adds `bytes` bytes of zeros, at most [`Self::SIZE`], to a bio that was
    /// allocated with room for them.
    pub(crate) fn add_to(bio: &mut Bio, bytes: u32) -> Result {
        let pages = NonNull::new(PAGES.load(Ordering::Acquire)).ok_or(EINVAL)?;
        if bytes > Self::SIZE {
            return Err(EINVAL);
        }
        // SAFETY: Contiguous pages, checked to be enough; the module stays as
        // long as there are bios that it completes.
        unsafe { bio.add_page(pages, bytes) }
    }
}

impl Drop for ZeroPages {
    fn drop(&mut self) {
        let pages = PAGES.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: From `new()`; the module is going, no bio is left.
        unsafe { bindings::__free_pages(pages, ORDER) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The request and the result array of the FIEMAP ioctl.

use super::{check, Inode};
use crate::{mapping::flag_set, sys as bindings};
use kernel::{prelude::*, types::Opaque};

flag_set! {
    /// What is said of an extent. C: the `FIEMAP_EXTENT_*` flags.
    ExtentFlags(u32) {
        /// The last extent of the file.
        LAST = 0x1;
        /// Its place is not known (yet).
        UNKNOWN = 0x2;
        /// Space is reserved, blocks are not chosen yet.
        DELALLOC = 0x4;
        /// The data lies with the metadata.
        DATA_INLINE = 0x200;
        /// Allocated, but reads as zeros.
        UNWRITTEN = 0x800;
        /// Several extents that were merged.
        MERGED = 0x1000;
        /// Shared with other files.
        SHARED = 0x2000;
    }
}

/// Whether another extent can be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    More,
    /// The array is full, or the last extent was reported.
    Full,
}

/// A FIEMAP request. C: `struct fiemap_extent_info`.
///
/// # Invariants
///
/// A reference is to an initialised request that nobody else uses meanwhile.
#[repr(transparent)]
pub struct FiemapInfo(Opaque<bindings::fiemap_extent_info>);

impl FiemapInfo {
    /// Borrows a C request.
    ///
    /// # Safety
    ///
    /// `ptr` is initialised, and nobody else's for all of `'a`.
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::fiemap_extent_info) -> &'a mut Self {
        // SAFETY: Transparent wrapper; valid and exclusive by the contract.
        unsafe { &mut *ptr.cast() }
    }

    /// Checks the request for `[start, start + len)` of `inode`, flushes if the
    /// user asked for it, and returns the length less what is past the largest
    /// offset. Sleeps. C: `fiemap_prep()`.
    pub fn prepare(&mut self, inode: &Inode, start: u64, mut len: u64) -> Result<u64> {
        // SAFETY: Both are valid by their types.
        check(unsafe { bindings::fiemap_prep(inode.as_ptr(), self.0.get(), start, &mut len, 0) })?;
        Ok(len)
    }

    /// Reports an extent of `len` bytes at file offset `logical`, which lies at
    /// byte `physical` of its device. Copies to user memory: may sleep, and
    /// fails with [`EFAULT`]. C: `fiemap_fill_next_extent()`.
    pub fn add(
        &mut self,
        logical: u64,
        physical: u64,
        len: u64,
        flags: ExtentFlags,
    ) -> Result<Room> {
        // SAFETY: By the type invariant.
        let full = check(unsafe {
            bindings::fiemap_fill_next_extent(self.0.get(), logical, physical, len, flags.bits())
        })?;
        Ok(if full == 0 { Room::More } else { Room::Full })
    }
}

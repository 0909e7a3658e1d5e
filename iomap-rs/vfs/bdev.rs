// SPDX-License-Identifier: GPL-2.0

//! Block devices.

use crate::sys as bindings;
use kernel::types::Opaque;

/// A block device that somebody else keeps open. C: `struct block_device`.
///
/// # Invariants
///
/// A reference is to an open block device with a queue.
#[repr(transparent)]
pub struct BlockDevice(Opaque<bindings::block_device>);

impl BlockDevice {
    /// Borrows a C block device, unless `ptr` is null.
    ///
    /// # Safety
    ///
    /// `ptr` is null or an open block device for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::block_device) -> Option<&'a Self> {
        // SAFETY: Transparent wrapper; null or valid by the contract.
        unsafe { ptr.cast::<Self>().as_ref() }
    }

    /// The C block device.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::block_device {
        self.0.get()
    }

    /// Limits and features of the queue. They may change while the device is in
    /// use; each is read once, whole.
    #[inline]
    fn limits(&self) -> *const bindings::queue_limits {
        // SAFETY: By the type invariant, with a queue that lives as long.
        unsafe { &raw const (*(*self.as_ptr()).bd_queue).limits }
    }

    /// Smallest unit of I/O in bytes, a power of two of at least 512.
    /// C: `bdev_logical_block_size()`.
    #[inline]
    pub fn logical_block_size(&self) -> u32 {
        // SAFETY: `limits()` is valid.
        unsafe { (&raw const (*self.limits()).logical_block_size).read_volatile() }
    }

    /// Mask of the address bits that must be 0 in memory for I/O.
    /// C: `bdev_dma_alignment()`.
    #[inline]
    pub fn dma_alignment_mask(&self) -> u32 {
        // SAFETY: `limits()` is valid.
        unsafe { (&raw const (*self.limits()).dma_alignment).read_volatile() }
    }

    /// Whether a write can be made durable without a cache flush: the device
    /// takes FUA writes, or has no volatile cache.
    /// C: `bdev_fua() || !bdev_write_cache()`.
    #[inline]
    pub fn writes_through(&self) -> bool {
        // SAFETY: `limits()` is valid.
        let (features, flags) = unsafe {
            (
                (&raw const (*self.limits()).features).read_volatile(),
                (&raw const (*self.limits()).flags).read_volatile(),
            )
        };
        let has_fua = features & bindings::BLK_FEAT_FUA != 0;
        let has_cache = features & bindings::BLK_FEAT_WRITE_CACHE != 0
            && flags & bindings::BLK_FLAG_WRITE_CACHE_DISABLED == 0;
        has_fua || !has_cache
    }
}

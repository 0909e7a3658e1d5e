// SPDX-License-Identifier: GPL-2.0

//! Inodes.

use super::{check, AddressSpace};
use crate::sys as bindings;
use core::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use kernel::{prelude::*, types::Opaque};

/// An inode that somebody else keeps alive. C: `struct inode`.
///
/// # Invariants
///
/// A reference is to an initialised inode with superblock and mapping.
#[repr(transparent)]
pub struct Inode(Opaque<bindings::inode>);

impl Inode {
    /// Borrows a C inode.
    ///
    /// # Safety
    ///
    /// `ptr` is a valid, initialised inode for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::inode) -> &'a Self {
        // SAFETY: `Inode` is a transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C inode.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::inode {
        self.0.get()
    }

    /// File size in bytes. C: `i_size_read()`.
    #[inline]
    pub fn size(&self) -> i64 {
        self.size_cell().load(Ordering::Acquire)
    }

    /// Sets the file size in bytes. The caller excludes other writers of the
    /// size. C: `i_size_write()`.
    #[inline]
    pub fn set_size(&self, size: i64) {
        self.size_cell().store(size, Ordering::Release);
    }

    #[inline]
    fn size_cell(&self) -> &AtomicI64 {
        // SAFETY: The inode is valid by the type invariant, and everybody
        // accesses its size with acquire and release operations on 64 bit.
        unsafe { AtomicI64::from_ptr(&raw mut (*self.as_ptr()).i_size) }
    }

    /// Log2 of the filesystem's block size in bytes.
    #[inline]
    pub fn block_bits(&self) -> u32 {
        // SAFETY: Valid by the type invariant; set before the inode is in use.
        unsafe { (*self.as_ptr()).i_blkbits }.into()
    }

    /// The filesystem's block size in bytes. C: `i_blocksize()`.
    #[inline]
    pub fn block_size(&self) -> u32 {
        1u32.wrapping_shl(self.block_bits())
    }

    /// The lifetime that the user expects of the data. C: `i_write_hint`.
    #[inline]
    pub(crate) fn write_hint(&self) -> bindings::rw_hint {
        // SAFETY: Valid by the type invariant; a racing change is seen or not.
        unsafe { (&raw const (*self.as_ptr()).i_write_hint).read_volatile() }
    }

    /// The page cache of the inode's data. C: `i_mapping`.
    #[inline]
    pub fn mapping(&self) -> &AddressSpace {
        // SAFETY: An inode has a mapping, which lives as long.
        unsafe { AddressSpace::from_raw((*self.as_ptr()).i_mapping) }
    }

    /// Whether every write is to be synchronous. C: `IS_SYNC()`.
    #[inline]
    pub fn is_sync(&self) -> bool {
        // SAFETY: Valid by the type invariant; an inode has a superblock. Racing changes are
        // seen or not.
        unsafe {
            let inode = self.as_ptr();
            let sb = (*inode).i_sb;
            (&raw const (*sb).s_flags).read_volatile() & bindings::SB_SYNCHRONOUS != 0
                || (&raw const (*inode).i_flags).read_volatile() & bindings::S_SYNC != 0
        }
    }

    /// Marks metadata and size dirty. May sleep. C: `mark_inode_dirty()`.
    pub fn mark_dirty(&self) {
        let what = bindings::I_DIRTY_INODE | bindings::I_DIRTY_PAGES;
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::__mark_inode_dirty(self.as_ptr(), what as i32) }
    }

    /// Sees to it that the superblock has a workqueue for completions of direct
    /// I/O. May sleep. C: `sb_init_dio_done_wq()`.
    #[inline]
    pub fn ensure_dio_workqueue(&self) -> Result {
        // SAFETY: Valid by the type invariant; the pointer is set once, by a
        // compare-and-exchange.
        unsafe {
            let sb = (*self.as_ptr()).i_sb;
            if (&raw const (*sb).s_dio_done_wq).read_volatile().is_null() {
                check(bindings::sb_init_dio_done_wq(sb))?;
            }
        }
        Ok(())
    }

    /// The workqueue for completions of direct I/O; null before
    /// [`Self::ensure_dio_workqueue`].
    #[inline]
    pub(super) fn dio_workqueue(&self) -> *mut bindings::workqueue_struct {
        // SAFETY: As in `ensure_dio_workqueue`.
        unsafe { (&raw const (*(*self.as_ptr()).i_sb).s_dio_done_wq).read_volatile() }
    }

    /// Counts a direct I/O on the inode as begun: truncation waits for it.
    /// Paired with [`Self::dio_end`]. C: `inode_dio_begin()`.
    #[inline]
    pub fn dio_begin(&self) {
        self.dio_count().fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a direct I/O as ended. Any context. C: `inode_dio_end()`.
    #[inline]
    pub fn dio_end(&self) {
        if self.dio_count().fetch_sub(1, Ordering::SeqCst) == 1 {
            // Whoever waits queues itself, then looks at the count. x86 orders
            // the two here by the subtraction itself.
            #[cfg(not(target_arch = "x86_64"))]
            core::sync::atomic::fence(Ordering::SeqCst);
            // SAFETY: The address is a key only, it is not accessed.
            unsafe { bindings::wake_up_var(self.dio_count().as_ptr().cast()) }
        }
    }

    #[inline]
    fn dio_count(&self) -> &AtomicI32 {
        // SAFETY: Valid by the type invariant; an `atomic_t`.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.as_ptr()).i_dio_count.counter) }
    }
}

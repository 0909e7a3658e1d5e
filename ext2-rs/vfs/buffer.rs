// SPDX-License-Identifier: GPL-2.0

//! Blocks of metadata, cached with the device.
//!
//! A block is looked at and changed as a whole under its lock, or one 32-bit
//! number at a time without: that is how trees of block numbers are walked. Who
//! may change what is for the filesystem's own locks. A filesystem changes a number
//! in one of the two ways, not in both; to look at it, it need not lock the block. A
//! buffer is locked while it is written to the device, too: what is written is never half
//! changed.
//!
//! # What that rests on
//!
//! Memory behind a slice must not change unless by who has the slice. The types here do not
//! see to that; it rests on what is not checked, as that has no bearable price:
//!
//! - *An image does not claim a block twice, in two roles.* A block of pointers that is one of
//!   attributes as well, as a damaged image may have it, is changed number by number without
//!   the lock that is held for its bytes. What descriptors of groups name is checked to be
//!   nothing else; what inodes name is not compared with that of other inodes.
//! - *Nobody writes to the device itself while it is mounted.* `tune2fs` does, and changes
//!   blocks under no lock that is taken here.
//! - *A number that is looked at without the lock is not being changed under it.* The slice of
//!   who has the lock covers it all the same. And if a write of the block has failed, it is
//!   read anew, over what is in memory, as soon as somebody asks for it.
//!
//! Where one of these fails there is a data race, by the letter of the language; C has the
//! same ones, and marks none of its loads and stores. What cannot go wrong is the memory: the
//! reference keeps the buffer, whose size does not change. What can is values, and those are
//! not believed by any who use them:
//!
//! - A number is loaded atomically, and what was loaded is checked before blocks are read,
//!   mapped or freed by it.
//! - Bytes are looked at by safe code, in which indexing is denied: it takes parts of slices by
//!   `get()`, and makes plain integers of them, of which all values are valid. If they change
//!   after they were checked that ends in an error or in contents that make no sense, but
//!   not outside of the block.
//! - Nothing that was looked at is taken to be so still once the lock is given back. What takes
//!   several steps, as changes of attributes do, is done on a copy.
//!
//! That leaves the compiler, which may load from a slice a second time what it has loaded and
//! checked. It is not known to do so, and C relies on the same.

use super::{error::check, FileSystem, Inode};
use crate::sys as bindings;
use core::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice::{self, SliceIndex},
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{prelude::*, str::CStr};

/// A cached block; a counted reference. C: `struct buffer_head`.
///
/// # Invariants
///
/// Points to a buffer with data in memory that the kernel always has mapped, and
/// accounts for one of its references.
pub struct Buffer(NonNull<bindings::buffer_head>);

// SAFETY: Buffers are for all tasks: the count and the flags are atomic.
unsafe impl Send for Buffer {}
// SAFETY: Data is reached under the lock, or atomically.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Takes over a reference of C's, if there is one.
    ///
    /// # Safety
    ///
    /// `ptr` is null or as the type invariant says.
    pub(super) unsafe fn from_raw(ptr: *mut bindings::buffer_head) -> Option<Self> {
        // INVARIANT: By the contract.
        NonNull::new(ptr).map(Self)
    }

    fn as_ptr(&self) -> *mut bindings::buffer_head {
        self.0.as_ptr()
    }

    /// Number of the block on the device. C: `b_blocknr`.
    pub fn block(&self) -> u32 {
        // SAFETY: By the type invariant. Numbers of 32 bits were asked for.
        unsafe { (*self.as_ptr()).b_blocknr as u32 }
    }

    /// Size in bytes. C: `b_size`.
    pub fn size(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).b_size }
    }

    /// Locks the block, to look at it or change it. Sleeps while it is written
    /// to the device. Nothing is to be done meanwhile that needs another block.
    /// C: `lock_buffer()`.
    pub fn lock(&self) -> BufferGuard<'_> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_lock_buffer(self.as_ptr()) };
        // INVARIANT: Just locked.
        BufferGuard(self)
    }

    fn numbers(&self) -> &[AtomicU32] {
        let count = self.size() / size_of::<u32>();
        // SAFETY: All of the data, which is aligned to the size of a sector, and there as
        // long as the reference. Other accesses are atomic as well, or under the lock for
        // blocks, or numbers in them, that are not changed in this way: if the image and
        // writers to the device are as the module wants them. If not, loads are atomic all
        // the same, and what they give is checked.
        unsafe { slice::from_raw_parts((*self.as_ptr()).b_data.cast(), count) }
    }

    /// The 32-bit little-endian number at `index`. Any context.
    pub fn le32(&self, index: usize) -> Option<u32> {
        let raw = self.numbers().get(index)?.load(Ordering::Acquire);
        Some(u32::from_le(raw))
    }

    /// The 32-bit little-endian numbers in `range`; none if it leaves the block. Any
    /// context.
    pub fn le32s<R>(&self, range: R) -> impl DoubleEndedIterator<Item = u32> + '_
    where
        R: SliceIndex<[AtomicU32], Output = [AtomicU32]>,
    {
        let numbers = self.numbers().get(range).unwrap_or_default();
        numbers
            .iter()
            .map(|number| u32::from_le(number.load(Ordering::Acquire)))
    }

    /// The last of the 32-bit little-endian numbers before the one at `index` that is
    /// not 0. Looks at eight at a time, as a file of holes has many pointers that are 0.
    /// Any context.
    pub fn last_le32_before(&self, index: usize) -> Option<u32> {
        let load = |number: &AtomicU32| u32::from_le(number.load(Ordering::Acquire));
        let some = |numbers: &[AtomicU32]| numbers.iter().fold(0, |all, it| all | load(it)) != 0;
        let chunks = self.numbers().get(..index)?.rchunks_exact(8);
        let first = chunks.remainder();
        let chunk = chunks.clone().find(|chunk| some(chunk)).unwrap_or(first);
        chunk.iter().map(load).rfind(|&number| number != 0)
    }

    /// Sets the 32-bit little-endian number at `index`; [`EINVAL`] behind the
    /// end.
    pub fn set_le32(&self, index: usize, value: u32) -> Result {
        let place = self.numbers().get(index).ok_or(EINVAL)?;
        place.store(value.to_le(), Ordering::Release);
        Ok(())
    }

    /// Makes it a block of zeros, whatever is on the device.
    pub(super) fn zero(&self) {
        let mut data = self.lock();
        data.fill(0);
        // Before it is unlocked: a reader of the device reads what is not uptodate.
        // SAFETY: By the type invariant; all of it was set.
        unsafe { bindings::fs_rs_set_buffer_uptodate(self.as_ptr()) }
    }

    /// Has the block written some time. C: `mark_buffer_dirty()`.
    pub fn mark_dirty(&self) {
        // SAFETY: By the type invariant; it was read or set.
        unsafe { bindings::mark_buffer_dirty(self.as_ptr()) }
    }

    /// As [`Self::mark_dirty`], and with an `fsync()` of `inode`.
    /// C: `mark_buffer_dirty_inode()`.
    pub fn mark_dirty_for<F: FileSystem>(&self, inode: &Inode<F>) {
        // SAFETY: By the type invariants.
        unsafe { bindings::mark_buffer_dirty_inode(self.as_ptr(), inode.as_ptr()) }
    }

    /// Writes the block now, if it is dirty, and waits. C: `sync_dirty_buffer()`.
    pub fn sync(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::sync_dirty_buffer(self.as_ptr()) })?;
        // SAFETY: By the type invariant.
        if unsafe { bindings::fs_rs_buffer_write_failed(self.as_ptr()) } {
            return Err(EIO);
        }
        Ok(())
    }

    /// The block is free: it is not to be written any more. C: `bforget()`.
    pub fn forget(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant; the reference is given back.
        unsafe { bindings::__bforget(this.as_ptr()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the reference is given back.
        unsafe { bindings::__brelse(self.as_ptr()) }
    }
}

/// Copies as much of `from` as fits to `to`. What both have in length the caller
/// knows, and the compiler does not: there is nothing to panic about.
pub fn copy_bytes(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// A locked block, as bytes. Dropping it unlocks it.
///
/// # Invariants
///
/// The buffer is locked by whoever has the value.
pub struct BufferGuard<'a>(&'a Buffer);

impl BufferGuard<'_> {
    /// If the last write of the block failed, says so in the log, and forgets it: what is
    /// in memory is right, and can be written again. `what` it is of the filesystem `fs`.
    ///
    /// For blocks whose buffer is kept for long, before they are dirtied under this very
    /// lock: no write fails in between. Others are read from the device again.
    pub fn clear_write_error(&self, fs: &CStr, what: &CStr) {
        // SAFETY: A valid buffer, and two strings of C's.
        unsafe {
            bindings::fs_rs_clear_write_error(
                self.0.as_ptr(),
                fs.as_char_ptr(),
                what.as_char_ptr(),
            );
        }
    }
}

impl Deref for BufferGuard<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: Data of that size, there as long as the reference; all of its bytes are
        // values. The filesystem changes it under the lock only, which is held, or numbers
        // of it that are not looked at in this way: if the image and writers to the device
        // are as the module wants them. If not, whoever looks takes nothing for checked
        // that leads out of the block.
        unsafe { slice::from_raw_parts((*self.0.as_ptr()).b_data.cast(), self.0.size()) }
    }
}

impl DerefMut for BufferGuard<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: As in `deref()`; the lock is exclusive.
        unsafe { slice::from_raw_parts_mut((*self.0.as_ptr()).b_data.cast(), self.0.size()) }
    }
}

impl Drop for BufferGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_unlock_buffer(self.0.as_ptr()) }
    }
}

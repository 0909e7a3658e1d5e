// SPDX-License-Identifier: GPL-2.0

//! Superblocks.

use super::{error::check, Buffer, FileSystem, InodeRef, NewInode, UnhashedInode};
use crate::sys as bindings;
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{prelude::*, types::Opaque};

/// The superblock of a mounted filesystem. C: `struct super_block`.
///
/// # Invariants
///
/// A reference is to a superblock of a registration of `F` with an open device,
/// and with the data that `F` keeps for it.
#[repr(transparent)]
pub struct SuperBlock<F: FileSystem>(Opaque<bindings::super_block>, PhantomData<F>);

// SAFETY: What is reached through a shared reference is for all tasks.
unsafe impl<F: FileSystem> Sync for SuperBlock<F> {}

impl<F: FileSystem> SuperBlock<F> {
    /// Borrows a C superblock.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::super_block) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C superblock.
    pub(super) fn as_ptr(&self) -> *mut bindings::super_block {
        self.0.get()
    }

    /// What the filesystem keeps for it. C: `s_fs_info`.
    pub fn data(&self) -> &F::Super {
        // SAFETY: By the type invariant; it is there until `put_super`.
        unsafe { &*(*self.as_ptr()).s_fs_info.cast() }
    }

    /// Whether it is mounted for reading only. C: `sb_rdonly()`.
    pub fn is_read_only(&self) -> bool {
        self.flags() & bindings::SB_RDONLY != 0
    }

    /// Whether everything is to be written at once. C: `SB_SYNCHRONOUS`.
    pub fn is_synchronous(&self) -> bool {
        self.flags() & bindings::SB_SYNCHRONOUS != 0
    }

    fn flags(&self) -> usize {
        // SAFETY: By the type invariant; others may change it meanwhile.
        unsafe { (&raw const (*self.as_ptr()).s_flags).read_volatile() }
    }

    /// Lets nobody write any more, after an error. C: `SB_RDONLY`.
    pub fn set_read_only(&self) {
        self.change_flags(bindings::SB_RDONLY, true);
    }

    /// Sets or clears a flag. C does it as racily.
    fn change_flags(&self, flag: usize, on: bool) {
        let flags = if on {
            self.flags() | flag
        } else {
            self.flags() & !flag
        };
        // SAFETY: By the type invariant.
        unsafe { (&raw mut (*self.as_ptr()).s_flags).write_volatile(flags) }
    }

    /// Has ACLs looked at, or not. C: `SB_POSIXACL`.
    pub fn set_posix_acl(&self, on: bool) {
        self.change_flags(bindings::SB_POSIXACL, on);
    }

    /// The device, for mappings.
    pub fn device(&self) -> &iomap_rs::vfs::BlockDevice {
        // SAFETY: By the type invariant, open as long as the superblock is there;
        // a transparent wrapper of the same C struct.
        unsafe { &*(*self.as_ptr()).s_bdev.cast() }
    }

    /// Has the device write its volatile cache. Sleeps. C: `blkdev_issue_flush()`.
    pub fn flush_device(&self) -> Result {
        // SAFETY: By the type invariant, open as long as the superblock is there.
        check(unsafe { bindings::blkdev_issue_flush((*self.as_ptr()).s_bdev) })
    }

    /// Size of the device in bytes.
    pub fn device_bytes(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_bdev_bytes(self.as_ptr()) }
    }

    /// Whether there are inodes without a link that are not freed yet, as they are open.
    /// C: `s_remove_count`.
    pub fn has_unlinked(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_has_unlinked(self.as_ptr()) }
    }

    /// Size of a block in bytes. C: `s_blocksize`.
    pub fn block_size(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_blocksize }
    }

    /// Log2 of the size of a block in bytes. C: `s_blocksize_bits`.
    pub fn block_bits(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_blocksize_bits.into() }
    }

    /// Size of the largest file in bytes. C: `s_maxbytes`.
    pub fn max_bytes(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { (*self.as_ptr()).s_maxbytes as u64 }
    }

    /// Reads a block, or takes it from the cache. Sleeps. C: `sb_bread()`.
    pub fn read_block(&self, block: u32) -> Result<Buffer> {
        // SAFETY: By the type invariant; the reference is the caller's.
        unsafe { Buffer::from_raw(bindings::fs_rs_sb_bread(self.as_ptr(), block.into())) }
            .ok_or(EIO)
    }

    /// A block that is written anew: its buffer is zeroed, whatever is on the
    /// device. Sleeps. C: `sb_getblk()`.
    pub fn new_block(&self, block: u32) -> Result<Buffer> {
        // SAFETY: By the type invariant; the reference is the caller's.
        let buffer =
            unsafe { Buffer::from_raw(bindings::fs_rs_sb_getblk(self.as_ptr(), block.into())) }
                .ok_or(ENOMEM)?;
        buffer.zero();
        Ok(buffer)
    }

    /// Forgets what the cache has of `count` blocks from `block` on, which are a
    /// file's now: it must not be written over the file's data. Waits for
    /// writes under way. C: `clean_bdev_aliases()`.
    pub fn forget_blocks(&self, block: u32, count: u32) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::clean_bdev_aliases((*self.as_ptr()).s_bdev, block.into(), count.into());
        }
    }

    /// Says that the filesystem writes on its own account: it is not frozen
    /// meanwhile. Sleeps. C: `sb_start_intwrite()`.
    pub fn start_internal_write(&self) -> InternalWrite<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_start_intwrite(self.as_ptr()) };
        // INVARIANT: Just begun.
        InternalWrite(self)
    }

    /// The inode with a number: one that is in use, or a new one that is to be
    /// filled in; others who want it wait. C: `iget_locked()`.
    pub fn inode(&self, ino: u32) -> Result<Found<'_, F>> {
        // SAFETY: By the type invariant.
        let inode = unsafe { bindings::iget_locked(self.as_ptr(), ino as _) };
        let inode = NonNull::new(inode).ok_or(ENOMEM)?;
        // SAFETY: Valid, of this superblock, and the reference is the caller's.
        unsafe {
            if (&raw const (*inode.as_ptr()).i_state).read_volatile() & bindings::I_NEW == 0 {
                Ok(Found::Live(InodeRef::from_raw(inode)))
            } else {
                Ok(Found::New(NewInode::from_raw(inode)))
            }
        }
    }

    /// An inode without a number. C: `new_inode()`.
    pub fn unhashed_inode(&self) -> Result<UnhashedInode<'_, F>> {
        // SAFETY: By the type invariant.
        let inode = unsafe { bindings::new_inode(self.as_ptr()) };
        // SAFETY: Fresh.
        NonNull::new(inode)
            .map(|inode| unsafe { UnhashedInode::from_raw(inode) })
            .ok_or(ENOMEM)
    }
}

/// A write on the filesystem's own account. Dropping it ends it.
///
/// # Invariants
///
/// It has begun.
pub struct InternalWrite<'a, F: FileSystem>(&'a SuperBlock<F>);

impl<F: FileSystem> Drop for InternalWrite<'_, F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_end_intwrite(self.0.as_ptr()) }
    }
}

/// An inode that was asked for by its number.
pub enum Found<'sb, F: FileSystem> {
    /// It is in use.
    Live(InodeRef<'sb, F>),
    /// It has to be filled in.
    New(NewInode<'sb, F>),
}

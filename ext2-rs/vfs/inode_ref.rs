// SPDX-License-Identifier: GPL-2.0

//! References to inodes.

use super::{error::check_ptr, FileSystem, Inode, SuperBlock};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::ManuallyDrop, ops::Deref, ptr::NonNull};
use kernel::prelude::*;

/// A counted reference to an inode. Dropping it may be the inode's end, which
/// sleeps.
///
/// It does not keep the superblock, which is gone after an unmount whatever is left of
/// inodes. So it is borrowed from that, and nobody has it for longer.
///
/// # Invariants
///
/// Points to a live inode of a superblock that is there for `'sb`, and accounts for one of
/// its references.
pub struct InodeRef<'sb, F: FileSystem>(NonNull<Inode<F>>, PhantomData<&'sb SuperBlock<F>>);

impl<F: FileSystem> InodeRef<'_, F> {
    /// Takes over a reference of C's.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::inode>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr.cast(), PhantomData)
    }

    /// Gives the reference to C.
    pub(super) fn into_raw(self) -> *mut bindings::inode {
        ManuallyDrop::new(self).as_ptr()
    }

    /// The dentry of an inode that was found by its number. C: `d_obtain_alias()`.
    pub(super) fn into_dentry(self) -> Result<*mut bindings::dentry> {
        // SAFETY: The reference is given away.
        check_ptr(unsafe { bindings::d_obtain_alias(self.into_raw()) }).map(NonNull::as_ptr)
    }
}

impl<F: FileSystem> Deref for InodeRef<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        // SAFETY: Live by the type invariant, and so is its superblock.
        unsafe { self.0.as_ref() }
    }
}

impl<F: FileSystem> Drop for InodeRef<'_, F> {
    fn drop(&mut self) {
        // SAFETY: The reference is given back.
        unsafe { bindings::iput(self.as_ptr()) }
    }
}

impl<F: FileSystem> Inode<F> {
    /// Another reference. C: `ihold()`.
    ///
    /// # Safety
    ///
    /// There is a reference: an inode that is evicted or written back may have none.
    pub(super) unsafe fn hold(&self) -> InodeRef<'_, F> {
        // SAFETY: By the contract.
        unsafe { bindings::ihold(self.as_ptr()) };
        // INVARIANT: Just counted.
        InodeRef(NonNull::from(self), PhantomData)
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Inodes whose locks are held.

use super::{
    inode::{Inode, S_IFMT},
    rwsem::NotSend,
    FileSystem,
};
use crate::sys as bindings;
use core::{marker::PhantomData, ops::Deref};
use kernel::prelude::*;

impl<F: FileSystem> Inode<F> {
    /// Locks the inode against others that change it. Sleeps.
    /// C: `inode_lock()`.
    pub fn lock(&self) -> InodeGuard<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_lock(self.as_ptr()) };
        // INVARIANT: Just locked.
        InodeGuard(Exclusive(self), PhantomData)
    }

    /// As [`Self::lock`], but [`EAGAIN`] if it would sleep.
    /// C: `inode_trylock()`.
    pub fn try_lock(&self) -> Result<InodeGuard<'_, F>> {
        // SAFETY: By the type invariant.
        if unsafe { bindings::fs_rs_inode_trylock(self.as_ptr()) } {
            // INVARIANT: Just locked.
            Ok(InodeGuard(Exclusive(self), PhantomData))
        } else {
            Err(EAGAIN)
        }
    }

    /// Locks the inode against those that change it. Sleeps, unless `nowait`:
    /// [`EAGAIN`] then. C: `inode_lock_shared()`.
    pub fn lock_shared(&self, nowait: bool) -> Result<SharedGuard<'_, F>> {
        // SAFETY: By the type invariant.
        unsafe {
            if !nowait {
                bindings::fs_rs_inode_lock_shared(self.as_ptr());
            } else if !bindings::fs_rs_inode_trylock_shared(self.as_ptr()) {
                return Err(EAGAIN);
            }
        }
        // INVARIANT: Just locked.
        Ok(SharedGuard(self, PhantomData))
    }

    /// Waits for direct I/O that is under way. The caller keeps more from being
    /// started. C: `inode_dio_wait()`.
    pub fn wait_for_direct_io(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_dio_wait(self.as_ptr()) }
    }

    /// Keeps the page cache from being filled: locks against page faults and
    /// readahead. Sleeps. C: `filemap_invalidate_lock()`.
    pub fn lock_cache(&self) -> CacheGuard<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_invalidate_lock((*self.as_ptr()).i_mapping) };
        // INVARIANT: Just locked.
        CacheGuard(self, PhantomData)
    }
}

/// An inode that nobody else changes: its lock is held, or nobody else has it. A directory
/// that is renamed and keeps its parent is not locked itself: its place is what nobody
/// else changes. C: `i_rwsem`, held for writing.
///
/// # Invariants
///
/// As it says, for `'a`.
pub struct Exclusive<'a, F: FileSystem>(&'a Inode<F>);

impl<F: FileSystem> Clone for Exclusive<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: FileSystem> Copy for Exclusive<'_, F> {}

impl<F: FileSystem> Deref for Exclusive<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        self.0
    }
}

impl<'a, F: FileSystem> Exclusive<'a, F> {
    /// Says that an inode is nobody else's.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn new(inode: &'a Inode<F>) -> Self {
        // INVARIANT: By the contract.
        Self(inode)
    }

    /// As long as the inode is.
    pub fn inode(self) -> &'a Inode<F> {
        self.0
    }

    /// Sets the size in bytes, no matter what is in the page cache.
    /// C: `i_size_write()`.
    pub fn set_size(self, size: u64) {
        self.engine().set_size(size.min(i64::MAX as u64) as i64);
    }

    /// Sets the size in bytes, and drops what is in the page cache behind it.
    /// Sleeps. C: `truncate_setsize()`.
    pub fn truncate_cache(self, size: u64) {
        let size = size.min(i64::MAX as u64) as i64;
        // SAFETY: By the type invariant.
        unsafe { bindings::truncate_setsize(self.as_ptr(), size) }
    }

    /// Counts a link more. C: `inode_inc_link_count()`.
    pub fn add_link(self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::inc_nlink(self.as_ptr()) };
        self.mark_dirty();
    }

    /// Counts a link less, if there is one. C: `inode_dec_link_count()`.
    pub fn drop_link(self) {
        if self.nlink() > 0 {
            // SAFETY: By the type invariant.
            unsafe { bindings::drop_nlink(self.as_ptr()) };
        }
        self.mark_dirty();
    }

    /// Sets the permissions, the kind of file stays.
    pub fn set_permissions(self, mode: u16) {
        // SAFETY: By the type invariant.
        unsafe {
            let place = &raw mut (*self.as_ptr()).i_mode;
            place.write_volatile(self.mode() & S_IFMT | mode & !S_IFMT);
        }
    }
}

/// The lock of an inode, held. Dropping it unlocks.
///
/// # Invariants
///
/// Locked exclusively by whoever has the value.
pub struct InodeGuard<'a, F: FileSystem>(Exclusive<'a, F>, NotSend);

impl<F: FileSystem> InodeGuard<'_, F> {
    /// The inode, while it is locked.
    pub fn exclusive(&self) -> Exclusive<'_, F> {
        self.0
    }
}

impl<F: FileSystem> Deref for InodeGuard<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        self.0.inode()
    }
}

impl<F: FileSystem> Drop for InodeGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_inode_unlock(self.0.as_ptr()) }
    }
}

/// The lock of an inode, held with others. Dropping it unlocks.
///
/// # Invariants
///
/// Locked by whoever has the value.
pub struct SharedGuard<'a, F: FileSystem>(&'a Inode<F>, NotSend);

impl<F: FileSystem> Drop for SharedGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_inode_unlock_shared(self.0.as_ptr()) }
    }
}

/// The lock of a page cache, held. Dropping it unlocks.
///
/// # Invariants
///
/// Locked exclusively by whoever has the value.
pub struct CacheGuard<'a, F: FileSystem>(&'a Inode<F>, NotSend);

impl<F: FileSystem> Drop for CacheGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_invalidate_unlock((*self.0.as_ptr()).i_mapping) }
    }
}

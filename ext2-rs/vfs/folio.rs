// SPDX-License-Identifier: GPL-2.0

//! Blocks of a file's page cache, for what the filesystem keeps there itself:
//! directories and the targets of symlinks.
//!
//! They are plain memory while they are had, so nobody else may write to them. Who writes
//! to regular files does not ask for a folio's lock; who follows a symlink in the page cache
//! does not, either, and puts a NUL behind the target. So these are left out, but for a
//! symlink that is new: nobody can follow that yet.

use super::{error::check_ptr, Exclusive, FileSystem, Inode, NewInode};
use crate::sys as bindings;
use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    slice,
};
use kernel::prelude::*;

// Memory of a folio would have to be mapped, and be unmapped in reverse order, which
// values that are dropped in any order do not see to.
#[cfg(CONFIG_HIGHMEM)]
compile_error!("CachedBlock is for kernels that have all memory mapped: CONFIG_HIGHMEM=n");

/// A folio of a page cache that was read; a counted reference.
///
/// # Invariants
///
/// Points to a folio that was in the page cache of an inode of `F`, and accounts
/// for one of its references.
struct FolioRef<'a, F: FileSystem>(NonNull<bindings::folio>, PhantomData<&'a Inode<F>>);

impl<F: FileSystem> Drop for FolioRef<'_, F> {
    fn drop(&mut self) {
        // SAFETY: The reference is given back.
        unsafe { bindings::fs_rs_folio_put(self.0.as_ptr()) }
    }
}

/// A block of a file, in a locked folio. Dropping it unlocks that.
///
/// # Invariants
///
/// The folio is locked by whoever has the value, in the page cache of the inode,
/// uptodate, and `data` is where the block is in it: `size` bytes. The inode is a directory, or
/// new: nobody changes the block without that lock.
pub struct CachedBlock<'a, F: FileSystem> {
    folio: FolioRef<'a, F>,
    data: NonNull<u8>,
    size: usize,
}

impl<F: FileSystem> Inode<F> {
    /// The block of a directory that starts at byte `pos`, a multiple of the block size,
    /// which is at most a page. Read if it is not cached; zeros behind the end of the
    /// file. [`EINVAL`] for what is no directory, as others may change that without a
    /// lock, and for what has no page cache. Sleeps. C: `read_mapping_folio()`.
    pub fn cached_block(&self, pos: u64) -> Result<CachedBlock<'_, F>> {
        if !self.is_dir() {
            return Err(EINVAL);
        }
        // SAFETY: Nobody but those who have a block of it changes a directory's page
        // cache, or the engine under the folio's lock: it has the operations of one.
        unsafe { self.locked_block(pos) }
    }

    /// As [`Self::cached_block`], whatever the inode is.
    ///
    /// # Safety
    ///
    /// As long as there is the block, nobody changes the page cache without the lock of
    /// the folio.
    unsafe fn locked_block(&self, pos: u64) -> Result<CachedBlock<'_, F>> {
        let size = self.sb().block_size();
        if size > bindings::PAGE_SIZE || !self.is_cached() {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant.
        let mapping = unsafe { (*self.as_ptr()).i_mapping };
        let index = pos / bindings::PAGE_SIZE as u64;
        loop {
            // SAFETY: The inode's mapping.
            let folio =
                check_ptr(unsafe { bindings::fs_rs_read_mapping_folio(mapping, index as _) })?;
            // INVARIANT: The reference comes along.
            let folio = FolioRef(folio, PhantomData);
            let raw = folio.0.as_ptr();
            // SAFETY: Referenced.
            unsafe { bindings::fs_rs_folio_lock(raw) };
            // SAFETY: Locked.
            let (now, start, folio_size) = unsafe {
                let fields = &(*raw).__bindgen_anon_1.__bindgen_anon_1;
                (
                    fields.mapping,
                    fields.index as u64 * bindings::PAGE_SIZE as u64,
                    bindings::fs_rs_folio_size(raw),
                )
            };
            let offset = pos.wrapping_sub(start);
            if now != mapping || offset >= folio_size as u64 {
                // Dropped meanwhile.
                // SAFETY: Locked above.
                unsafe { bindings::fs_rs_folio_unlock(raw) };
                continue;
            }
            // Of one page, as the block is at most that and starts at a multiple
            // of its size.
            let offset = offset as usize & !size.wrapping_sub(1);
            // SAFETY: In the folio.
            let data = unsafe { bindings::fs_rs_folio_address(raw, offset) };
            let data = NonNull::new(data.cast()).ok_or(ENOMEM)?;
            // INVARIANT: Just locked; a read that failed is an error. The rest is by the
            // contract.
            return Ok(CachedBlock { folio, data, size });
        }
    }
}

impl<'a, F: FileSystem> Exclusive<'a, F> {
    /// As [`Inode::cached_block`], to change it.
    pub fn cached_block_mut(self, pos: u64) -> Result<CachedBlockMut<'a, F>> {
        self.inode().cached_block(pos).map(CachedBlockMut::new)
    }
}

impl<F: FileSystem> NewInode<'_, F> {
    /// As [`Inode::cached_block`], to change it, whatever the inode is: nobody else has
    /// it. So a symlink gets its target.
    pub fn cached_block_mut(&self, pos: u64) -> Result<CachedBlockMut<'_, F>> {
        // SAFETY: New as long as it is borrowed.
        unsafe { self.locked_block(pos) }.map(CachedBlockMut::new)
    }
}

impl<F: FileSystem> Deref for CachedBlock<'_, F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: By the type invariant; what changes it holds the lock.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.size) }
    }
}

impl<F: FileSystem> Drop for CachedBlock<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_folio_unlock(self.folio.0.as_ptr()) }
    }
}

/// A block of a file that may be changed; it is not dirty before
/// [`Self::mark_dirty`].
pub struct CachedBlockMut<'a, F: FileSystem>(CachedBlock<'a, F>);

impl<'a, F: FileSystem> CachedBlockMut<'a, F> {
    fn new(block: CachedBlock<'a, F>) -> Self {
        // SAFETY: Locked.
        unsafe { bindings::fs_rs_folio_wait_stable(block.folio.0.as_ptr()) };
        Self(block)
    }

    /// Has the folio written some time. C: `folio_mark_dirty()`.
    pub fn mark_dirty(&self) {
        let folio = self.0.folio.0.as_ptr();
        // SAFETY: Locked, and in the page cache.
        unsafe {
            bindings::fs_rs_flush_dcache(folio);
            bindings::folio_mark_dirty(folio);
        }
    }
}

impl<F: FileSystem> Deref for CachedBlockMut<'_, F> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<F: FileSystem> DerefMut for CachedBlockMut<'_, F> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant; the lock is exclusive.
        unsafe { slice::from_raw_parts_mut(self.0.data.as_ptr(), self.0.size) }
    }
}

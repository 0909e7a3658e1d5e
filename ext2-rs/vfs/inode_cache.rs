// SPDX-License-Identifier: GPL-2.0

//! Memory of inodes.

use super::{FileSystem, Registration};
use crate::sys as bindings;
use core::{ffi::c_void, mem::MaybeUninit, ptr};
use kernel::init::PinInit;

/// An inode with what the filesystem keeps for it. It comes from a cache whose
/// objects keep the parts of `struct inode` that survive it.
#[repr(C)]
pub(super) struct Slot<F: FileSystem> {
    /// First, so that a pointer to it is one to the slot.
    pub(super) inode: bindings::inode,
    /// Initialised while the inode is allocated.
    pub(super) node: MaybeUninit<F::Node>,
    /// The target of a symlink that is kept in memory, or null. Owned.
    pub(super) link: *mut c_void,
    /// Where the slot goes back to. The superblock, which knows as well, may be gone
    /// by then.
    cache: *mut bindings::kmem_cache,
}

impl<F: FileSystem> Slot<F> {
    /// What is done once for each object of the cache.
    ///
    /// # Safety
    ///
    /// `slot` is memory for a slot.
    pub(super) unsafe extern "C" fn construct(slot: *mut c_void) {
        // SAFETY: By the contract; the inode comes first.
        unsafe { bindings::inode_init_once(slot.cast()) }
    }

    /// C: `alloc_inode`.
    ///
    /// # Safety
    ///
    /// `sb` is a superblock of `F`.
    pub(super) unsafe extern "C" fn alloc(sb: *mut bindings::super_block) -> *mut bindings::inode {
        // SAFETY: By the contract.
        unsafe {
            let cache = Registration::<F>::cache_of((*sb).s_type);
            let slot = bindings::fs_rs_alloc_inode_sb(sb, cache).cast::<Self>();
            if slot.is_null() {
                return ptr::null_mut();
            }
            (*slot).link = ptr::null_mut();
            (*slot).cache = cache;
            // Of no kind yet. It may have been an inode before, and C leaves that.
            (*slot).inode.i_mode = 0;
            let node = (&raw mut (*slot).node).cast::<F::Node>();
            match F::node().__pinned_init(node) {
                Ok(()) => slot.cast(),
                Err(never) => match never {},
            }
        }
    }

    /// C: `free_inode`, after a grace period, which its superblock may not have lived
    /// to see: nothing of that is used. The cache is there until all of these are done.
    ///
    /// # Safety
    ///
    /// `inode` comes from [`Self::alloc`] of the same `F`, and nobody uses it.
    pub(super) unsafe extern "C" fn free(inode: *mut bindings::inode) {
        let slot = inode.cast::<Self>();
        // SAFETY: By the contract.
        unsafe {
            let cache = (*slot).cache;
            (*slot).node.assume_init_drop();
            bindings::kfree((*slot).link);
            bindings::kmem_cache_free(cache, slot.cast());
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Inodes that are not in use yet, or not any more.
//!
//! ```text
//!   SuperBlock::unhashed_inode() -> UnhashedInode -- hash() --> NewInode
//!   SuperBlock::inode()          -> NewInode
//!   NewInode -- publish() --> InodeRef     others may use it
//!            -- into_raw() -->             the VFS does that, with a name for it
//!            -- fail() -->                 a bad inode: it could not be read
//!            -- dropped -->                others see that it failed
//!   last reference --> EvictedInode
//! ```

use super::{
    error::check,
    inode::{Times, S_IFLNK, S_IFMT},
    inode_cache::Slot,
    Exclusive, FileSystem, Inode, InodeRef,
};
use crate::sys as bindings;
use core::{ffi::c_void, mem::ManuallyDrop, ops::Deref, ptr::NonNull};
use kernel::prelude::*;

/// An inode that has no number yet. Dropping it frees it.
///
/// # Invariants
///
/// Nobody else refers to it.
pub struct UnhashedInode<'sb, F: FileSystem>(InodeRef<'sb, F>);

impl<'sb, F: FileSystem> UnhashedInode<'sb, F> {
    /// Takes over a C inode.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::inode>) -> Self {
        // SAFETY: By the contract.
        // INVARIANT: By the contract.
        Self(unsafe { InodeRef::from_raw(ptr) })
    }

    /// Makes it one of the current user's in `dir`; group and setgid bit as the
    /// directory's setgid bit says, or the directory's group whatever that says.
    /// C: `inode_init_owner()`.
    pub fn init_owner(&self, dir: &Inode<F>, mode: u16, group_of_dir: bool) {
        let inode = self.0.as_ptr();
        // SAFETY: By the type invariants.
        unsafe {
            if group_of_dir {
                bindings::fs_rs_init_owner_of_dir(inode, dir.as_ptr(), mode);
            } else {
                bindings::inode_init_owner(
                    &raw mut bindings::nop_mnt_idmap,
                    inode,
                    dir.as_ptr(),
                    mode,
                );
            }
            bindings::simple_inode_init_ts(inode);
        }
    }

    /// Gives it a number; [`EIO`] if another inode has that. C:
    /// `insert_inode_locked()`.
    pub fn hash(self, ino: u32) -> Result<NewInode<'sb, F>> {
        let inode = self.0.as_ptr();
        // SAFETY: By the type invariant. The reference goes along.
        unsafe {
            (*inode).i_ino = ino as _;
            check(bindings::insert_inode_locked(inode)).map_err(|_| EIO)?;
            // INVARIANT: Hashed as new.
            Ok(NewInode(InodeRef::from_raw(NonNull::new_unchecked(
                self.0.into_raw(),
            ))))
        }
    }
}

impl<F: FileSystem> Deref for UnhashedInode<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        &self.0
    }
}

/// An inode that is known by its number, but that others wait for. Dropping it
/// tells them that it failed; its links are for whoever drops it to take away.
/// C: an inode with `I_NEW`.
///
/// # Invariants
///
/// It is `I_NEW` on behalf of whoever has the value.
pub struct NewInode<'sb, F: FileSystem>(InodeRef<'sb, F>);

impl<'sb, F: FileSystem> NewInode<'sb, F> {
    /// Takes over a C inode.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::inode>) -> Self {
        // SAFETY: By the contract.
        // INVARIANT: By the contract.
        Self(unsafe { InodeRef::from_raw(ptr) })
    }

    /// It, as nobody else has it.
    pub fn exclusive(&self) -> Exclusive<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { Exclusive::new(self) }
    }

    /// Sets kind of file, permissions, owner and group. [`EINVAL`] if it has been of
    /// another kind: its operations go by that.
    pub fn set_owner(&self, mode: u16, uid: u32, gid: u32) -> Result {
        let kind = self.mode() & S_IFMT;
        if kind != 0 && kind != mode & S_IFMT {
            return Err(EINVAL);
        }
        let inode = self.0.as_ptr();
        // SAFETY: By the type invariant.
        unsafe {
            (*inode).i_mode = mode;
            bindings::fs_rs_i_uid_write(inode, uid);
            bindings::fs_rs_i_gid_write(inode, gid);
        }
        Ok(())
    }

    /// Sets the number of links. C: `set_nlink()`.
    pub fn set_links(&self, links: u32) {
        // SAFETY: By the type invariant.
        unsafe { bindings::set_nlink(self.0.as_ptr(), links) }
    }

    /// Sets the times.
    pub fn set_times(&self, times: Times) {
        // SAFETY: By the type invariant.
        unsafe {
            bindings::fs_rs_set_times(self.0.as_ptr(), times.atime, times.mtime, times.ctime);
        }
    }

    /// Sets the space that it takes, in sectors of 512 bytes.
    pub fn set_sectors(&self, sectors: u64) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_set_inode_blocks(self.0.as_ptr(), sectors) }
    }

    /// Has its page cache use folios of several pages.
    /// C: `mapping_set_large_folios()`.
    pub fn allow_large_folios(&self) {
        // SAFETY: By the type invariant, nothing is cached yet.
        unsafe { bindings::fs_rs_mapping_set_large_folios((*self.0.as_ptr()).i_mapping) }
    }

    /// Keeps the target of a symlink in memory; [`EINVAL`] for what is none. C: `i_link`.
    pub(super) fn set_link(&self, target: &[u8]) -> Result {
        if !is_symlink(self.mode()) {
            return Err(EINVAL);
        }
        let mut text = KVec::with_capacity(target.len().wrapping_add(1), GFP_KERNEL)?;
        text.extend_from_slice(target, GFP_KERNEL)?;
        text.push(0u8, GFP_KERNEL)?;
        let (text, _, _) = text.into_raw_parts();
        let slot = self.0.as_ptr().cast::<Slot<F>>();
        // SAFETY: By the type invariant nobody follows the link yet; it stays one. The
        // memory is kmalloc()'s, and goes with the inode.
        unsafe {
            let before = core::mem::replace(&mut (*slot).link, text.cast::<c_void>());
            bindings::kfree(before);
            (*slot).inode.__bindgen_anon_4.i_link = text.cast();
        }
        Ok(())
    }

    /// Sets the tables of operations of a kind of file; [`EINVAL`] if it is of another. The
    /// kind stays: what is allowed with the inode's data goes by it.
    pub(super) fn set_operations(
        &self,
        is_of_kind: impl FnOnce(u16) -> bool,
        inode: &'static bindings::inode_operations,
        file: Option<&'static bindings::file_operations>,
        mapping: Option<&'static bindings::address_space_operations>,
    ) -> Result {
        if !is_of_kind(self.mode()) {
            return Err(EINVAL);
        }
        let this = self.0.as_ptr();
        // SAFETY: By the type invariant nobody uses them yet.
        unsafe {
            (*this).i_op = inode;
            if let Some(file) = file {
                (*this).__bindgen_anon_3.i_fop = file;
            }
            if let Some(mapping) = mapping {
                (*(*this).i_mapping).a_ops = mapping;
            }
        }
        Ok(())
    }

    /// Lets others use it. C: `unlock_new_inode()`.
    pub fn publish(self) -> InodeRef<'sb, F> {
        // SAFETY: By the type invariant.
        unsafe {
            let inode = ManuallyDrop::new(self).0.as_ptr();
            bindings::unlock_new_inode(inode);
            InodeRef::from_raw(NonNull::new_unchecked(inode))
        }
    }

    /// Gives it to C as it is.
    pub(super) fn into_raw(self) -> *mut bindings::inode {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// It could not be read: it is a bad inode from now on, and forgotten when
    /// those who waited are gone. C: `iget_failed()`.
    pub fn fail(self) {
        // SAFETY: By the type invariant; the reference is given away.
        unsafe { bindings::iget_failed(self.into_raw()) }
    }

    /// Takes the links of an inode that was not to be. C: `clear_nlink()`.
    pub fn clear_links(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::clear_nlink(self.0.as_ptr()) }
    }
}

impl<F: FileSystem> Deref for NewInode<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        &self.0
    }
}

impl<F: FileSystem> Drop for NewInode<'_, F> {
    fn drop(&mut self) {
        // The reference itself is dropped by `discard_new_inode()`, too: one for
        // each.
        // SAFETY: By the type invariant.
        unsafe {
            bindings::ihold(self.0.as_ptr());
            bindings::discard_new_inode(self.0.as_ptr());
        }
    }
}

/// An inode that leaves memory.
///
/// # Invariants
///
/// No reference to it is left, and its page cache is empty.
pub struct EvictedInode<'a, F: FileSystem>(&'a Inode<F>);

impl<'a, F: FileSystem> EvictedInode<'a, F> {
    /// Borrows a C inode.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw(ptr: *mut bindings::inode) -> Self {
        // SAFETY: By the contract.
        // INVARIANT: By the contract.
        Self(unsafe { Inode::from_raw(ptr) })
    }

    /// It, as nobody else has it.
    pub fn exclusive(&self) -> Exclusive<'a, F> {
        // SAFETY: By the type invariant.
        unsafe { Exclusive::new(self.0) }
    }

    /// Whether its file is to be deleted: there are no links, and it was read
    /// well.
    pub fn is_deleted(&self) -> bool {
        self.nlink() == 0 && !self.is_bad()
    }
}

impl<F: FileSystem> Deref for EvictedInode<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        self.0
    }
}

/// Whether the mode is that of a symlink.
pub(super) fn is_symlink(mode: u16) -> bool {
    mode & S_IFMT == S_IFLNK
}

/// Whether the mode is that of a device, fifo or socket.
pub fn is_special(mode: u16) -> bool {
    matches!(mode & S_IFMT, 0o010_000 | 0o020_000 | 0o060_000 | 0o140_000)
}

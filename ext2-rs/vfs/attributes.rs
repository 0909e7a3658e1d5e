// SPDX-License-Identifier: GPL-2.0

//! What all inodes have: owner, permissions, times, flags.

use super::{
    error::{check, not_supported, to_int},
    Acl, AclKind, Exclusive, FileSystem, Inode, Namespace, XattrList, XattrMode,
};
use crate::sys as bindings;
use kernel::prelude::*;

/// What `statx()` says of an inode's flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// It can only be appended to.
    pub append: bool,
    /// It is compressed.
    pub compressed: bool,
    /// It cannot be changed.
    pub immutable: bool,
    /// Backups leave it out.
    pub nodump: bool,
}

/// Attributes of inodes. C: the part of `struct inode_operations` that all sorts
/// of files share.
///
/// Those that change something run with the inode's lock held.
pub trait Attributes: FileSystem {
    /// Changes the size of the file to `size` bytes, which differs from what it
    /// is. If changes are to be written at once, that is done afterwards. C: `ATTR_SIZE` of
    /// `setattr`.
    fn set_size(inode: Exclusive<'_, Self>, size: u64) -> Result;

    /// Flags for `statx()`. C: `getattr`.
    fn shown(inode: &Inode<Self>) -> Shown;

    /// Flags for `FS_IOC_GETFLAGS`. C: `fileattr_get`.
    fn flags(inode: &Inode<Self>) -> u32;

    /// Sets flags for `FS_IOC_SETFLAGS`. The caller may, as far as the VFS can
    /// tell. C: `fileattr_set`.
    fn set_flags(inode: Exclusive<'_, Self>, flags: u32) -> Result;

    /// Puts an attribute's value into `value`, and returns its length: that
    /// alone if there is no room. C: `get` of `struct xattr_handler`.
    fn xattr(
        inode: &Inode<Self>,
        namespace: Namespace,
        name: &[u8],
        value: Option<&mut [u8]>,
    ) -> Result<usize>;

    /// Sets an attribute, or removes it. C: `set` of `struct xattr_handler`.
    fn set_xattr(
        inode: Exclusive<'_, Self>,
        namespace: Namespace,
        name: &[u8],
        value: Option<&[u8]>,
        mode: XattrMode,
    ) -> Result;

    /// Lists attributes. C: `listxattr`.
    fn list_xattrs(inode: &Inode<Self>, list: &mut XattrList<'_>) -> Result;

    /// Reads an access control list. C: `get_inode_acl`.
    fn acl(inode: &Inode<Self>, kind: AclKind) -> Result<Option<Acl>>;

    /// Writes an access control list, or removes it. C: `set_acl`.
    fn set_acl(inode: Exclusive<'_, Self>, kind: AclKind, acl: Option<&Acl>) -> Result;
}

/// C: `setattr`.
///
/// # Safety
///
/// `dentry` is that of an inode of `F`, which is locked; `attr` is valid.
pub(super) unsafe extern "C" fn setattr<F: Attributes>(
    _idmap: *mut bindings::mnt_idmap,
    dentry: *mut bindings::dentry,
    attr: *mut bindings::iattr,
) -> i32 {
    let change = || {
        let idmap = &raw mut bindings::nop_mnt_idmap;
        // SAFETY: By the contract.
        unsafe {
            check(bindings::setattr_prepare(idmap, dentry, attr))?;
            let inode = Exclusive::new(Inode::<F>::from_raw((*dentry).d_inode));
            let valid = (*attr).ia_valid;
            let size = (*attr).ia_size as u64;
            let resized = valid & bindings::ATTR_SIZE != 0 && size != inode.size();
            if resized {
                F::set_size(inode, size)?;
            }
            bindings::setattr_copy(idmap, inode.as_ptr(), attr);
            let result = if valid & bindings::ATTR_MODE != 0 {
                check(bindings::posix_acl_chmod(idmap, dentry, inode.mode()))
            } else {
                Ok(())
            };
            inode.mark_dirty();
            // At last: what was cut off is so, even if the device has an error.
            if resized && inode.needs_sync() {
                inode.sync_metadata()?;
            }
            result
        }
    };
    to_int(change())
}

/// C: `getattr`.
///
/// # Safety
///
/// `path` is that of an inode of `F`; `stat` is valid.
pub(super) unsafe extern "C" fn getattr<F: Attributes>(
    _idmap: *mut bindings::mnt_idmap,
    path: *const bindings::path,
    stat: *mut bindings::kstat,
    mask: u32,
    _flags: u32,
) -> i32 {
    // SAFETY: By the contract.
    unsafe {
        let inode = Inode::<F>::from_raw((*(*path).dentry).d_inode);
        let shown = F::shown(inode);
        for (is, bit) in [
            (shown.append, bindings::STATX_ATTR_APPEND),
            (shown.compressed, bindings::STATX_ATTR_COMPRESSED),
            (shown.immutable, bindings::STATX_ATTR_IMMUTABLE),
            (shown.nodump, bindings::STATX_ATTR_NODUMP),
        ] {
            if is {
                (*stat).attributes |= u64::from(bit);
            }
            (*stat).attributes_mask |= u64::from(bit);
        }
        (*stat).attributes_mask |= u64::from(bindings::STATX_ATTR_ENCRYPTED);
        bindings::generic_fillattr(&raw mut bindings::nop_mnt_idmap, mask, inode.as_ptr(), stat);
    }
    0
}

/// C: `fileattr_get`.
///
/// # Safety
///
/// `dentry` is that of an inode of `F`; `attr` is valid.
pub(super) unsafe extern "C" fn fileattr_get<F: Attributes>(
    dentry: *mut bindings::dentry,
    attr: *mut bindings::fileattr,
) -> i32 {
    // SAFETY: By the contract.
    unsafe {
        let flags = F::flags(Inode::from_raw((*dentry).d_inode));
        bindings::fileattr_fill_flags(attr, flags);
    }
    0
}

/// C: `fileattr_set`.
///
/// # Safety
///
/// `dentry` is that of an inode of `F`, which is locked; `attr` is valid.
pub(super) unsafe extern "C" fn fileattr_set<F: Attributes>(
    _idmap: *mut bindings::mnt_idmap,
    dentry: *mut bindings::dentry,
    attr: *mut bindings::fileattr,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, flags, extended) = unsafe {
        let inode = Exclusive::new(Inode::<F>::from_raw((*dentry).d_inode));
        (inode, (*attr).flags, bindings::fs_rs_fileattr_has_fsx(attr))
    };
    if extended {
        return not_supported().to_errno();
    }
    to_int(F::set_flags(inode, flags))
}

// SPDX-License-Identifier: GPL-2.0

//! Files by handle, for NFS servers and `open_by_handle_at()`.

use super::{error::to_ptr, FileSystem, Inode, InodeRef, SuperBlock};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::zeroed};

/// C: `struct export_operations`.
pub(super) struct Table<F>(PhantomData<F>);

impl<F: FileSystem> Table<F> {
    pub(super) const OPERATIONS: bindings::export_operations = bindings::export_operations {
        encode_fh: Some(bindings::generic_encode_ino32_fh),
        fh_to_dentry: Some(fh_to_dentry::<F>),
        fh_to_parent: Some(fh_to_parent::<F>),
        get_parent: Some(get_parent::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn get_inode<F: FileSystem>(
    sb: *mut bindings::super_block,
    ino: u64,
    generation: u32,
) -> *mut bindings::inode {
    // SAFETY: By the contract.
    let sb = unsafe { SuperBlock::<F>::from_raw(sb) };
    to_ptr(F::inode_of_handle(sb, ino, generation).map(InodeRef::into_raw))
}

/// # Safety
///
/// `sb` is of `F`; `fid` has `len` words.
unsafe extern "C" fn fh_to_dentry<F: FileSystem>(
    sb: *mut bindings::super_block,
    fid: *mut bindings::fid,
    len: i32,
    kind: i32,
) -> *mut bindings::dentry {
    // SAFETY: By the contract.
    unsafe { bindings::generic_fh_to_dentry(sb, fid, len, kind, Some(get_inode::<F>)) }
}

/// # Safety
///
/// As for [`fh_to_dentry`].
unsafe extern "C" fn fh_to_parent<F: FileSystem>(
    sb: *mut bindings::super_block,
    fid: *mut bindings::fid,
    len: i32,
    kind: i32,
) -> *mut bindings::dentry {
    // SAFETY: By the contract.
    unsafe { bindings::generic_fh_to_parent(sb, fid, len, kind, Some(get_inode::<F>)) }
}

/// # Safety
///
/// `child` is the dentry of a directory of `F`.
unsafe extern "C" fn get_parent<F: FileSystem>(
    child: *mut bindings::dentry,
) -> *mut bindings::dentry {
    // SAFETY: By the contract.
    let dir = unsafe { Inode::<F>::from_raw((*child).d_inode) };
    to_ptr(F::parent_of(dir).and_then(InodeRef::into_dentry))
}

// SPDX-License-Identifier: GPL-2.0

//! Inodes without data of their own to read: devices, fifos, sockets; and
//! symlinks.

use super::{
    acl, attributes,
    new_inode::{is_special, is_symlink},
    xattr, Attributes, NewInode, PageCache,
};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::zeroed};
use kernel::prelude::*;

struct Table<F>(PhantomData<F>);

impl<F: Attributes> Table<F> {
    /// C: `struct inode_operations` of what `init_special_inode()` is for.
    const SPECIAL: bindings::inode_operations = bindings::inode_operations {
        get_inode_acl: Some(acl::get::<F>),
        getattr: Some(attributes::getattr::<F>),
        listxattr: Some(xattr::list::<F>),
        set_acl: Some(acl::set::<F>),
        setattr: Some(attributes::setattr::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };

    /// Of symlinks whose target is in the page cache.
    const SLOW_LINK: bindings::inode_operations = bindings::inode_operations {
        get_link: Some(bindings::page_get_link),
        getattr: Some(attributes::getattr::<F>),
        listxattr: Some(xattr::list::<F>),
        setattr: Some(attributes::setattr::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };

    /// Of symlinks whose target is in memory.
    const FAST_LINK: bindings::inode_operations = bindings::inode_operations {
        get_link: Some(bindings::simple_get_link),
        getattr: Some(attributes::getattr::<F>),
        listxattr: Some(xattr::list::<F>),
        setattr: Some(attributes::setattr::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

impl<F: Attributes> NewInode<'_, F> {
    /// Makes it a device, fifo or socket; [`EINVAL`] if it is none by its mode.
    /// C: `init_special_inode()`.
    pub fn make_special(&self, major: u32, minor: u32) -> Result {
        self.set_operations(is_special, &Table::<F>::SPECIAL, None, None)?;
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_init_special_inode(self.as_ptr(), self.mode(), major, minor) };
        Ok(())
    }

    /// Makes it a symlink to `target`, which is kept in memory; [`EINVAL`] if it is none
    /// by its mode.
    pub fn set_fast_link(&self, target: &[u8]) -> Result {
        self.set_link(target)?;
        self.set_operations(is_symlink, &Table::<F>::FAST_LINK, None, None)
    }
}

impl<F: Attributes + PageCache> NewInode<'_, F> {
    /// Gives it the operations of a symlink whose target is its data; [`EINVAL`] if it is
    /// none by its mode.
    pub fn set_slow_link_operations(&self) -> Result {
        self.set_operations(
            is_symlink,
            &Table::<F>::SLOW_LINK,
            None,
            Some(&super::page_cache::Table::<F>::OPERATIONS),
        )?;
        // SAFETY: By the type invariant nothing is cached yet.
        unsafe { bindings::fs_rs_inode_nohighmem(self.as_ptr()) };
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Access control lists.

use super::{
    error::{check, check_null, to_int, to_ptr},
    Attributes, Exclusive, Inode, NewInode,
};
use crate::sys as bindings;
use core::{
    mem::ManuallyDrop,
    ptr::{self, NonNull},
};
use kernel::prelude::*;

/// Which of a file's lists it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclKind {
    /// Who may use the file. C: `ACL_TYPE_ACCESS`.
    Access,
    /// What new files of a directory get. C: `ACL_TYPE_DEFAULT`.
    Default,
}

impl AclKind {
    fn from_raw(raw: i32) -> Self {
        if raw == bindings::ACL_TYPE_ACCESS as i32 {
            Self::Access
        } else {
            Self::Default
        }
    }

    fn to_raw(self) -> i32 {
        match self {
            Self::Access => bindings::ACL_TYPE_ACCESS as i32,
            Self::Default => bindings::ACL_TYPE_DEFAULT as i32,
        }
    }
}

/// An entry of a list, as C has it; ids are those on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Whom it is about. C: `ACL_USER_OBJ` and so on.
    pub tag: u16,
    /// What they may do.
    pub permissions: u16,
    /// Which user or group it is about, if the tag needs one.
    pub id: u32,
}

/// A list; a counted reference. C: `struct posix_acl`.
///
/// # Invariants
///
/// Points to a list, all of whose entries are set, and accounts for one of its references.
pub struct Acl(NonNull<bindings::posix_acl>);

impl Acl {
    /// A list of `entries`. Allocates. [`EINVAL`] if there are not as many as the iterator
    /// says, since that is safe code that may err.
    pub fn new(mut entries: impl ExactSizeIterator<Item = AclEntry>) -> Result<Self> {
        let count = i32::try_from(entries.len()).map_err(|_| EINVAL)?;
        // SAFETY: Always sound.
        let acl = NonNull::new(unsafe { bindings::fs_rs_posix_acl_alloc(count) }).ok_or(ENOMEM)?;
        // INVARIANT: Just allocated; nobody gets it before its entries are set.
        let acl = Self(acl);
        for index in 0..acl.len() {
            let entry = entries.next().ok_or(EINVAL)?;
            // SAFETY: In bounds; nobody else has the list yet.
            unsafe {
                bindings::fs_rs_acl_entry_set(
                    acl.0.as_ptr(),
                    index,
                    entry.tag,
                    entry.permissions,
                    entry.id,
                );
            }
        }
        match entries.next() {
            None => Ok(acl),
            Some(_) => Err(EINVAL),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_acl_count(self.0.as_ptr()) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = AclEntry> + '_ {
        (0..self.len()).map(|index| {
            let (mut tag, mut permissions, mut id) = (0, 0, 0);
            // SAFETY: In bounds; lists do not change.
            unsafe {
                bindings::fs_rs_acl_entry_get(
                    self.0.as_ptr(),
                    index,
                    &mut tag,
                    &mut permissions,
                    &mut id,
                );
            }
            AclEntry {
                tag,
                permissions,
                id,
            }
        })
    }

    /// Borrows a list of C's, if there is one.
    ///
    /// # Safety
    ///
    /// `ptr` is null or a list that is there while the value is.
    unsafe fn borrow(ptr: *mut bindings::posix_acl) -> Option<ManuallyDrop<Self>> {
        // INVARIANT: By the contract; the reference is C's, and stays so.
        NonNull::new(ptr).map(|acl| ManuallyDrop::new(Self(acl)))
    }

    /// Takes over a reference of C's, if there is one.
    ///
    /// # Safety
    ///
    /// `ptr` is null or as the type invariant says.
    unsafe fn from_raw(ptr: *mut bindings::posix_acl) -> Option<Self> {
        // INVARIANT: By the contract.
        NonNull::new(ptr).map(Self)
    }
}

impl Drop for Acl {
    fn drop(&mut self) {
        // SAFETY: The reference is given back.
        unsafe { bindings::fs_rs_posix_acl_release(self.0.as_ptr()) }
    }
}

impl<F: Attributes> NewInode<'_, F> {
    /// Gives a new inode the lists that `dir` has for it, and takes from its mode
    /// what they do not allow; the umask otherwise. C: `posix_acl_create()`.
    pub fn inherit_acl(&self, dir: &Inode<F>) -> Result {
        let (mut default, mut access) = (ptr::null_mut(), ptr::null_mut());
        let mut mode = self.mode();
        // SAFETY: By the type invariants; lists come with references.
        let (default, access) = unsafe {
            check(bindings::posix_acl_create(
                dir.as_ptr(),
                &mut mode,
                &mut default,
                &mut access,
            ))?;
            (Acl::from_raw(default), Acl::from_raw(access))
        };
        let inode = self.exclusive();
        inode.set_permissions(mode);
        if let Some(acl) = &default {
            store(inode, AclKind::Default, Some(acl))?;
        }
        if let Some(acl) = &access {
            store(inode, AclKind::Access, Some(acl))?;
        }
        Ok(())
    }
}

/// Writes a list and keeps it in memory.
fn store<F: Attributes>(inode: Exclusive<'_, F>, kind: AclKind, acl: Option<&Acl>) -> Result {
    if kind == AclKind::Default && !inode.is_dir() {
        return if acl.is_some() { Err(EACCES) } else { Ok(()) };
    }
    F::set_acl(inode, kind, acl)?;
    let acl = acl.map_or(ptr::null_mut(), |acl| acl.0.as_ptr());
    // SAFETY: By the type invariants.
    unsafe { bindings::set_cached_acl(inode.as_ptr(), kind.to_raw(), acl) };
    Ok(())
}

/// C: `get_inode_acl`.
///
/// # Safety
///
/// `inode` is of `F`.
pub(super) unsafe extern "C" fn get<F: Attributes>(
    inode: *mut bindings::inode,
    kind: i32,
    rcu: bool,
) -> *mut bindings::posix_acl {
    // Reading sleeps: the caller comes again in a context that may.
    if rcu {
        return to_ptr(Err(ECHILD));
    }
    // SAFETY: By the contract.
    let acl = F::acl(unsafe { Inode::from_raw(inode) }, AclKind::from_raw(kind));
    to_ptr(acl.map(|acl| match acl {
        Some(acl) => ManuallyDrop::new(acl).0.as_ptr(),
        None => ptr::null_mut(),
    }))
}

/// C: `set_acl`.
///
/// # Safety
///
/// `dentry` is that of an inode of `F`, which is locked; `acl` is null or valid.
pub(super) unsafe extern "C" fn set<F: Attributes>(
    _idmap: *mut bindings::mnt_idmap,
    dentry: *mut bindings::dentry,
    mut acl: *mut bindings::posix_acl,
    kind: i32,
) -> i32 {
    let mut change = || {
        let kind = AclKind::from_raw(kind);
        // SAFETY: By the contract. A list that says no more than the mode is not
        // kept.
        let (inode, mode, acl) = unsafe {
            let inode = Exclusive::new(Inode::<F>::from_raw((*dentry).d_inode));
            let mut mode = None;
            if kind == AclKind::Access && !acl.is_null() {
                let mut to = inode.mode();
                check(bindings::posix_acl_update_mode(
                    &raw mut bindings::nop_mnt_idmap,
                    inode.as_ptr(),
                    &mut to,
                    &mut acl,
                ))?;
                mode = Some(to);
            }
            (inode, mode, Acl::borrow(check_null(acl)?))
        };
        store(inode, kind, acl.as_deref())?;
        if let Some(mode) = mode {
            inode.set_permissions(mode);
            inode.touch_ctime();
            inode.mark_dirty();
        }
        Ok(())
    };
    to_int(change())
}

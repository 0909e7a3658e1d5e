// SPDX-License-Identifier: GPL-2.0

//! Extended attributes.

use super::{
    error::{check, to_int},
    names::bytes_of,
    Attributes, Exclusive, Inode, NewInode,
};
use crate::sys as bindings;
use core::{ffi::c_void, marker::PhantomData, mem::zeroed, slice};
use kernel::{c_str, prelude::*, str::CStr};

/// Which attributes it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Namespace {
    /// Those of users.
    User,
    /// Those of the system's administrator.
    Trusted,
    /// Those of security modules.
    Security,
}

impl Namespace {
    /// What its names begin with.
    pub const fn prefix(self) -> &'static CStr {
        match self {
            Self::User => c_str!("user."),
            Self::Trusted => c_str!("trusted."),
            Self::Security => c_str!("security."),
        }
    }

    fn from_raw(raw: i32) -> Self {
        match raw {
            1 => Self::Trusted,
            2 => Self::Security,
            _ => Self::User,
        }
    }
}

/// What is asked of an attribute that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrMode {
    /// Nothing.
    Set,
    /// That there is none of the name. C: `XATTR_CREATE`.
    Create,
    /// That there is one of the name. C: `XATTR_REPLACE`.
    Replace,
}

/// Names of attributes, as `listxattr()` returns them, one after the other with
/// a NUL behind each.
pub struct XattrList<'a> {
    room: Option<&'a mut [u8]>,
    len: usize,
}

impl XattrList<'_> {
    /// Adds a name. [`ERANGE`] if there is no room; without a buffer lengths are
    /// only counted.
    pub fn add(&mut self, prefix: &[u8], name: &[u8]) -> Result {
        let start = self.len;
        let middle = start.checked_add(prefix.len()).ok_or(ERANGE)?;
        let end = middle.checked_add(name.len()).ok_or(ERANGE)?;
        self.len = end.checked_add(1).ok_or(ERANGE)?;
        let Some(room) = self.room.as_deref_mut() else {
            return Ok(());
        };
        let places = [(start, prefix), (middle, name), (end, &[0][..])];
        for (at, text) in places {
            let to = at.checked_add(text.len()).ok_or(ERANGE)?;
            room.get_mut(at..to).ok_or(ERANGE)?.copy_from_slice(text);
        }
        Ok(())
    }
}

/// Whether the current task is the administrator's. C: `capable(CAP_SYS_ADMIN)`.
pub fn is_admin() -> bool {
    // SAFETY: Task context.
    unsafe { bindings::fs_rs_capable(bindings::CAP_SYS_ADMIN as i32) }
}

/// Whether the current task may use what is reserved.
/// C: `capable(CAP_SYS_RESOURCE)`.
pub fn may_use_reserved() -> bool {
    // SAFETY: Task context.
    unsafe { bindings::fs_rs_capable(bindings::CAP_SYS_RESOURCE as i32) }
}

/// C: `listxattr`.
///
/// # Safety
///
/// `dentry` is that of an inode of `F`; `buffer` is null or has `size` bytes.
pub(super) unsafe extern "C" fn list<F: Attributes>(
    dentry: *mut bindings::dentry,
    buffer: *mut kernel::ffi::c_char,
    size: usize,
) -> isize {
    // SAFETY: By the contract.
    let (inode, room) = unsafe {
        let room = (!buffer.is_null()).then(|| {
            buffer.write_bytes(0, size);
            slice::from_raw_parts_mut(buffer.cast(), size)
        });
        (Inode::<F>::from_raw((*dentry).d_inode), room)
    };
    let mut names = XattrList { room, len: 0 };
    match F::list_xattrs(inode, &mut names) {
        // The VFS copies that much to the user.
        Ok(()) if !buffer.is_null() && names.len > size => ERANGE.to_errno() as isize,
        Ok(()) => names.len as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// The attribute handlers of `F`.
pub(super) struct Table<F>(PhantomData<F>);

/// C keeps pointers to handlers in static tables.
#[repr(transparent)]
pub(super) struct Handlers([*const bindings::xattr_handler; 4]);

// SAFETY: They do not change.
unsafe impl Sync for Handlers {}

impl Handlers {
    pub(super) const fn as_ptr(&self) -> *const *const bindings::xattr_handler {
        self.0.as_ptr()
    }
}

impl<F: Attributes> Table<F> {
    const fn handler(namespace: Namespace) -> bindings::xattr_handler {
        bindings::xattr_handler {
            prefix: namespace.prefix().as_char_ptr(),
            flags: namespace as i32,
            get: Some(get::<F>),
            set: Some(set::<F>),
            // SAFETY: All zeros is a handler without operations.
            ..unsafe { zeroed() }
        }
    }

    const USER: &'static bindings::xattr_handler = &Self::handler(Namespace::User);
    const TRUSTED: &'static bindings::xattr_handler = &Self::handler(Namespace::Trusted);
    const SECURITY: &'static bindings::xattr_handler = &Self::handler(Namespace::Security);

    /// The handlers, and null.
    pub(super) const HANDLERS: &'static Handlers =
        &Handlers([Self::USER, Self::TRUSTED, Self::SECURITY, core::ptr::null()]);
}

/// # Safety
///
/// `handler` is one of the table; `inode` is of `F`; `name` is a string; `buffer`
/// is null or has `size` bytes.
unsafe extern "C" fn get<F: Attributes>(
    handler: *const bindings::xattr_handler,
    _dentry: *mut bindings::dentry,
    inode: *mut bindings::inode,
    name: *const kernel::ffi::c_char,
    buffer: *mut c_void,
    size: usize,
) -> i32 {
    // SAFETY: By the contract.
    let (namespace, inode, name, value) = unsafe {
        let value = (!buffer.is_null()).then(|| {
            buffer.cast::<u8>().write_bytes(0, size);
            slice::from_raw_parts_mut(buffer.cast(), size)
        });
        (
            Namespace::from_raw((*handler).flags),
            Inode::<F>::from_raw(inode),
            bytes_of(CStr::from_char_ptr(name)),
            value,
        )
    };
    match F::xattr(inode, namespace, name, value) {
        // The VFS copies that much to the user.
        Ok(len) if !buffer.is_null() && len > size => ERANGE.to_errno(),
        Ok(len) => len.min(i32::MAX as usize) as i32,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// As for [`get`]; the inode is locked.
unsafe extern "C" fn set<F: Attributes>(
    handler: *const bindings::xattr_handler,
    _idmap: *mut bindings::mnt_idmap,
    _dentry: *mut bindings::dentry,
    inode: *mut bindings::inode,
    name: *const kernel::ffi::c_char,
    value: *const c_void,
    size: usize,
    flags: i32,
) -> i32 {
    // SAFETY: By the contract. A value of no bytes is one as well.
    let (namespace, inode, name, value) = unsafe {
        let value = (!value.is_null()).then(|| slice::from_raw_parts(value.cast(), size));
        (
            Namespace::from_raw((*handler).flags),
            Exclusive::new(Inode::<F>::from_raw(inode)),
            bytes_of(CStr::from_char_ptr(name)),
            value,
        )
    };
    let mode = if flags & bindings::XATTR_CREATE as i32 != 0 {
        XattrMode::Create
    } else if flags & bindings::XATTR_REPLACE as i32 != 0 {
        XattrMode::Replace
    } else {
        XattrMode::Set
    };
    to_int(F::set_xattr(inode, namespace, name, value, mode))
}

impl<F: Attributes> NewInode<'_, F> {
    /// Gives a new inode in `dir` what security modules want it to have.
    /// C: `security_inode_init_security()`.
    pub fn init_security(&self, dir: &Inode<F>, name: Option<&super::Name<'_>>) -> Result {
        let name = name.map_or(core::ptr::null(), super::Name::as_qstr);
        // SAFETY: By the type invariants.
        check(unsafe {
            bindings::fs_rs_init_security(self.as_ptr(), dir.as_ptr(), name, Some(init_xattrs::<F>))
        })
    }
}

/// # Safety
///
/// `inode` is a new one of `F`; `attributes` ends with one without a name.
unsafe extern "C" fn init_xattrs<F: Attributes>(
    inode: *mut bindings::inode,
    mut attributes: *const bindings::xattr,
    _private: *mut c_void,
) -> i32 {
    // SAFETY: By the contract.
    unsafe {
        let inode = Exclusive::new(Inode::<F>::from_raw(inode));
        while !(*attributes).name.is_null() {
            let name = bytes_of(CStr::from_char_ptr((*attributes).name));
            let value = slice::from_raw_parts((*attributes).value.cast(), (*attributes).value_len);
            let set = F::set_xattr(
                inode,
                Namespace::Security,
                name,
                Some(value),
                XattrMode::Set,
            );
            if let Err(error) = set {
                return error.to_errno();
            }
            attributes = attributes.add(1);
        }
    }
    0
}

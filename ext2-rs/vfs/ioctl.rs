// SPDX-License-Identifier: GPL-2.0

//! The `ioctl()` commands that the VFS leaves to filesystems.

use super::{
    error::{check, to_int},
    Attributes, Inode,
};
use crate::sys as bindings;
use core::ffi::c_void;
use kernel::prelude::*;

/// # Safety
///
/// `file` is open, and of `F`.
pub(super) unsafe extern "C" fn native<F: Attributes>(
    file: *mut bindings::file,
    command: u32,
    argument: usize,
) -> isize {
    let user = argument as *mut c_void;
    // SAFETY: By the contract; user memory is checked where it is touched.
    let result = unsafe {
        match command {
            bindings::FS_IOC_GETVERSION => {
                let generation = Inode::<F>::from_raw((*file).f_inode).generation();
                check(bindings::fs_rs_copy_u32_to_user(generation, user))
            }
            bindings::FS_IOC_SETVERSION => set_generation::<F>(file, user),
            _ => Err(ENOIOCTLCMD),
        }
    };
    to_int(result) as isize
}

/// # Safety
///
/// As for [`native`].
#[cfg(CONFIG_COMPAT)]
pub(super) unsafe extern "C" fn compat<F: Attributes>(
    file: *mut bindings::file,
    command: u32,
    argument: usize,
) -> isize {
    let command = match command {
        bindings::FS_IOC32_GETVERSION => bindings::FS_IOC_GETVERSION,
        bindings::FS_IOC32_SETVERSION => bindings::FS_IOC_SETVERSION,
        _ => return ENOIOCTLCMD.to_errno() as isize,
    };
    // SAFETY: By the contract. Pointers of 32 bits are those of 64 with zeros.
    unsafe { native::<F>(file, command, argument & u32::MAX as usize) }
}

/// # Safety
///
/// As for [`native`].
unsafe fn set_generation<F: Attributes>(file: *mut bindings::file, user: *mut c_void) -> Result {
    // SAFETY: By the contract.
    unsafe {
        let inode = Inode::<F>::from_raw((*file).f_inode);
        if !bindings::fs_rs_owner_or_capable(inode.as_ptr()) {
            return Err(EPERM);
        }
        check(bindings::fs_rs_want_write_file(file))?;
        let mut generation = 0;
        let set = check(bindings::fs_rs_copy_u32_from_user(&mut generation, user)).map(|()| {
            let _lock = inode.lock();
            inode.touch_ctime();
            inode.set_generation(generation);
            inode.mark_dirty();
        });
        bindings::fs_rs_drop_write_file(file);
        set
    }
}

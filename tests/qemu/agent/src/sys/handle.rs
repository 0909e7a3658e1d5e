// SPDX-License-Identifier: GPL-2.0

//! Handles of files that survive another mount.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{ensure, Result};

/// Bytes of a handle that there is room for.
const ROOM: usize = 128;

/// `struct file_handle` with its room.
#[repr(C)]
#[derive(Clone)]
pub struct Handle {
    bytes: u32,
    kind: i32,
    data: [u8; ROOM],
}

impl Handle {
    pub fn of(path: &Path) -> Result<Self> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        let mut handle = Self {
            bytes: ROOM as u32,
            kind: 0,
            data: [0; ROOM],
        };
        let mut mount = 0;
        // SAFETY: the handle has the room that it says it has.
        let result = unsafe {
            libc::syscall(
                libc::SYS_name_to_handle_at,
                libc::AT_FDCWD,
                name.as_ptr(),
                &raw mut handle,
                &raw mut mount,
                0,
            )
        };
        ensure!(result == 0, "{}", io::Error::last_os_error());
        Ok(handle)
    }

    /// Opens the file for reading. `root` is any file of its filesystem.
    pub fn open(&self, root: &File) -> io::Result<File> {
        // SAFETY: the kernel made the handle, or it is as long as one of those.
        let result = unsafe {
            libc::syscall(
                libc::SYS_open_by_handle_at,
                root.as_raw_fd(),
                std::ptr::from_ref(self),
                libc::O_RDONLY,
            )
        };
        let descriptor = i32::try_from(result).unwrap_or(-1);
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was just opened, and nobody else has it.
        Ok(unsafe { File::from_raw_fd(descriptor) })
    }

    /// A forged one: handles of ext2 start with the inode's number.
    pub fn with_inode(&self, inode: u32) -> Self {
        let mut forged = self.clone();
        for (to, from) in forged.data.iter_mut().zip(inode.to_ne_bytes()) {
            *to = from;
        }
        forged
    }
}

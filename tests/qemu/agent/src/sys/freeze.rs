// SPDX-License-Identifier: GPL-2.0

//! Freezing filesystems.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Of `linux/fs.h`.
const FIFREEZE: libc::c_ulong = 0xC004_5877;
const FITHAW: libc::c_ulong = 0xC004_5878;

/// Lets nobody write to the filesystem that `file` lies on; writers wait.
pub fn freeze(file: &File) -> io::Result<()> {
    control(file, FIFREEZE)
}

/// Undoes [`freeze`].
pub fn thaw(file: &File) -> io::Result<()> {
    control(file, FITHAW)
}

fn control(file: &File, request: libc::c_ulong) -> io::Result<()> {
    // SAFETY: these ioctls ignore their argument.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), request, 0) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! The `FIBMAP` ioctl: where a block of a file is on the device.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// `_IO(0x00, 1)` of `linux/fs.h`.
const FIBMAP: libc::c_ulong = 1;

/// The device block of a file's block, in blocks of the filesystem; 0 if there
/// is none.
pub fn device_block(file: &File, block: u32) -> io::Result<u32> {
    let mut value = block;
    // SAFETY: the ioctl reads and writes one 32-bit integer.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), FIBMAP, &raw mut value) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value)
}

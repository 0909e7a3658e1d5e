// SPDX-License-Identifier: GPL-2.0

//! What is asked of a disk by ioctl.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// `_IOW(0x12, 113, size_t)` and `_IO(0x12, 127)` of `linux/fs.h`.
const BLKBSZSET: libc::c_ulong = 0x4008_1271;
const BLKZEROOUT: libc::c_ulong = 0x127F;

/// Sets the size of the blocks that the page cache of the disk works in. Nobody may
/// hold the disk for himself; it goes back when nobody has the disk open.
pub fn set_block_size(disk: &File, bytes: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the ioctl reads one integer.
    done(unsafe { libc::ioctl(disk.as_raw_fd(), BLKBSZSET, &raw const value) })
}

/// Has the disk fill a range with zeros.
pub fn zero_out(disk: &File, offset: u64, length: u64) -> io::Result<()> {
    let range = [offset, length];
    // SAFETY: the ioctl reads two 64-bit integers.
    done(unsafe { libc::ioctl(disk.as_raw_fd(), BLKZEROOUT, range.as_ptr()) })
}

fn done(result: libc::c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The few system calls that only these tests make: all of their unsafe code.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use crate::sys::mapping::FileMapping;

/// `lseek` with any position, negative ones too.
pub fn seek(file: &File, pos: i64, whence: libc::c_int) -> io::Result<i64> {
    // SAFETY: takes and returns integers.
    let found = unsafe { libc::lseek(file.as_raw_fd(), pos, whence) };
    check(found)
}

/// Sets the write hint of a file (`RWH_WRITE_LIFE_*` of `linux/fcntl.h`).
pub fn set_write_hint(file: &File, hint: u64) -> io::Result<()> {
    const F_SET_RW_HINT: libc::c_int = 1036;
    // SAFETY: the call reads one 64-bit integer.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), F_SET_RW_HINT, &raw const hint) };
    check(result.into()).map(drop)
}

/// Has a part of a mapping reclaimed, which leaves shadows in the page cache.
pub fn page_out(mapping: &FileMapping, offset: usize, length: usize) -> io::Result<()> {
    let start = mapping.pointer(offset, length)?;
    // SAFETY: a hint on pages of this mapping; their contents stay.
    let result = unsafe { libc::madvise(start.cast(), length, libc::MADV_PAGEOUT) };
    check(result.into()).map(drop)
}

fn check(result: i64) -> io::Result<i64> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

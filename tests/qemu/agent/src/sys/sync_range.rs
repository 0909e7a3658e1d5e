// SPDX-License-Identifier: GPL-2.0

//! `sync_file_range`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Writes a range of the page cache back and waits for it.
pub fn write_and_wait(file: &File, offset: usize, length: usize) -> io::Result<()> {
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE
        | libc::SYNC_FILE_RANGE_WRITE
        | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    call(file, offset, length, flags)
}

/// Has a range of the page cache written back, without waiting for what is in flight.
pub fn start(file: &File, offset: usize, length: usize) -> io::Result<()> {
    call(file, offset, length, libc::SYNC_FILE_RANGE_WRITE)
}

fn call(file: &File, offset: usize, length: usize, flags: libc::c_uint) -> io::Result<()> {
    let as_offset = |number: usize| {
        libc::off64_t::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let (offset, length) = (as_offset(offset)?, as_offset(length)?);
    // SAFETY: takes integers.
    let result = unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, flags) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! The `FIDEDUPERANGE` ioctl: lets two files share blocks where they are equal.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// `_IOWR(0x94, 54, struct file_dedupe_range)` of `linux/fs.h`.
const FIDEDUPERANGE: libc::c_ulong = 0xC018_9436;

/// `struct file_dedupe_range` with one destination.
#[repr(C)]
struct Request {
    source_offset: u64,
    source_length: u64,
    destinations: u16,
    reserved1: u16,
    reserved2: u32,
    destination: i64,
    destination_offset: u64,
    bytes: u64,
    status: i32,
    reserved: u32,
}

/// What the kernel found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// That many bytes are shared now.
    Same(u64),
    Differs,
}

/// Compares a range of two files, at the same offset in both.
pub fn range(source: &File, destination: &File, offset: u64, length: u64) -> io::Result<Answer> {
    let mut request = Request {
        source_offset: offset,
        source_length: length,
        destinations: 1,
        reserved1: 0,
        reserved2: 0,
        destination: destination.as_raw_fd().into(),
        destination_offset: offset,
        bytes: 0,
        status: 0,
        reserved: 0,
    };
    // SAFETY: the ioctl reads and writes one request with one destination.
    let result = unsafe { libc::ioctl(source.as_raw_fd(), FIDEDUPERANGE, &raw mut request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    match request.status {
        0 => Ok(Answer::Same(request.bytes)),
        1 => Ok(Answer::Differs),
        status => Err(io::Error::from_raw_os_error(-status)),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Positioned reads and writes whose memory Rust must not see as a slice, and
//! vectored ones with `RWF_` flags.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

/// `pread` into any address, also bad ones: the kernel checks it.
///
/// The memory must not be borrowed by anything that Rust knows of.
pub fn read_to(file: &File, to: *mut u8, length: usize, offset: u64) -> io::Result<usize> {
    let offset = offset_of(offset)?;
    // SAFETY: the callers pass memory outside of Rust's objects; the kernel
    // refuses addresses that the process does not have.
    count(unsafe { libc::pread(file.as_raw_fd(), to.cast(), length, offset) })
}

/// `pwrite` from any address, also bad ones.
pub fn write_from(file: &File, from: *const u8, length: usize, offset: u64) -> io::Result<usize> {
    let offset = offset_of(offset)?;
    // SAFETY: the kernel only reads, and refuses addresses that are not there.
    count(unsafe { libc::pwrite(file.as_raw_fd(), from.cast(), length, offset) })
}

/// `writev` of two pieces, the second from any address.
pub fn write_gathered(
    file: &File,
    first: &[u8],
    second: *const u8,
    length: usize,
) -> io::Result<usize> {
    let pieces = [
        libc::iovec {
            iov_base: first.as_ptr().cast_mut().cast(),
            iov_len: first.len(),
        },
        libc::iovec {
            iov_base: second.cast_mut().cast(),
            iov_len: length,
        },
    ];
    // SAFETY: the kernel only reads, and refuses addresses that are not there.
    count(unsafe { libc::writev(file.as_raw_fd(), pieces.as_ptr(), 2) })
}

/// `preadv2` with flags such as `libc::RWF_NOWAIT`.
pub fn read_vectored(
    file: &File,
    to: &mut [IoSliceMut<'_>],
    offset: u64,
    flags: libc::c_int,
) -> io::Result<usize> {
    let vectors = vector_count(to.len())?;
    let offset = offset_of(offset)?;
    // SAFETY: IoSliceMut has the layout of iovec; its memory is borrowed mutably.
    count(unsafe {
        libc::preadv2(
            file.as_raw_fd(),
            to.as_mut_ptr().cast(),
            vectors,
            offset,
            flags,
        )
    })
}

/// `pwritev2` with flags such as `libc::RWF_DSYNC`.
pub fn write_vectored(
    file: &File,
    from: &[IoSlice<'_>],
    offset: u64,
    flags: libc::c_int,
) -> io::Result<usize> {
    let vectors = vector_count(from.len())?;
    let offset = offset_of(offset)?;
    // SAFETY: IoSlice has the layout of iovec; its memory is borrowed.
    count(unsafe {
        libc::pwritev2(
            file.as_raw_fd(),
            from.as_ptr().cast(),
            vectors,
            offset,
            flags,
        )
    })
}

fn vector_count(count: usize) -> io::Result<libc::c_int> {
    count
        .try_into()
        .map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn offset_of(offset: u64) -> io::Result<libc::off_t> {
    offset
        .try_into()
        .map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn count(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

// SPDX-License-Identifier: GPL-2.0

//! Memory of huge pages: physically contiguous, so that direct I/O makes of it
//! the same bios in every run.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{null_mut, NonNull};
use std::slice;

/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// Anonymous memory that starts on a huge page's boundary and holds no zeros.
pub struct HugeBuf {
    mapping: NonNull<u8>,
    mapped: usize,
    start: NonNull<u8>,
    length: usize,
}

impl HugeBuf {
    pub fn new(length: usize) -> io::Result<Self> {
        let whole = length.max(1).next_multiple_of(HUGE_PAGE);
        let mapped = whole + HUGE_PAGE;
        // SAFETY: a fresh private mapping at an address that the kernel chooses.
        let mapping = unsafe {
            libc::mmap(
                null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping: NonNull<u8> =
            NonNull::new(mapping.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let skip = mapping.as_ptr().align_offset(HUGE_PAGE);
        // SAFETY: the mapping is a huge page longer than what is skipped and used.
        let start = unsafe { mapping.add(skip) };
        let mut buffer = Self {
            mapping,
            mapped,
            start,
            length,
        };
        // SAFETY: advice about memory that is the buffer's own.
        let advised = unsafe { libc::madvise(start.as_ptr().cast(), whole, libc::MADV_HUGEPAGE) };
        if advised != 0 {
            return Err(io::Error::last_os_error());
        }
        buffer.fill(0x5A);
        Ok(buffer)
    }
}

impl Deref for HugeBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` mapped and initialised bytes, borrowed from `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for HugeBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for HugeBuf {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and nothing borrows it any more.
        unsafe { libc::munmap(self.mapping.as_ptr().cast(), self.mapped) };
    }
}

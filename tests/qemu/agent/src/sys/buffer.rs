// SPDX-License-Identifier: GPL-2.0

//! Memory for direct I/O: whole pages, aligned to pages.

use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::{null_mut, NonNull};
use std::slice;

pub const PAGE_SIZE: usize = 4096;

/// Zeroed anonymous memory that starts on a page boundary.
pub struct AlignedBuf {
    start: NonNull<u8>,
    length: usize,
    mapped: usize,
}

// SAFETY: the memory belongs to the value alone.
unsafe impl Send for AlignedBuf {}

// SAFETY: shared access only reads.
unsafe impl Sync for AlignedBuf {}

impl AlignedBuf {
    pub fn new(length: usize) -> io::Result<Self> {
        let mapped = length.max(1).next_multiple_of(PAGE_SIZE);
        // SAFETY: a fresh private mapping at an address that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            start,
            length,
            mapped,
        })
    }

    /// Memory in which every byte is `byte`.
    pub fn filled(length: usize, byte: u8) -> io::Result<Self> {
        let mut buffer = Self::new(length)?;
        buffer.fill(byte);
        Ok(buffer)
    }

    /// Takes the pages from `offset` to the end away: I/O there faults. The slice
    /// ends before them from now on.
    pub fn unmap_from(&mut self, offset: usize) -> io::Result<()> {
        let offset = offset.next_multiple_of(PAGE_SIZE);
        if offset == 0 || offset >= self.mapped {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Protected, not unmapped: another mapping could take the place.
        // SAFETY: the pages are this mapping's own, and with the new length no
        // slice reaches them.
        let result = unsafe {
            libc::mprotect(
                self.start.as_ptr().add(offset).cast(),
                self.mapped - offset,
                libc::PROT_NONE,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        self.length = self.length.min(offset);
        Ok(())
    }

    /// Gives the page at `offset` back to the kernel; it reads as zeros from now on.
    pub fn give_back(&mut self, offset: usize) -> io::Result<()> {
        if offset % PAGE_SIZE != 0 || offset >= self.mapped {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: a page of this mapping, which is borrowed mutably.
        let result = unsafe {
            libc::madvise(
                self.start.as_ptr().add(offset).cast(),
                PAGE_SIZE,
                libc::MADV_DONTNEED,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Asks the kernel to move the pages to swap now.
    pub fn page_out(&self) -> io::Result<()> {
        // SAFETY: the contents stay; only where they are changes.
        let result =
            unsafe { libc::madvise(self.start.as_ptr().cast(), self.mapped, libc::MADV_PAGEOUT) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` mapped and initialised bytes, borrowed from `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and nothing borrows it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Shared mappings of files, used as memory and as buffers of I/O.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{null_mut, NonNull};

use super::buffer::PAGE_SIZE;
use super::raw_io;

/// `MAP_SHARED` of the start of a file. The file changes under it, so there are
/// no slices: bytes are copied in and out, and I/O takes the raw pointer.
pub struct FileMapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping stays where it is until it is dropped, and access to its
// bytes is by volatile copies or by the kernel.
unsafe impl Send for FileMapping {}

impl FileMapping {
    pub fn new(file: &File, length: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        Self::map(file, length, access, libc::MAP_SHARED)
    }

    /// With `MAP_SYNC`: what a store needs to last is on the disk before the store.
    pub fn synchronous(file: &File, length: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED_VALIDATE | libc::MAP_SYNC;
        Self::map(file, length, access, flags)
    }

    /// A mapping that must not be written to, of a file open for reading. All of
    /// its last page can be read.
    pub fn read_only(file: &File, length: usize) -> io::Result<Self> {
        let length = length.next_multiple_of(PAGE_SIZE);
        Self::map(file, length, libc::PROT_READ, libc::MAP_SHARED)
    }

    fn map(
        file: &File,
        length: usize,
        access: libc::c_int,
        flags: libc::c_int,
    ) -> io::Result<Self> {
        // SAFETY: a fresh mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(null_mut(), length, access, flags, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, length })
    }

    /// How many bytes there are to read.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The address of the byte at `offset`, for I/O of up to `length` bytes.
    pub fn pointer(&self, offset: usize, length: usize) -> io::Result<*mut u8> {
        self.check(offset, length)?;
        // SAFETY: inside the mapping, as just checked.
        Ok(unsafe { self.start.as_ptr().add(offset) })
    }

    /// Copies bytes out; pages that are not there fault in.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> io::Result<()> {
        let from = self.pointer(offset, to.len())?;
        for (index, byte) in to.iter_mut().enumerate() {
            // SAFETY: inside the mapping; volatile, as the file may change.
            *byte = unsafe { from.add(index).read_volatile() };
        }
        Ok(())
    }

    /// Copies bytes in, which dirties the pages.
    pub fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        let to = self.pointer(offset, from.len())?;
        for (index, &byte) in from.iter().enumerate() {
            // SAFETY: inside the mapping; volatile, as others may look.
            unsafe { to.add(index).write_volatile(byte) };
        }
        Ok(())
    }

    /// Has the kernel load bytes and write them to the start of `to`. A page that cannot be
    /// had is EFAULT then, and not a SIGBUS.
    pub fn load(&self, offset: usize, length: usize, to: &File) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let rest = length - done;
            let from = self.pointer(offset + done, rest)?;
            done += raw_io::write_from(to, from, rest, done as u64)?;
        }
        Ok(())
    }

    /// Has the kernel store bytes that it reads at the start of `from`, as [`Self::load`].
    pub fn store(&self, offset: usize, length: usize, from: &File) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let rest = length - done;
            let to = self.pointer(offset + done, rest)?;
            match raw_io::read_to(from, to, rest, done as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => done += count,
            }
        }
        Ok(())
    }

    /// `MADV_RANDOM`: nothing is read ahead.
    pub fn advise_random(&self) -> io::Result<()> {
        // SAFETY: a hint on pages of this mapping.
        let result =
            unsafe { libc::madvise(self.start.as_ptr().cast(), self.length, libc::MADV_RANDOM) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// `mincore`: which pages are in the page cache.
    pub fn resident(&self) -> io::Result<Vec<bool>> {
        let mut pages = vec![0_u8; self.length.div_ceil(PAGE_SIZE)];
        // SAFETY: the mapping is valid and the vector has a byte for each page.
        let result =
            unsafe { libc::mincore(self.start.as_ptr().cast(), self.length, pages.as_mut_ptr()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(pages.iter().map(|page| page & 1 == 1).collect())
    }

    fn check(&self, offset: usize, length: usize) -> io::Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The few system calls that only these tests make: all of their unsafe code.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

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

/// Another process; killed when dropped.
pub struct Child(libc::pid_t);

/// Starts a process that writes `length` zeros at the start of a file, and then
/// waits for its end.
pub fn write_in_child(file: RawFd, length: usize) -> io::Result<Child> {
    let buffer = vec![0_u8; length];
    // SAFETY: the child makes system calls only, none of which needs a lock that
    // another thread may have held.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: the buffer has that length; the rest takes integers.
        unsafe {
            libc::pwrite(file, buffer.as_ptr().cast(), buffer.len(), 0);
            libc::_exit(0);
        }
    }
    check(pid.into()).map(|_| Child(pid))
}

impl Child {
    /// Kills it, and waits until it is gone; an error if it had ended already.
    pub fn kill(self) -> io::Result<()> {
        let status = self.end()?;
        std::mem::forget(self);
        if libc::WIFSIGNALED(status) {
            Ok(())
        } else {
            Err(io::Error::other("it ended by itself"))
        }
    }

    fn end(&self) -> io::Result<i32> {
        let mut status = 0;
        // SAFETY: takes integers, and room for one.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            check(libc::waitpid(self.0, &raw mut status, 0).into())?;
        }
        Ok(status)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn check(result: i64) -> io::Result<i64> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

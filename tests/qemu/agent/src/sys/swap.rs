// SPDX-License-Identifier: GPL-2.0

//! `swapon` and `swapoff`, and the header that makes a file a swap area.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::buffer::PAGE_SIZE;

pub fn on(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a valid string.
    check(unsafe { libc::swapon(path.as_ptr(), 0) })
}

pub fn off(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a valid string.
    check(unsafe { libc::swapoff(path.as_ptr()) })
}

/// Writes what `mkswap` writes (`union swap_header`, version 1) for an area of
/// `pages` pages, the header's own included.
pub fn make(file: &File, pages: u32) -> io::Result<()> {
    let mut page = [0_u8; PAGE_SIZE];
    let last_page = pages.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
    put(&mut page, 1024, &1_u32.to_ne_bytes());
    put(&mut page, 1028, &last_page.to_ne_bytes());
    put(&mut page, PAGE_SIZE - 10, b"SWAPSPACE2");
    file.write_all_at(&page, 0)
}

fn put(page: &mut [u8; PAGE_SIZE], offset: usize, bytes: &[u8]) {
    for (to, from) in page.iter_mut().skip(offset).zip(bytes) {
        *to = *from;
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

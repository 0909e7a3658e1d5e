// SPDX-License-Identifier: GPL-2.0

//! Inode flags, as `chattr` and `xfs_io` set them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use rustix::fs::{ioctl_getflags, ioctl_setflags, IFlags};

/// `chattr +C`: data is overwritten in place. For empty files.
pub fn set_no_cow(file: &File) -> io::Result<()> {
    let flags = ioctl_getflags(file)?;
    Ok(ioctl_setflags(file, flags | IFlags::NOCOW)?)
}

/// Of `linux/fs.h`.
const FS_IOC_FSGETXATTR: libc::c_ulong = 0x801C_581F;
const FS_IOC_FSSETXATTR: libc::c_ulong = 0x401C_5820;

/// `struct fsxattr`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    pub flags: u32,
    pub extent_size: u32,
    pub extents: u32,
    pub project: u32,
    pub cow_extent_size: u32,
    pub padding: [u8; 8],
}

const _: () = assert!(size_of::<Extended>() == 28);

impl Extended {
    /// Of `linux/fs.h`: `FS_XFLAG_*`.
    pub const IMMUTABLE: u32 = 0x8;
    pub const NODUMP: u32 = 0x80;
    pub const EXTENT_SIZE: u32 = 0x800;
    pub const NO_DEFRAG: u32 = 0x2000;

    pub fn get(file: &File) -> io::Result<Self> {
        let mut found = Self::default();
        // SAFETY: the ioctl writes a structure of this layout.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FSGETXATTR, &raw mut found) };
        check(result).map(|()| found)
    }

    pub fn set(&self, file: &File) -> io::Result<()> {
        // SAFETY: the ioctl reads a structure of this layout.
        check(unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FSSETXATTR, &raw const *self) })
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

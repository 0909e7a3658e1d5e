// SPDX-License-Identifier: GPL-2.0

//! Inode flags, as `chattr` sets them.

use std::fs::File;
use std::io;

use rustix::fs::{ioctl_getflags, ioctl_setflags, IFlags};

/// `chattr +C`: data is overwritten in place. For empty files.
pub fn set_no_cow(file: &File) -> io::Result<()> {
    let flags = ioctl_getflags(file)?;
    Ok(ioctl_setflags(file, flags | IFlags::NOCOW)?)
}

// SPDX-License-Identifier: GPL-2.0

//! Extended attributes.

use std::fs::File;
use std::io;

use rustix::fs::{fremovexattr, fsetxattr, XattrFlags};

pub fn set(file: &File, name: &str, value: &[u8]) -> io::Result<()> {
    Ok(fsetxattr(file, name, value, XattrFlags::empty())?)
}

pub fn remove(file: &File, name: &str) -> io::Result<()> {
    Ok(fremovexattr(file, name)?)
}

// SPDX-License-Identifier: GPL-2.0

//! A loop device: a file as a disk.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context as _, Result};

use crate::data::mirror::{open, open_read};

/// Of `linux/loop.h`.
const LOOP_SET_FD: libc::c_ulong = 0x4C00;
const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_SET_STATUS64: libc::c_ulong = 0x4C04;
const LOOP_SET_DIRECT_IO: libc::c_ulong = 0x4C08;

/// `struct loop_info64`; what is not named here is 0.
#[repr(C)]
#[derive(Default)]
struct LoopInfo {
    device: [u64; 3],
    offset: u64,
    length: u64,
    numbers: [u32; 4],
    names: [[u64; 8]; 2],
    key: [u64; 4],
    init: [u64; 2],
}

const _: () = assert!(size_of::<LoopInfo>() == 232);

/// The file's until this is dropped.
pub struct LoopDevice {
    device: File,
}

impl LoopDevice {
    /// The name in `/sys/block`.
    pub const NAME: &str = "loop0";

    /// Reads and writes `file` by direct I/O, several requests at a time.
    pub fn direct(file: &File) -> Result<Self> {
        let device = open(&Self::path(), 0)?;
        control(&device, LOOP_SET_FD, file.as_raw_fd()).context("LOOP_SET_FD")?;
        let mut device = Self { device };
        control(&device.device, LOOP_SET_DIRECT_IO, 1).context("LOOP_SET_DIRECT_IO")?;
        let state = Path::new("/sys/block").join(Self::NAME).join("loop/dio");
        let direct = fs::read_to_string(state).context("no loop/dio in sysfs")?;
        ensure!(direct.trim() == "1", "the loop device does buffered I/O");
        // What is open for writing cannot be mounted.
        device.device = open_read(&Self::path(), 0)?;
        Ok(device)
    }

    /// `length` bytes of `file` from `offset` on, for others to mount.
    pub fn part(file: &File, offset: u64, length: u64) -> Result<Self> {
        let device = open(&Self::path(), 0)?;
        control(&device, LOOP_SET_FD, file.as_raw_fd()).context("LOOP_SET_FD")?;
        // Who could write to it would keep it from being mounted.
        let device = Self {
            device: open_read(&Self::path(), 0)?,
        };
        let mut info = LoopInfo {
            offset,
            length,
            ..LoopInfo::default()
        };
        // SAFETY: the ioctl reads a structure of this layout.
        let result =
            unsafe { libc::ioctl(device.device.as_raw_fd(), LOOP_SET_STATUS64, &raw mut info) };
        ensure!(
            result == 0,
            "LOOP_SET_STATUS64: {}",
            io::Error::last_os_error()
        );
        Ok(device)
    }

    pub fn path() -> PathBuf {
        Path::new("/dev").join(Self::NAME)
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if let Err(error) = control(&self.device, LOOP_CLR_FD, 0) {
            eprintln!("cannot detach the loop device: {error}");
        }
    }
}

fn control(device: &File, request: libc::c_ulong, argument: RawFd) -> io::Result<()> {
    // SAFETY: these ioctls take an integer.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), request, argument) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

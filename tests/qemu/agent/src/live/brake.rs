// SPDX-License-Identifier: GPL-2.0

//! A disk whose writes stop on demand, and go on later: a loop device over a file
//! of a filesystem that can be frozen.
//!
//! The device serves one request after the other, so that a write which waits
//! holds up the reads behind it, too.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::MIB;
use crate::context::Context;
use crate::data::mirror::{open, open_read};
use crate::disk as block;
use crate::mounts::Mount;
use crate::sys::freeze;
use crate::sys::loop_device::LoopDevice;

/// Fields are dropped in this order.
pub struct Disk {
    loop_device: LoopDevice,
    image: PathBuf,
    below: Mount,
}

impl Disk {
    /// A copy of the disk of that role.
    pub fn copy_of(context: &Context, role: &str) -> Result<Self> {
        let below = Mount::disk(context, "ext4")?;
        let image = below.path().join("image");
        copy(
            &open_read(&context.disk(role)?.path(), 0)?,
            &File::create(&image).context("cannot make the image")?,
        )?;
        let loop_device = LoopDevice::direct(&open(&image, libc::O_DIRECT)?)?;
        Ok(Self {
            loop_device,
            image,
            below,
        })
    }

    /// Mounts the filesystem on it.
    pub fn mount(&self, kind: &str) -> Result<Mount> {
        Mount::device(&LoopDevice::path(), kind, "slow")
    }

    /// No write gets through from here on.
    pub fn stop(&self) -> Result<Stopped<'_>> {
        let directory = File::open(self.below.path()).context("cannot open what to freeze")?;
        freeze::freeze(&directory).context("FIFREEZE")?;
        Ok(Stopped {
            directory,
            _disk: self,
        })
    }

    /// The disk takes so many requests at a time, and whoever has another one sleeps,
    /// until this is dropped. Nothing may be in flight then.
    pub fn limit_requests(&self, number: usize) -> Result<FewRequests> {
        let disk = block::Disk::by_name(LoopDevice::NAME);
        let usual = disk.attribute(REQUESTS)?;
        disk.set_attribute(REQUESTS, &number.to_string())?;
        Ok(FewRequests { disk, usual })
    }

    /// Gives the space back; the filesystem on the disk is not mounted any more.
    pub fn remove(self) -> Result<()> {
        let Self {
            loop_device,
            image,
            below,
        } = self;
        drop(loop_device);
        fs::remove_file(&image).context("cannot remove the image")?;
        drop(below);
        Ok(())
    }
}

const REQUESTS: &str = "queue/nr_requests";

/// The disk takes few requests at a time until this is dropped.
pub struct FewRequests {
    disk: block::Disk,
    usual: String,
}

impl Drop for FewRequests {
    fn drop(&mut self) {
        if let Err(error) = self.disk.set_attribute(REQUESTS, &self.usual) {
            eprintln!("{error:#}");
        }
    }
}

/// Writes wait until this is dropped.
pub struct Stopped<'a> {
    directory: File,
    _disk: &'a Disk,
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if let Err(error) = freeze::thaw(&self.directory) {
            eprintln!("cannot thaw: {error}");
        }
    }
}

/// Copies what is not zero.
fn copy(from: &File, to: &File) -> Result<()> {
    let mut buffer = vec![0; MIB];
    let mut offset = 0;
    loop {
        let count = from.read_at(&mut buffer, offset).context("read")?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        if bytes.iter().any(|&byte| byte != 0) {
            to.write_all_at(bytes, offset).context("write")?;
        }
        offset += count as u64;
    }
    to.set_len(offset).context("cannot extend the image")?;
    to.sync_all().context("fsync")
}

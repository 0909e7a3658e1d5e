// SPDX-License-Identifier: GPL-2.0

//! The other filesystems of the guest, besides the one on the main disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::sys::mount;

/// A filesystem that is mounted until this is dropped.
pub struct Mount {
    target: PathBuf,
}

impl Mount {
    /// Mounts the disk of that role.
    pub fn disk(context: &Context, role: &str) -> Result<Self> {
        Self::device(&context.disk(role)?.path(), role, role)
    }

    /// Mounts a device below `/tmp`, in a directory of that name.
    pub fn device(device: &Path, kind: &str, name: &str) -> Result<Self> {
        let target = Path::new("/tmp").join(name);
        fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
        let options = match kind {
            // A copy of another disk has the other's name for itself.
            "xfs" => "nouuid",
            // Direct writes to files with checksums are buffered ones.
            "btrfs" => "nodatasum",
            _ => "",
        };
        mount::mount(device, &target, kind, options)?;
        Ok(Self { target })
    }

    pub fn path(&self) -> &Path {
        &self.target
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Err(error) = mount::unmount(&self.target) {
            eprintln!("{error:#}");
        }
    }
}

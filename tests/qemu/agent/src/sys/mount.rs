// SPDX-License-Identifier: GPL-2.0

//! Mounting and unmounting.

use std::ffi::CString;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, UnmountFlags};

/// Mounts `source` on `target`; `options` are the filesystem's own, separated by
/// commas.
pub fn mount(source: &Path, target: &Path, kind: &str, options: &str) -> Result<()> {
    mount_with(source, target, kind, MountFlags::empty(), options)
}

/// As [`mount`], with flags for every kind of filesystem.
pub fn mount_with(
    source: &Path,
    target: &Path,
    kind: &str,
    flags: MountFlags,
    options: &str,
) -> Result<()> {
    let data = CString::new(options).context("mount options with a NUL")?;
    rustix::mount::mount(source, target, kind, flags, data.as_c_str()).with_context(|| {
        format!(
            "cannot mount {} as {kind} on {}",
            source.display(),
            target.display()
        )
    })
}

pub fn unmount(target: &Path) -> Result<()> {
    rustix::mount::unmount(target, UnmountFlags::empty())
        .with_context(|| format!("cannot unmount {}", target.display()))
}

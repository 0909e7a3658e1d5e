// SPDX-License-Identifier: GPL-2.0

//! Mounting and unmounting.

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// Changes what is mounted there.
pub fn remount(target: &Path, flags: MountFlags, options: &str) -> io::Result<()> {
    let data = CString::new(options)?;
    Ok(rustix::mount::mount_remount(target, flags, &data)?)
}

pub fn unmount(target: &Path) -> Result<()> {
    rustix::mount::unmount(target, UnmountFlags::empty())
        .with_context(|| format!("cannot unmount {}", target.display()))
}

/// Where filesystems on disks are mounted, in that order; a place that has several is there
/// as often.
pub fn of_disks() -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mounts").context("no list of what is mounted")?;
    Ok(text.lines().filter_map(of_disk).collect())
}

/// The place in a line like `/dev/vdb /mnt script_fs rw,relatime 0 0`, if it has a disk.
fn of_disk(line: &str) -> Option<PathBuf> {
    let (source, rest) = line.split_once(' ')?;
    let (target, _) = rest.split_once(' ')?;
    source.starts_with("/dev/").then(|| target.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_of_a_disk_or_of_none() {
        let line = "/dev/vdb /mnt script_fs rw,relatime 0 0";
        assert_eq!(of_disk(line).as_deref(), Some(Path::new("/mnt")));
        assert_eq!(of_disk("configfs /sys/kernel/config configfs rw 0 0"), None);
        assert_eq!(of_disk(""), None);
    }
}

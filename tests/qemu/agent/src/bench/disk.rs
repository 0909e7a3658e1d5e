// SPDX-License-Identifier: GPL-2.0

//! The disks of a bench: memory, so that all that is counted is the processor's
//! work. The host's mkfs made the filesystem on a virtio disk; it is copied.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::RunSpec;

use crate::disk::Disk;
use crate::null_disk::NullDisk;
use crate::sys::huge::HugeBuf;
use crate::sys::mount;

/// Where the filesystem on the RAM disk is mounted.
pub const MOUNT_POINT: &str = "/mnt";

/// Where the one on another disk is.
const OTHER_MOUNT_POINT: &str = "/tmp/other";

/// RAM disks of the brd module: the filesystem's, and one without.
const MAIN: &str = "/dev/ram0";
pub const RAW: &str = "/dev/ram1";

/// The size of the main disk.
const SIZE_MIB: u64 = 640;

const CHUNK: usize = 256 << 10;

/// Copies the main disk to the RAM disk and mounts that.
pub fn prepare(spec: &RunSpec) -> Result<()> {
    let kind = spec.fs.as_deref().context("a bench needs a filesystem")?;
    copy_image(spec, Path::new(MAIN))?;
    mount::mount(Path::new(MAIN), Path::new(MOUNT_POINT), kind, "")
}

pub fn let_go() -> Result<()> {
    mount::unmount(Path::new(MOUNT_POINT))
}

/// Copies what is not zero: a new filesystem is little else.
fn copy_image(spec: &RunSpec, target: &Path) -> Result<()> {
    let path = Disk::of_run(spec, "main")?.path();
    // Not through the page cache: that would be most of what a short bench does.
    let source = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let disk = OpenOptions::new()
        .write(true)
        .open(target)
        .with_context(|| format!("cannot open {}", target.display()))?;
    let mut chunk = HugeBuf::new(CHUNK).context("no memory of huge pages")?;
    let zeros = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let count = source
            .read_at(&mut chunk, offset)
            .context("cannot read the disk")?;
        if count == 0 {
            break;
        }
        let data = chunk.get(..count).unwrap_or_default();
        if Some(data) != zeros.get(..count) {
            disk.write_all_at(data, offset)
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
        offset += count as u64;
    }
    disk.sync_all()
        .with_context(|| format!("cannot sync {}", target.display()))
}

/// A second copy, on a disk that can be polled for completions, or that is slow.
pub struct OtherDisk {
    _disk: NullDisk,
}

impl OtherDisk {
    pub fn polled(spec: &RunSpec) -> Result<Self> {
        Self::mount(spec, NullDisk::with_poll_queue_of(SIZE_MIB)?)
    }

    /// What is written to it is in flight for long.
    pub fn slow(spec: &RunSpec) -> Result<Self> {
        Self::mount(spec, NullDisk::slow_of(SIZE_MIB)?)
    }

    fn mount(spec: &RunSpec, disk: NullDisk) -> Result<Self> {
        let kind = spec.fs.as_deref().context("a bench needs a filesystem")?;
        copy_image(spec, &disk.path())?;
        fs::create_dir_all(OTHER_MOUNT_POINT).context("cannot make a mount point")?;
        // XFS does not mount two filesystems of one UUID, unless told to.
        let options = if kind == "xfs" { "nouuid" } else { "" };
        mount::mount(&disk.path(), Path::new(OTHER_MOUNT_POINT), kind, options)?;
        Ok(Self { _disk: disk })
    }

    pub fn root(&self) -> &Path {
        Path::new(OTHER_MOUNT_POINT)
    }

    /// Unmounts, then removes the disk.
    pub fn remove(self) -> Result<()> {
        mount::unmount(self.root())
    }
}

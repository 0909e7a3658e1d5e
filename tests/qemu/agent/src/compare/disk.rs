// SPDX-License-Identifier: GPL-2.0

//! The disk of a comparison: a null_blk device, whose requests are complete when
//! the processor says so and not when the host does. It has a write cache and FUA.
//! The host's mkfs made the filesystem on a virtio disk; it is copied, and in the
//! end copied back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::{CompareSpec, RunSpec};
use rustix::mount::MountFlags;

use crate::data::mirror::open;
use crate::disk::Disk;
use crate::init::MOUNT_POINT;
use crate::null_disk::NullDisk;
use crate::sys::huge::HugeBuf;
use crate::sys::mount;

const CHUNK: usize = 256 << 10;

/// How trace events name a device.
pub struct EventDevices {
    /// `MAJOR,MINOR`
    pub block: String,
    /// `MAJOR:MINOR`
    pub iomap: String,
}

/// The mounted disk.
pub struct CompareDisk {
    disk: NullDisk,
    kind: String,
}

/// Copies the main disk and mounts the copy.
pub fn prepare(spec: &RunSpec) -> Result<CompareDisk> {
    let kind = spec.fs.as_deref().context("nothing to mount")?;
    let main = Disk::of_run(spec, CompareSpec::MAIN)?;
    let bytes = main.number::<u64>("size")? * 512;
    let disk = NullDisk::with_cache_of(bytes >> 20)?;
    copy(&main.path(), &disk.path(), bytes)?;
    let disk = CompareDisk {
        disk,
        kind: kind.to_owned(),
    };
    disk.mount()?;
    Ok(disk)
}

impl CompareDisk {
    pub fn event_devices(&self) -> Result<EventDevices> {
        let block = self.disk.disk().event_device()?;
        let iomap = block.replace(',', ":");
        Ok(EventDevices { block, iomap })
    }

    fn mount(&self) -> Result<()> {
        // Else reads write, and what is written depends on the time.
        let flags = MountFlags::NOATIME | MountFlags::LAZYTIME;
        let options = match self.kind.as_str() {
            // In seconds: so late that the journal's timer does not come. And whether a
            // caller of syncfs() flushes, or the journal, depends on who is first.
            "ext4" => "commit=7200,nobarrier",
            // Else the group of a directory in the root is a matter of chance.
            "ext2" => "oldalloc",
            _ => "",
        };
        let target = Path::new(MOUNT_POINT);
        mount::mount_with(&self.disk.path(), target, &self.kind, flags, options)
    }

    /// Forgets all that is in memory, and begins the time anew after which the kernel
    /// writes back what is dirty. No file may be open.
    pub fn remount(&self) -> Result<()> {
        mount::unmount(Path::new(MOUNT_POINT))?;
        self.mount()
    }

    /// Unmounts, and copies what is there now to the disk of that role.
    pub fn save(self, spec: &RunSpec, role: &str) -> Result<()> {
        mount::unmount(Path::new(MOUNT_POINT))?;
        let target = Disk::of_run(spec, role)?;
        let bytes = target.number::<u64>("size")? * 512;
        copy(&self.disk.path(), &target.path(), bytes)
    }
}

/// Copies what differs: most of both is zeros. Not through the page cache, in which
/// the filesystem would find it.
fn copy(from: &Path, to: &Path, bytes: u64) -> Result<()> {
    let (source, target) = (open(from, libc::O_DIRECT)?, open(to, libc::O_DIRECT)?);
    let mut new = HugeBuf::new(CHUNK).context("no memory of huge pages")?;
    let mut old = HugeBuf::new(CHUNK).context("no memory of huge pages")?;
    for offset in (0..bytes).step_by(CHUNK) {
        ensure!(bytes - offset >= CHUNK as u64, "a disk of odd size");
        read(&source, from, &mut new, offset)?;
        read(&target, to, &mut old, offset)?;
        if *new != *old {
            target
                .write_all_at(&new, offset)
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
    }
    target
        .sync_all()
        .with_context(|| format!("cannot sync {}", to.display()))
}

fn read(file: &File, path: &Path, into: &mut HugeBuf, offset: u64) -> Result<()> {
    file.read_exact_at(into, offset)
        .with_context(|| format!("cannot read {}", path.display()))
}

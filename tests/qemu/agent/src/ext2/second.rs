// SPDX-License-Identifier: GPL-2.0

//! A small filesystem on a disk of its own, for tests that fill it, mount it in
//! odd ways or write to its disk behind its back.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{statvfs, syncfs, StatVfs};
use rustix::mount::MountFlags;

use crate::context::Context;
use crate::data::mirror::{open, open_read};
use crate::sys::buffer::AlignedBuf;
use crate::sys::mount;

const ROLE: &str = "small";
const MOUNT_POINT: &str = "/tmp/small";

/// Mounted until this is dropped.
pub struct Second {
    mounted: bool,
}

impl Second {
    /// Mounts it with the options of its type.
    pub fn mount(context: &Context, options: &str) -> Result<Self> {
        Self::mount_as(context, context.fs(), options)
    }

    /// Mounts it as another type.
    pub fn mount_as(context: &Context, kind: &str, options: &str) -> Result<Self> {
        Self::mount_with(context, kind, MountFlags::empty(), options)
    }

    /// Mounts it with flags that all filesystems have.
    pub fn mount_flags(context: &Context, flags: MountFlags) -> Result<Self> {
        Self::mount_with(context, context.fs(), flags, "")
    }

    fn mount_with(context: &Context, kind: &str, flags: MountFlags, options: &str) -> Result<Self> {
        fs::create_dir_all(MOUNT_POINT).context("cannot make the mount point")?;
        mount::mount_with(&device(context)?, Self::root(), kind, flags, options)?;
        Ok(Self { mounted: true })
    }

    /// The root of the filesystem.
    pub fn root() -> &'static Path {
        Path::new(MOUNT_POINT)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        Self::root().join(name)
    }

    /// What it says of its space.
    pub fn space(&self) -> Result<StatVfs> {
        self.sync()?;
        statvfs(Self::root()).context("statvfs")
    }

    pub fn sync(&self) -> Result<()> {
        let root = File::open(Self::root()).context("cannot open the root")?;
        syncfs(&root).context("syncfs")
    }

    /// Removes everything but `lost+found`.
    pub fn clear(&self) -> Result<()> {
        clear()
    }

    /// Unmounts it and tells if that does not work.
    pub fn unmount(mut self) -> Result<()> {
        let result = mount::unmount(Self::root());
        self.mounted = result.is_err();
        result
    }

    /// Unmounts it and mounts it again.
    pub fn again(self, context: &Context) -> Result<Self> {
        self.unmount()?;
        Self::mount(context, "")
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        if !self.mounted {
            return;
        }
        // A test has failed: the next one shall find what it expects.
        if let Err(error) = clear().and_then(|()| mount::unmount(Self::root())) {
            eprintln!("{error:#}");
        }
    }
}

/// Removes everything but `lost+found`.
fn clear() -> Result<()> {
    for entry in fs::read_dir(MOUNT_POINT)? {
        let path = entry?.path();
        let result = match fs::symlink_metadata(&path)?.is_dir() {
            true if path.ends_with("lost+found") => continue,
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        result.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn device(context: &Context) -> Result<PathBuf> {
    Ok(context.disk(ROLE)?.path())
}

/// Bytes of the disk, past the filesystem. What a mounted one has written is
/// seen, what it has not is not.
pub fn read_disk<const N: usize>(context: &Context, offset: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    open_read(&device(context)?, 0)?
        .read_exact_at(&mut bytes, offset)
        .context("cannot read the disk")?;
    Ok(bytes)
}

/// Writes bytes of the disk: of any while nothing is mounted, else of metadata, which is in
/// the page cache of the device for both.
pub fn write_disk(context: &Context, offset: u64, bytes: &[u8]) -> Result<()> {
    let disk = open(&device(context)?, 0)?;
    disk.write_all_at(bytes, offset)
        .context("cannot write the disk")?;
    disk.sync_all().context("fsync of the disk")
}

/// The first block of a directory's or file's data as it is on the disk, whatever is in
/// page caches.
pub fn data_on_disk(context: &Context, inode: u64) -> Result<AlignedBuf> {
    let mut bytes = AlignedBuf::new(usize::try_from(context.block_size()?)?)?;
    let place = place_of_data(context, inode)?;
    open_read(&device(context)?, libc::O_DIRECT)?
        .read_exact_at(&mut bytes, place)
        .context("cannot read the disk")?;
    Ok(bytes)
}

/// Changes bytes of the disk while nothing is mounted.
pub fn edit_disk(
    context: &Context,
    offset: u64,
    length: usize,
    edit: impl FnOnce(&mut [u8]),
) -> Result<()> {
    let mut bytes = vec![0; length];
    open_read(&device(context)?, 0)?
        .read_exact_at(&mut bytes, offset)
        .context("cannot read the disk")?;
    edit(&mut bytes);
    write_disk(context, offset, &bytes)
}

/// Where the descriptor of the group is, in bytes of the disk, which has one.
pub fn place_of_descriptor(context: &Context) -> Result<u64> {
    let block = context.block_size()?;
    Ok(if block == 1024 { 2 * block } else { block })
}

/// Where an inode is, in bytes of the disk.
pub fn place_of_inode(context: &Context, inode: u64) -> Result<u64> {
    let block = context.block_size()?;
    let table = u32::from_le_bytes(read_disk(context, place_of_descriptor(context)? + 8)?);
    let size = u16::from_le_bytes(read_disk(context, 1024 + 88)?);
    Ok(u64::from(table) * block + (inode - 1) * u64::from(size))
}

/// Where the first block of an inode's data is, in bytes of the disk.
pub fn place_of_data(context: &Context, inode: u64) -> Result<u64> {
    const POINTERS: u64 = 40;
    let place = place_of_inode(context, inode)? + POINTERS;
    let first = u32::from_le_bytes(read_disk(context, place)?);
    Ok(u64::from(first) * context.block_size()?)
}

// SPDX-License-Identifier: GPL-2.0

//! What a filesystem is.

use super::{EvictedInode, Inode, InodeRef, SeqFile, StatFs, SuperBlock, UnsizedSuperBlock};
use kernel::{init::PinInit, prelude::*, str::CStr};

/// A filesystem on a block device. C: `struct file_system_type`,
/// `struct fs_context_operations` and `struct super_operations`.
///
/// Methods run in a task that may sleep, unless they say otherwise.
pub trait FileSystem: Sized + Send + Sync + 'static {
    /// Its name, as `mount -t` has it.
    const NAME: &'static CStr;

    /// Mount options. C: `fs_private` of `struct fs_context`.
    type Options: Send + Sync + 'static;
    /// What it keeps for a mounted device. C: `s_fs_info`.
    type Super: Send + Sync + 'static;
    /// What it keeps for an inode in memory, beside `struct inode`. Dropped
    /// after a grace period, in a context that must not sleep.
    type Node: Send + Sync + 'static;

    /// An inode's data as it is allocated, before it is known what it is for.
    fn node() -> impl PinInit<Self::Node>;

    /// The options before any is given: those of `mounted`, if it is to be
    /// remounted.
    fn options(mounted: Option<&SuperBlock<Self>>) -> Result<Self::Options>;

    /// Takes an option. C: `parse_param`.
    fn option(options: &mut Self::Options, key: &str, value: Option<&str>) -> Result;

    /// Reads the superblock and returns the root directory. Nothing else uses
    /// the device or the superblock. C: `fill_super`.
    fn fill_super(
        sb: UnsizedSuperBlock<'_, Self>,
        options: Self::Options,
        silent: bool,
    ) -> Result<InodeRef<'_, Self>>;

    /// Mounts anew with other options. No file is open for writing if
    /// `read_only`. `s_umount` is held. C: `reconfigure`.
    fn reconfigure(sb: &SuperBlock<Self>, options: Self::Options, read_only: bool) -> Result;

    /// Says how full the filesystem is. C: `statfs`.
    fn statfs(sb: &SuperBlock<Self>, stat: &mut StatFs) -> Result;

    /// Shows the options in force, as `,name=value`. C: `show_options`.
    fn show_options(sb: &SuperBlock<Self>, seq: &mut SeqFile) -> Result;

    /// Writes what the filesystem keeps of the superblock; data and inodes are
    /// under way. C: `sync_fs`.
    fn sync(sb: &SuperBlock<Self>, wait: bool) -> Result;

    /// Makes the image on the device a consistent one; there are no writers.
    /// C: `freeze_fs`.
    fn freeze(sb: &SuperBlock<Self>) -> Result;

    /// Goes on after [`Self::freeze`]. C: `unfreeze_fs`.
    fn unfreeze(sb: &SuperBlock<Self>) -> Result;

    /// The filesystem is unmounted; all inodes are gone. C: `put_super`.
    fn put_super(sb: &SuperBlock<Self>);

    /// An `fsync()` met an error of the device.
    fn sync_failed(sb: &SuperBlock<Self>);

    /// Writes an inode to its place, and to the device if `wait`.
    /// C: `write_inode`.
    fn write_inode(inode: &Inode<Self>, wait: bool) -> Result;

    /// Writes to the device what [`Self::write_inode`] has left in its page cache.
    fn sync_inode(inode: &Inode<Self>) -> Result;

    /// The inode leaves memory; if it has no link, its file is to be deleted.
    /// The page cache has been emptied. C: `evict_inode`.
    fn evict(inode: EvictedInode<'_, Self>);

    /// The inode of a file handle. C: `fh_to_dentry`, `fh_to_parent`.
    fn inode_of_handle(
        sb: &SuperBlock<Self>,
        ino: u64,
        generation: u32,
    ) -> Result<InodeRef<'_, Self>>;

    /// The parent of a directory. C: `get_parent`.
    fn parent_of(dir: &Inode<Self>) -> Result<InodeRef<'_, Self>>;
}

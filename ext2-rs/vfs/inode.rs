// SPDX-License-Identifier: GPL-2.0

//! Inodes that are in use.

use super::{error::check, inode_cache::Slot, FileSystem, SuperBlock};
use crate::sys as bindings;
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{prelude::*, types::Opaque};

/// What sort of file an inode is: the `S_IFMT` bits of its mode.
pub const S_IFMT: u16 = 0o170_000;
/// A directory.
pub const S_IFDIR: u16 = 0o040_000;
/// A regular file.
pub(super) const S_IFREG: u16 = 0o100_000;
/// A symbolic link.
pub const S_IFLNK: u16 = 0o120_000;

/// Times of a file in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub atime: i64,
    /// Last change of the data.
    pub mtime: i64,
    /// Last change of the inode.
    pub ctime: i64,
}

/// What the VFS is told to enforce. C: the `S_*` flags of an inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// Every write is to be synchronous.
    pub sync: bool,
    /// It can only be appended to.
    pub append: bool,
    /// It cannot be changed.
    pub immutable: bool,
    /// Accesses leave no trace.
    pub noatime: bool,
    /// Changes of the directory are to be synchronous.
    pub dirsync: bool,
}

/// An inode of a filesystem, with what that keeps for it. C: `struct inode`.
///
/// # Invariants
///
/// A reference is to an inode of `F` that is kept alive by somebody, as is its superblock,
/// and that has its data.
#[repr(transparent)]
pub struct Inode<F: FileSystem>(Opaque<bindings::inode>, PhantomData<F>);

// SAFETY: What is reached through a shared reference is for all tasks.
unsafe impl<F: FileSystem> Sync for Inode<F> {}

impl<F: FileSystem> Inode<F> {
    /// Borrows a C inode.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::inode) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C inode.
    pub(super) fn as_ptr(&self) -> *mut bindings::inode {
        self.0.get()
    }

    /// As the engine knows it.
    pub fn engine(&self) -> &iomap_rs::vfs::Inode {
        // SAFETY: By the type invariant.
        unsafe { iomap_rs::vfs::Inode::from_raw(self.as_ptr().cast()) }
    }

    /// Its page cache, as the engine knows it; [`EINVAL`] for devices and the like, which
    /// have none.
    pub fn cache(&self) -> Result<&iomap_rs::vfs::PageCache>
    where
        F: super::PageCache,
    {
        if !self.is_cached() {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant. It is filled by the operations of `F`
        // alone, which are the engine's.
        Ok(
            unsafe {
                iomap_rs::vfs::PageCache::from_raw((&raw mut (*self.as_ptr()).i_data).cast())
            },
        )
    }

    /// Whether it has operations that fill a page cache.
    pub(super) fn is_cached(&self) -> bool {
        // SAFETY: By the type invariant; every inode has a table of them.
        unsafe { (*(*self.as_ptr()).i_data.a_ops).read_folio.is_some() }
    }

    /// What the filesystem keeps for it.
    pub fn data(&self) -> &F::Node {
        // SAFETY: By the type invariant: an inode of `F` lies in a slot whose
        // data was made when it was allocated.
        unsafe { (*self.as_ptr().cast::<Slot<F>>()).node.assume_init_ref() }
    }

    /// The filesystem that it is of. C: `i_sb`.
    pub fn sb(&self) -> &SuperBlock<F> {
        // SAFETY: By the type invariant.
        unsafe { SuperBlock::from_raw((*self.as_ptr()).i_sb) }
    }

    /// Its number. C: `i_ino`.
    pub fn ino(&self) -> u32 {
        // SAFETY: By the type invariant. All numbers fit.
        unsafe { (*self.as_ptr()).i_ino as u32 }
    }

    /// Kind of file and permissions. C: `i_mode`.
    pub fn mode(&self) -> u16 {
        // SAFETY: By the type invariant. Readers may see an old one.
        unsafe { (&raw const (*self.as_ptr()).i_mode).read_volatile() }
    }

    /// Whether it is a directory. C: `S_ISDIR()`.
    pub fn is_dir(&self) -> bool {
        self.mode() & S_IFMT == S_IFDIR
    }

    /// Whether it is what is left of one that could not be read.
    /// C: `is_bad_inode()`.
    pub fn is_bad(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_is_bad_inode(self.as_ptr()) }
    }

    /// Its owner, as on disk. C: `i_uid_read()`.
    pub fn uid(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_i_uid_read(self.as_ptr()) }
    }

    /// Its group, as on disk. C: `i_gid_read()`.
    pub fn gid(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_i_gid_read(self.as_ptr()) }
    }

    /// Links to it. C: `i_nlink`.
    pub fn nlink(&self) -> u32 {
        // SAFETY: By the type invariant. Readers may see an old count.
        unsafe { (&raw const (*self.as_ptr()).__bindgen_anon_1.i_nlink).read_volatile() }
    }

    /// Size in bytes. C: `i_size_read()`.
    pub fn size(&self) -> u64 {
        self.engine().size() as u64
    }

    /// Its times.
    pub fn times(&self) -> Times {
        let inode = self.as_ptr();
        // SAFETY: By the type invariant.
        unsafe {
            Times {
                atime: bindings::fs_rs_atime(inode),
                mtime: bindings::fs_rs_mtime(inode),
                ctime: bindings::fs_rs_ctime(inode),
            }
        }
    }

    /// Which of those that had its number it is. C: `i_generation`.
    pub fn generation(&self) -> u32 {
        self.generation_cell().load(Ordering::Relaxed)
    }

    /// Sets the generation.
    pub fn set_generation(&self, generation: u32) {
        self.generation_cell().store(generation, Ordering::Relaxed);
    }

    fn generation_cell(&self) -> &AtomicU32 {
        // SAFETY: By the type invariant.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.as_ptr()).i_generation) }
    }

    /// Major and minor number of the device that it stands for.
    pub fn device(&self) -> (u32, u32) {
        let inode = self.as_ptr();
        // SAFETY: By the type invariant; set before the inode is in use.
        unsafe { (bindings::fs_rs_major(inode), bindings::fs_rs_minor(inode)) }
    }

    /// Space it takes, in sectors of 512 bytes. C: `i_blocks`.
    pub fn sectors(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_blocks(self.as_ptr()) }
    }

    /// Counts sectors as taken, or given back.
    pub fn add_sectors(&self, sectors: i64) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_add_blocks(self.as_ptr(), sectors) }
    }

    /// Has the inode written some time. May sleep. C: `mark_inode_dirty()`.
    pub fn mark_dirty(&self) {
        let what = bindings::I_DIRTY_INODE | bindings::I_DIRTY_PAGES;
        // SAFETY: By the type invariant.
        unsafe { bindings::__mark_inode_dirty(self.as_ptr(), what as i32) }
    }

    /// The inode changed now. C: `inode_set_ctime_current()`.
    pub fn touch_ctime(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::inode_set_ctime_current(self.as_ptr()) };
    }

    /// Data and inode changed now.
    pub fn touch(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_touch_mtime_ctime(self.as_ptr()) }
    }

    /// The inode changed when `other` did.
    pub fn set_ctime_of(&self, other: &Self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::fs_rs_copy_ctime(self.as_ptr(), other.as_ptr()) }
    }

    /// Has the VFS enforce what flags of the file say.
    pub fn enforce(&self, what: Enforced) {
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        let all = bindings::S_SYNC
            | bindings::S_APPEND
            | bindings::S_IMMUTABLE
            | bindings::S_NOATIME
            | bindings::S_DIRSYNC;
        let set = flag(what.sync, bindings::S_SYNC)
            | flag(what.append, bindings::S_APPEND)
            | flag(what.immutable, bindings::S_IMMUTABLE)
            | flag(what.noatime, bindings::S_NOATIME)
            | flag(what.dirsync, bindings::S_DIRSYNC);
        // SAFETY: By the type invariant; changes atomically.
        unsafe { bindings::inode_set_flags(self.as_ptr(), set, all) }
    }

    /// Whether it can only be appended to, or not be changed at all.
    pub fn is_append_or_immutable(&self) -> bool {
        // SAFETY: By the type invariant. A racing change is harmless.
        let flags = unsafe { (&raw const (*self.as_ptr()).i_flags).read_volatile() };
        flags & (bindings::S_APPEND | bindings::S_IMMUTABLE) != 0
    }

    /// Whether changes are to be written at once. C: `inode_needs_sync()`.
    pub fn needs_sync(&self) -> bool {
        self.engine().is_sync() || self.is_dir() && self.is_dirsync()
    }

    /// Whether changes of the directory are to be written at once.
    /// C: `IS_DIRSYNC()`.
    pub fn is_dirsync(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_is_dirsync(self.as_ptr()) }
    }

    /// Waits for a [`write_inode`](super::FileSystem::write_inode) that has begun. Sleeps.
    /// C: `inode_wait_for_writeback()`.
    pub(super) fn wait_for_write(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::fs_rs_wait_for_write_inode(self.as_ptr()) })
    }

    /// Whether something of the inode or its blocks of metadata that is needed to find its
    /// data was not written yet, or only to the device's page cache. C:
    /// `I_DIRTY_DATASYNC` and `i_private_list`.
    #[inline]
    pub fn is_datasync_dirty(&self) -> bool {
        // SAFETY: By the type invariant; flags and the head of a list, which are looked at,
        // at any time.
        unsafe {
            let state = (&raw const (*self.as_ptr()).i_state).read_volatile();
            let head = &raw const (*(*self.as_ptr()).i_mapping).i_private_list;
            let first = (&raw const (*head).next).read_volatile();
            state & bindings::I_DIRTY_DATASYNC != 0 || first.cast_const() != head
        }
    }

    /// Writes the blocks of metadata that were marked for the inode, and the
    /// inode itself, and waits. C: `sync_mapping_buffers()`,
    /// `sync_inode_metadata()`.
    pub fn sync_metadata(&self) -> Result {
        // SAFETY: By the type invariant.
        unsafe {
            let buffers = check(bindings::sync_mapping_buffers((*self.as_ptr()).i_mapping));
            check(bindings::sync_inode_metadata(self.as_ptr(), 1))?;
            buffers
        }
    }

    /// Drops clean pages of the bytes `start..=end` from the page cache.
    /// C: `invalidate_mapping_pages()`.
    pub fn drop_clean_pages(&self, start: u64, end: u64) {
        let page = bindings::PAGE_SIZE as u64;
        // SAFETY: By the type invariant.
        unsafe {
            bindings::invalidate_mapping_pages(
                (*self.as_ptr()).i_mapping,
                (start / page) as _,
                (end / page) as _,
            );
        }
    }
}

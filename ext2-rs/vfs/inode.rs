// SPDX-License-Identifier: GPL-2.0

//! Inodes that are in use.

use super::{
    error::{check, check_ptr},
    inode_cache::Slot,
    FileSystem, SuperBlock,
};
use crate::sys as bindings;
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{prelude::*, types::Opaque};

/// What sort of file an inode is: the `S_IFMT` bits of its mode.
pub const S_IFMT: u16 = 0o170_000;
/// A directory.
pub const S_IFDIR: u16 = 0o040_000;
/// A regular file.
pub const S_IFREG: u16 = 0o100_000;
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
/// A reference is to an inode of `F` that is kept alive by somebody, and has its
/// data.
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

    /// Its page cache, as the engine knows it.
    pub fn cache(&self) -> &iomap_rs::vfs::PageCache
    where
        F: super::PageCache,
    {
        // SAFETY: By the type invariant. It is filled by the operations of `F`
        // alone, which are the engine's, or it is empty.
        unsafe { iomap_rs::vfs::PageCache::from_raw((&raw mut (*self.as_ptr()).i_data).cast()) }
    }

    /// What the filesystem keeps for it.
    pub fn data(&self) -> &F::Node {
        // SAFETY: By the type invariant: an inode of `F` lies in a slot whose
        // data was made when it was allocated.
        unsafe { (*self.as_ptr().cast::<Slot<F>>()).node.assume_init_ref() }
    }

    /// The filesystem that it is of. C: `i_sb`.
    pub fn sb(&self) -> &SuperBlock<F> {
        // SAFETY: By the type invariant; an inode keeps its superblock.
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

    /// Whether it is a regular file. C: `S_ISREG()`.
    pub fn is_regular(&self) -> bool {
        self.mode() & S_IFMT == S_IFREG
    }

    /// Whether it is a symbolic link. C: `S_ISLNK()`.
    pub fn is_symlink(&self) -> bool {
        self.mode() & S_IFMT == S_IFLNK
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

    /// As [`Self::sync_metadata`], for the inode alone.
    pub fn sync_inode(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::sync_inode_metadata(self.as_ptr(), 1) })
    }

    /// Locks the inode against others that change it. Sleeps.
    /// C: `inode_lock()`.
    pub fn lock(&self) -> InodeGuard<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_lock(self.as_ptr()) };
        // INVARIANT: Just locked.
        InodeGuard(Exclusive(self))
    }

    /// As [`Self::lock`], but [`EAGAIN`] if it would sleep.
    /// C: `inode_trylock()`.
    pub fn try_lock(&self) -> Result<InodeGuard<'_, F>> {
        // SAFETY: By the type invariant.
        if unsafe { bindings::fs_rs_inode_trylock(self.as_ptr()) } {
            // INVARIANT: Just locked.
            Ok(InodeGuard(Exclusive(self)))
        } else {
            Err(EAGAIN)
        }
    }

    /// Locks the inode against those that change it. Sleeps, unless `nowait`:
    /// [`EAGAIN`] then. C: `inode_lock_shared()`.
    pub fn lock_shared(&self, nowait: bool) -> Result<SharedGuard<'_, F>> {
        // SAFETY: By the type invariant.
        unsafe {
            if !nowait {
                bindings::fs_rs_inode_lock_shared(self.as_ptr());
            } else if !bindings::fs_rs_inode_trylock_shared(self.as_ptr()) {
                return Err(EAGAIN);
            }
        }
        // INVARIANT: Just locked.
        Ok(SharedGuard(self))
    }

    /// Waits for direct I/O that is under way. The caller keeps more from being
    /// started. C: `inode_dio_wait()`.
    pub fn wait_for_direct_io(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_inode_dio_wait(self.as_ptr()) }
    }

    /// Keeps the page cache from being filled: locks against page faults and
    /// readahead. Sleeps. C: `filemap_invalidate_lock()`.
    pub fn lock_cache(&self) -> CacheGuard<'_, F> {
        // SAFETY: By the type invariant.
        unsafe { bindings::fs_rs_invalidate_lock((*self.as_ptr()).i_mapping) };
        // INVARIANT: Just locked.
        CacheGuard(self)
    }

    /// Another reference. C: `ihold()`.
    pub fn hold(&self) -> InodeRef<F> {
        // SAFETY: By the type invariant, there is a reference.
        unsafe { bindings::ihold(self.as_ptr()) };
        // INVARIANT: Just counted.
        InodeRef(NonNull::from(self))
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

/// A counted reference to an inode. Dropping it may be the inode's end, which
/// sleeps.
///
/// # Invariants
///
/// Points to a live inode and accounts for one of its references.
pub struct InodeRef<F: FileSystem>(NonNull<Inode<F>>);

impl<F: FileSystem> InodeRef<F> {
    /// Takes over a reference of C's.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::inode>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr.cast())
    }

    /// Gives the reference to C.
    pub(super) fn into_raw(self) -> *mut bindings::inode {
        ManuallyDrop::new(self).as_ptr()
    }

    /// The dentry of an inode that was found by its number. C: `d_obtain_alias()`.
    pub(super) fn into_dentry(self) -> Result<*mut bindings::dentry> {
        // SAFETY: The reference is given away.
        check_ptr(unsafe { bindings::d_obtain_alias(self.into_raw()) }).map(NonNull::as_ptr)
    }
}

impl<F: FileSystem> Deref for InodeRef<F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        // SAFETY: Live by the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<F: FileSystem> Drop for InodeRef<F> {
    fn drop(&mut self) {
        // SAFETY: The reference is given back.
        unsafe { bindings::iput(self.as_ptr()) }
    }
}

/// An inode that nobody else changes: its lock is held, or nobody else has it.
/// C: `i_rwsem`, held for writing.
///
/// # Invariants
///
/// As it says, for `'a`.
pub struct Exclusive<'a, F: FileSystem>(&'a Inode<F>);

impl<F: FileSystem> Clone for Exclusive<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: FileSystem> Copy for Exclusive<'_, F> {}

impl<F: FileSystem> Deref for Exclusive<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        self.0
    }
}

impl<'a, F: FileSystem> Exclusive<'a, F> {
    /// Says that an inode is nobody else's.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(super) unsafe fn new(inode: &'a Inode<F>) -> Self {
        // INVARIANT: By the contract.
        Self(inode)
    }

    /// As long as the inode is.
    pub fn inode(self) -> &'a Inode<F> {
        self.0
    }

    /// Sets the size in bytes, no matter what is in the page cache.
    /// C: `i_size_write()`.
    pub fn set_size(self, size: u64) {
        self.engine().set_size(size.min(i64::MAX as u64) as i64);
    }

    /// Sets the size in bytes, and drops what is in the page cache behind it.
    /// Sleeps. C: `truncate_setsize()`.
    pub fn truncate_cache(self, size: u64) {
        let size = size.min(i64::MAX as u64) as i64;
        // SAFETY: By the type invariant.
        unsafe { bindings::truncate_setsize(self.as_ptr(), size) }
    }

    /// Counts a link more. C: `inode_inc_link_count()`.
    pub fn add_link(self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::inc_nlink(self.as_ptr()) };
        self.mark_dirty();
    }

    /// Counts a link less, if there is one. C: `inode_dec_link_count()`.
    pub fn drop_link(self) {
        if self.nlink() > 0 {
            // SAFETY: By the type invariant.
            unsafe { bindings::drop_nlink(self.as_ptr()) };
        }
        self.mark_dirty();
    }

    /// Sets the permissions, the kind of file stays.
    pub fn set_permissions(self, mode: u16) {
        // SAFETY: By the type invariant.
        unsafe {
            let place = &raw mut (*self.as_ptr()).i_mode;
            place.write_volatile(self.mode() & S_IFMT | mode & !S_IFMT);
        }
    }
}

/// The lock of an inode, held. Dropping it unlocks.
///
/// # Invariants
///
/// Locked exclusively by whoever has the value.
pub struct InodeGuard<'a, F: FileSystem>(Exclusive<'a, F>);

impl<F: FileSystem> InodeGuard<'_, F> {
    /// The inode, while it is locked.
    pub fn exclusive(&self) -> Exclusive<'_, F> {
        self.0
    }
}

impl<F: FileSystem> Deref for InodeGuard<'_, F> {
    type Target = Inode<F>;

    fn deref(&self) -> &Inode<F> {
        self.0.inode()
    }
}

impl<F: FileSystem> Drop for InodeGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_inode_unlock(self.0.as_ptr()) }
    }
}

/// The lock of an inode, held with others. Dropping it unlocks.
///
/// # Invariants
///
/// Locked by whoever has the value.
pub struct SharedGuard<'a, F: FileSystem>(&'a Inode<F>);

impl<F: FileSystem> Drop for SharedGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_inode_unlock_shared(self.0.as_ptr()) }
    }
}

/// The lock of a page cache, held. Dropping it unlocks.
///
/// # Invariants
///
/// Locked exclusively by whoever has the value.
pub struct CacheGuard<'a, F: FileSystem>(&'a Inode<F>);

impl<F: FileSystem> Drop for CacheGuard<'_, F> {
    fn drop(&mut self) {
        // SAFETY: Locked, by the type invariant.
        unsafe { bindings::fs_rs_invalidate_unlock((*self.0.as_ptr()).i_mapping) }
    }
}

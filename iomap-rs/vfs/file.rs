// SPDX-License-Identifier: GPL-2.0

//! Open files and page caches.

use super::{check, Inode};
use crate::sys as bindings;
#[cfg(CONFIG_SWAP)]
use kernel::str::CStr;
use kernel::{prelude::*, types::Opaque};

/// An open file that somebody else keeps alive. C: `struct file`.
///
/// # Invariants
///
/// A reference is to an open file with inode and mapping.
#[repr(transparent)]
pub struct File(Opaque<bindings::file>);

impl File {
    /// Borrows a C file.
    ///
    /// # Safety
    ///
    /// `ptr` is a valid open file for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::file) -> &'a Self {
        // SAFETY: `File` is a transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The file's own inode. C: `file_inode()`.
    #[inline]
    pub fn inode(&self) -> &Inode {
        // SAFETY: By the type invariant; the file keeps its inode alive.
        unsafe { Inode::from_raw((*self.0.get()).f_inode) }
    }

    /// The page cache that holds the file's data. C: `f_mapping`.
    #[inline]
    pub fn mapping(&self) -> &AddressSpace {
        // SAFETY: By the type invariant; the file keeps its mapping alive.
        unsafe { AddressSpace::from_raw((*self.0.get()).f_mapping) }
    }

    /// Writes data, and metadata needed to find it, to stable storage. Sleeps.
    /// C: `vfs_fsync(file, 1)`.
    #[cfg(CONFIG_SWAP)]
    pub fn sync_data(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::vfs_fsync(self.0.get(), 1) })?;
        Ok(())
    }

    /// As [`Self::sync_data`], for bytes `start..=end`, with all metadata
    /// unless `data_only`. C: `vfs_fsync_range()`.
    pub fn sync_range(&self, start: i64, end: i64, data_only: bool) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::vfs_fsync_range(self.0.get(), start, end, data_only.into()) })?;
        Ok(())
    }

    /// Says in the kernel log that direct I/O met a delayed allocation.
    pub fn warn_dio_collision(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_dio_collision(self.0.get()) }
    }

    /// Records in the mapping, and says in the kernel log, that a page could not
    /// be dropped which direct I/O has made stale.
    #[cold]
    pub(super) fn warn_left_stale(&self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::iomap_rs_dio_left_stale(self.0.get()) }
    }

    /// Says in the kernel log why the file is no swap file.
    #[cfg(CONFIG_SWAP)]
    pub fn warn_no_swap_file(&self, why: &CStr) {
        // SAFETY: By the type invariant; `why` is NUL-terminated.
        unsafe { bindings::iomap_rs_swapon_failed(self.0.get(), why.as_char_ptr()) }
    }
}

/// A page cache that somebody else keeps alive. C: `struct address_space`.
///
/// # Invariants
///
/// A reference is to an initialised address space with a host.
#[repr(transparent)]
pub struct AddressSpace(Opaque<bindings::address_space>);

impl AddressSpace {
    /// Borrows a C address space.
    ///
    /// # Safety
    ///
    /// `ptr` is a valid address space with a host for all of `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::address_space) -> &'a Self {
        // SAFETY: Transparent wrapper; valid by the contract.
        unsafe { &*ptr.cast() }
    }

    /// The C address space.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::address_space {
        self.0.get()
    }

    /// How memory for it may be allocated. C: `mapping_gfp_mask()`.
    #[inline]
    pub(crate) fn gfp_mask(&self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.get()).gfp_mask }
    }

    /// The inode whose data is cached. C: `host`.
    #[inline]
    pub fn host(&self) -> &Inode {
        // SAFETY: By the type invariant.
        unsafe { Inode::from_raw((*self.0.get()).host) }
    }

    /// Writes all dirty pages and waits for them. Sleeps.
    /// C: `filemap_write_and_wait()`.
    pub fn write_and_wait(&self) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe { bindings::filemap_write_and_wait_range(self.0.get(), 0, i64::MAX) })?;
        Ok(())
    }
}

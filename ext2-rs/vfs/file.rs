// SPDX-License-Identifier: GPL-2.0

//! Regular files.

use super::{
    acl, attributes,
    error::{check, to_int},
    inode::{S_IFMT, S_IFREG},
    ioctl,
    request::serve,
    xattr, Attributes, FileSystem, Inode, NewInode, PageCache, Request,
};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::zeroed};
use iomap_rs::{
    buffered,
    operations::{Fault as ForFault, Map},
    vfs::{Fault, FaultFolio, FiemapInfo, IovIter},
};
use kernel::prelude::*;

/// Regular files. C: `struct inode_operations`, `struct file_operations` and
/// `struct vm_operations_struct` of regular files.
pub trait RegularFile: PageCache + Attributes {
    /// Maps for stores through mappings of the file.
    type Faulter<'a>: Map<ForFault>;

    /// For an inode that is stored to through a mapping. `invalidate_lock` is
    /// held in shared mode, and the folio is locked.
    fn faulter(inode: &Inode<Self>) -> Self::Faulter<'_>;

    /// Reads. C: `read_iter`.
    fn read(request: Request<'_, Self>, iter: &mut IovIter) -> Result<i64>;

    /// Writes. C: `write_iter`.
    fn write(request: Request<'_, Self>, iter: &mut IovIter) -> Result<i64>;

    /// Reports extents. C: `fiemap`.
    fn fiemap(inode: &Inode<Self>, info: &mut FiemapInfo, start: u64, len: u64) -> Result;

    /// Where data or a hole starts, at `pos` or behind it. C: `llseek` with
    /// `SEEK_DATA` and `SEEK_HOLE`.
    fn seek(inode: &Inode<Self>, pos: i64, data: bool) -> Result<i64>;
}

struct Table<F>(PhantomData<F>);

impl<F: RegularFile> Table<F> {
    const INODE: bindings::inode_operations = bindings::inode_operations {
        fiemap: Some(fiemap::<F>),
        fileattr_get: Some(attributes::fileattr_get::<F>),
        fileattr_set: Some(attributes::fileattr_set::<F>),
        get_inode_acl: Some(acl::get::<F>),
        getattr: Some(attributes::getattr::<F>),
        listxattr: Some(xattr::list::<F>),
        set_acl: Some(acl::set::<F>),
        setattr: Some(attributes::setattr::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };

    const FILE: bindings::file_operations = bindings::file_operations {
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: Some(ioctl::compat::<F>),
        fsync: Some(fsync::<F>),
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        get_unmapped_area: Some(bindings::thp_get_unmapped_area),
        llseek: Some(llseek::<F>),
        mmap: Some(mmap::<F>),
        open: Some(open),
        read_iter: Some(read_iter::<F>),
        splice_read: Some(bindings::filemap_splice_read),
        splice_write: Some(bindings::iter_file_splice_write),
        unlocked_ioctl: Some(ioctl::native::<F>),
        write_iter: Some(write_iter::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };

    const MAPPED: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(bindings::filemap_fault),
        map_pages: Some(bindings::filemap_map_pages),
        page_mkwrite: Some(page_mkwrite::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

impl<F: RegularFile> NewInode<'_, F> {
    /// Gives it the operations of a regular file; [`EINVAL`] if it is none by its mode.
    pub fn set_file_operations(&self) -> Result {
        self.set_operations(
            |mode| mode & S_IFMT == S_IFREG,
            &Table::<F>::INODE,
            Some(&Table::<F>::FILE),
            Some(&super::page_cache::Table::<F>::OPERATIONS),
        )
    }
}

/// # Safety
///
/// As for [`serve`].
unsafe extern "C" fn read_iter<F: RegularFile>(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By the contract.
    unsafe { serve(iocb, iter, F::read) }
}

/// # Safety
///
/// As for [`serve`].
unsafe extern "C" fn write_iter<F: RegularFile>(
    iocb: *mut bindings::kiocb,
    iter: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: By the contract.
    unsafe { serve(iocb, iter, F::write) }
}

/// # Safety
///
/// `file` is being opened.
unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> i32 {
    // SAFETY: By the contract, nobody else's yet.
    unsafe {
        (*file).f_mode |= bindings::FMODE_CAN_ODIRECT;
        bindings::generic_file_open(inode, file)
    }
}

/// # Safety
///
/// `file` is open, and of `F`.
pub(super) unsafe extern "C" fn fsync<F: FileSystem>(
    file: *mut bindings::file,
    start: bindings::loff_t,
    end: bindings::loff_t,
    data_only: i32,
) -> i32 {
    // SAFETY: By the contract.
    let inode = unsafe { Inode::<F>::from_raw((*file).f_inode) };
    let sync = || {
        // SAFETY: By the contract.
        check(unsafe {
            bindings::generic_buffers_fsync_noflush(file, start, end, data_only != 0)
        })?;
        inode.wait_for_write()?;
        F::sync_inode(inode)?;
        inode.sb().flush_device()
    };
    let synced = sync();
    if synced == Err(EIO) {
        F::sync_failed(inode.sb());
    }
    to_int(synced)
}

/// # Safety
///
/// `file` is open, and of `F`.
unsafe extern "C" fn llseek<F: RegularFile>(
    file: *mut bindings::file,
    offset: bindings::loff_t,
    whence: i32,
) -> bindings::loff_t {
    // SAFETY: By the contract.
    let inode = unsafe { Inode::<F>::from_raw((*file).f_inode) };
    let data = match u32::try_from(whence) {
        Ok(bindings::SEEK_DATA) => true,
        Ok(bindings::SEEK_HOLE) => false,
        // SAFETY: By the contract.
        _ => return unsafe { bindings::generic_file_llseek(file, offset, whence) },
    };
    match F::seek(inode, offset, data) {
        // SAFETY: By the contract.
        Ok(found) => unsafe { bindings::vfs_setpos(file, found, inode.sb().max_bytes() as i64) },
        Err(error) => error.to_errno().into(),
    }
}

/// # Safety
///
/// `file` is open, and of `F`; `area` is being made.
unsafe extern "C" fn mmap<F: RegularFile>(
    file: *mut bindings::file,
    area: *mut bindings::vm_area_struct,
) -> i32 {
    // SAFETY: By the contract.
    unsafe {
        bindings::fs_rs_file_accessed(file);
        (*area).vm_ops = &Table::<F>::MAPPED;
    }
    0
}

/// # Safety
///
/// `fault` is a write fault on a file of `F`.
unsafe extern "C" fn page_mkwrite<F: RegularFile>(
    fault: *mut bindings::vm_fault,
) -> bindings::vm_fault_t {
    // SAFETY: By the contract.
    unsafe {
        let file = (*(*fault).__bindgen_anon_1.vma).vm_file;
        let inode = Inode::<F>::from_raw((*file).f_inode);
        let sb = inode.sb().as_ptr();
        let mapping = (*inode.as_ptr()).i_mapping;
        bindings::fs_rs_start_pagefault(sb);
        bindings::file_update_time(file);
        bindings::fs_rs_invalidate_lock_shared(mapping);
        let fault = Fault::from_raw(fault.cast());
        let made = buffered::page_mkwrite(&fault, &F::faulter(inode));
        let result = made.map(FaultFolio::keep_locked);
        bindings::fs_rs_invalidate_unlock_shared(mapping);
        bindings::fs_rs_end_pagefault(sb);
        match result {
            Ok(()) => bindings::VM_FAULT_LOCKED,
            Err(error) if error == EAGAIN => bindings::fs_rs_fault_again(),
            Err(error) => bindings::fs_rs_fault_error(error.to_errno()),
        }
    }
}

/// # Safety
///
/// `inode` is of `F`; `info` is valid.
unsafe extern "C" fn fiemap<F: RegularFile>(
    inode: *mut bindings::inode,
    info: *mut bindings::fiemap_extent_info,
    start: u64,
    len: u64,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, info) = unsafe { (Inode::from_raw(inode), FiemapInfo::from_raw(info.cast())) };
    to_int(F::fiemap(inode, info, start, len))
}

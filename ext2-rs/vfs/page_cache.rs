// SPDX-License-Identifier: GPL-2.0

//! Page caches that the engine manages. C: `struct address_space_operations`.

use super::{error::to_int, FileSystem, Inode};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::zeroed, ptr::NonNull};
#[cfg(CONFIG_SWAP)]
use iomap_rs::vfs::SwapInfo;
use iomap_rs::{
    buffered,
    operations::{Map, Read, Report, WritebackHooks},
    report,
    vfs::{
        AddressSpace, IomapFolio, LockedFolio, PageCache as EngineCache, ReadFolio, Readahead,
        WritebackControl, WritebackCtx,
    },
    writeback,
};

/// How a filesystem maps its files for the page cache.
///
/// What it returns lives for one call; the types are known at compile time, so
/// that the engine's code is compiled for them.
pub trait PageCache: FileSystem {
    /// Maps for reads.
    type Reader<'a>: Map<Read>;
    /// Maps for those who ask where data lies.
    type Reporter<'a>: Map<Report>;
    /// Maps for writeback.
    type Writer<'a>: WritebackHooks;

    /// For an inode whose page cache is to be filled. The folio is locked, and
    /// `invalidate_lock` is held in shared mode, by most.
    fn reader(inode: &Inode<Self>) -> Self::Reader<'_>;

    /// For an inode of which somebody asks where its data lies: a swap file with its inode
    /// locked, or for one block without a lock.
    fn reporter(inode: &Inode<Self>) -> Self::Reporter<'_>;

    /// For an inode whose page cache is to be written back. No lock is held.
    fn writer(inode: &Inode<Self>) -> Self::Writer<'_>;
}

/// The operations of page caches of `F`.
pub(super) struct Table<F>(PhantomData<F>);

impl<F: PageCache> Table<F> {
    pub(super) const OPERATIONS: bindings::address_space_operations =
        bindings::address_space_operations {
            bmap: Some(bmap::<F>),
            dirty_folio: Some(dirty_folio),
            error_remove_folio: Some(bindings::generic_error_remove_folio),
            invalidate_folio: Some(invalidate_folio),
            is_partially_uptodate: Some(is_partially_uptodate),
            migrate_folio: Some(bindings::filemap_migrate_folio),
            read_folio: Some(read_folio::<F>),
            readahead: Some(readahead::<F>),
            release_folio: Some(release_folio),
            #[cfg(CONFIG_SWAP)]
            swap_activate: Some(swap_activate::<F>),
            writepages: Some(writepages::<F>),
            // SAFETY: All zeros is a table without operations.
            ..unsafe { zeroed() }
        };
}

/// The inode behind a page cache.
///
/// # Safety
///
/// `mapping` is that of an inode of `F`, for all of `'a`.
unsafe fn host<'a, F: FileSystem>(mapping: *mut bindings::address_space) -> &'a Inode<F> {
    // SAFETY: By the contract.
    unsafe { Inode::from_raw((*mapping).host) }
}

/// # Safety
///
/// `folio` is locked and in a page cache of `F`.
unsafe extern "C" fn read_folio<F: PageCache>(
    _file: *mut bindings::file,
    folio: *mut bindings::folio,
) -> i32 {
    // SAFETY: By the contract. The inode outlives the folio, which may be gone
    // before the call is over.
    unsafe {
        let mapping = (*folio).__bindgen_anon_1.__bindgen_anon_1.mapping;
        let inode = host::<F>(mapping);
        let folio = ReadFolio::from_raw(NonNull::new_unchecked(folio).cast());
        buffered::read_folio(inode.engine(), folio, &F::reader(inode));
    }
    0
}

/// # Safety
///
/// `request` is valid, and for a page cache of `F`.
unsafe extern "C" fn readahead<F: PageCache>(request: *mut bindings::readahead_control) {
    // SAFETY: By the contract.
    let (inode, mut request) = unsafe {
        let inode = host::<F>((*request).mapping);
        (inode, Readahead::from_raw(request.cast()))
    };
    buffered::readahead(&mut request, &F::reader(inode));
}

/// # Safety
///
/// `mapping` is that of an inode of `F`; `control` is valid.
unsafe extern "C" fn writepages<F: PageCache>(
    mapping: *mut bindings::address_space,
    control: *mut bindings::writeback_control,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, cache, mut control) = unsafe {
        (
            host::<F>(mapping),
            EngineCache::from_raw(mapping.cast()),
            WritebackControl::from_raw(control.cast()),
        )
    };
    let hooks = F::writer(inode);
    let mut ctx = WritebackCtx::new();
    to_int(writeback::writepages(cache, &mut control, &mut ctx, &hooks))
}

/// # Safety
///
/// Truncation of `folio` is excluded; it is in `mapping`.
unsafe extern "C" fn dirty_folio(
    mapping: *mut bindings::address_space,
    folio: *mut bindings::folio,
) -> bool {
    // SAFETY: By the contract.
    let (cache, folio) = unsafe {
        (
            EngineCache::from_raw(mapping.cast()),
            IomapFolio::from_raw(folio.cast()),
        )
    };
    buffered::dirty_folio(cache, folio)
}

/// # Safety
///
/// `folio` is locked, and not under writeback.
unsafe extern "C" fn release_folio(folio: *mut bindings::folio, _gfp: bindings::gfp_t) -> bool {
    // SAFETY: By the contract.
    buffered::release_folio(unsafe { LockedFolio::from_raw(folio.cast()) })
}

/// # Safety
///
/// `folio` is locked; writeback was waited for.
unsafe extern "C" fn invalidate_folio(folio: *mut bindings::folio, offset: usize, len: usize) {
    // SAFETY: By the contract.
    let folio = unsafe { LockedFolio::from_raw(folio.cast()) };
    buffered::invalidate_folio(folio, offset..offset.saturating_add(len));
}

/// # Safety
///
/// `folio` is locked.
unsafe extern "C" fn is_partially_uptodate(
    folio: *mut bindings::folio,
    from: usize,
    count: usize,
) -> bool {
    // SAFETY: By the contract.
    buffered::is_partially_uptodate(unsafe { IomapFolio::from_raw(folio.cast()) }, from, count)
}

/// # Safety
///
/// `mapping` is that of an inode of `F`.
unsafe extern "C" fn bmap<F: PageCache>(
    mapping: *mut bindings::address_space,
    block: bindings::sector_t,
) -> bindings::sector_t {
    // SAFETY: By the contract.
    let (inode, cache) = unsafe { (host::<F>(mapping), AddressSpace::from_raw(mapping.cast())) };
    report::bmap(cache, block, &F::reporter(inode))
}

/// # Safety
///
/// `area` is being activated for `file`, which is locked.
#[cfg(CONFIG_SWAP)]
unsafe extern "C" fn swap_activate<F: PageCache>(
    area: *mut bindings::swap_info_struct,
    file: *mut bindings::file,
    span: *mut bindings::sector_t,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, area, file) = unsafe {
        (
            host::<F>((*file).f_mapping),
            SwapInfo::from_raw(area.cast()),
            iomap_rs::vfs::File::from_raw(file.cast()),
        )
    };
    match report::swapfile_activate(area, file, &F::reporter(inode)) {
        Ok((extents, pages)) => {
            // SAFETY: By the contract.
            unsafe { *span = pages };
            extents
        }
        Err(error) => error.to_errno(),
    }
}

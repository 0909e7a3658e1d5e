// SPDX-License-Identifier: GPL-2.0

//! C entry points of `buffered/`.

use super::ops::{CFolioHooks, CMapper};
use crate::{
    buffered,
    operations::Range,
    sys as bindings,
    vfs::{
        fault_error, to_int, to_ssize, Fault, IocbRef, IomapFolio, IovIter, IterState, LockedFolio,
        Mapping, PageCache, ReadFolio, Readahead, WriteFolio,
    },
};
use core::ptr::{self, NonNull};

/// Reads a folio, see [`buffered::read_folio`]. Always 0: errors show in the
/// folio.
///
/// # Safety
///
/// As in C: `folio` is locked and in a page cache, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_read_folio(
    folio: *mut bindings::folio,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    let caller = iomap_read_folio as *const ();
    // SAFETY: By the contract. The inode outlives the folio, which may be gone
    // before the walk is over.
    unsafe {
        let mapping = IomapFolio::from_raw(folio).mapping().as_ptr();
        let inode = PageCache::from_raw(mapping).host();
        let mapper = CMapper::new(ops, ptr::null_mut(), caller);
        let folio = ReadFolio::from_raw(NonNull::new_unchecked(folio));
        buffered::read_folio(inode, folio, &mapper);
    }
    0
}

/// Reads folios ahead, see [`buffered::readahead`].
///
/// # Safety
///
/// As in C: `rac` is valid, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_readahead(
    rac: *mut bindings::readahead_control,
    ops: *const bindings::iomap_ops,
) {
    let caller = iomap_readahead as *const ();
    // SAFETY: By the contract.
    let (mut request, mapper) = unsafe {
        (
            Readahead::from_raw(rac),
            CMapper::new(ops, ptr::null_mut(), caller),
        )
    };
    buffered::readahead(&mut request, &mapper);
}

/// Whether part of a folio is uptodate, see [`buffered::is_partially_uptodate`].
///
/// # Safety
///
/// As in C: `folio` is locked and in a page cache that the engine manages.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_is_partially_uptodate(
    folio: *mut bindings::folio,
    from: usize,
    count: usize,
) -> bool {
    // SAFETY: By the contract.
    buffered::is_partially_uptodate(unsafe { IomapFolio::from_raw(folio) }, from, count)
}

/// Gets a folio to write into, see [`WriteFolio::get`]; a folio or an errno.
///
/// # Safety
///
/// As in C: `iter` is the one that a hook was given.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_get_folio(
    iter: *mut bindings::iomap_iter,
    pos: bindings::loff_t,
    len: usize,
) -> *mut bindings::folio {
    // SAFETY: By the contract; a transparent wrapper. Hooks for folios are called
    // for page caches that the engine manages.
    let (state, cache) = unsafe {
        let state = &*iter.cast::<IterState<'_>>();
        (state, PageCache::from_raw(state.inode().mapping().as_ptr()))
    };
    match WriteFolio::get(cache, state.flags(), pos, len) {
        Ok(folio) => folio.into_raw(),
        Err(error) => error.to_ptr(),
    }
}

/// Gives up what is kept of a folio, see [`buffered::release_folio`].
///
/// # Safety
///
/// As in C: `folio` is locked, not under writeback, and in a page cache that the
/// engine manages.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_release_folio(
    folio: *mut bindings::folio,
    _gfp_flags: bindings::gfp_t,
) -> bool {
    // SAFETY: By the contract.
    buffered::release_folio(unsafe { LockedFolio::from_raw(folio) })
}

/// Forgets part of a folio, see [`buffered::invalidate_folio`].
///
/// # Safety
///
/// As for [`iomap_release_folio`].
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_invalidate_folio(
    folio: *mut bindings::folio,
    offset: usize,
    len: usize,
) {
    // SAFETY: By the contract.
    let folio = unsafe { LockedFolio::from_raw(folio) };
    buffered::invalidate_folio(folio, offset..offset.saturating_add(len));
}

/// Marks a folio dirty, see [`buffered::dirty_folio`].
///
/// # Safety
///
/// As in C: truncation of `folio` is excluded, and it is in a page cache that
/// the engine manages.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_dirty_folio(
    mapping: *mut bindings::address_space,
    folio: *mut bindings::folio,
) -> bool {
    // SAFETY: By the contract.
    let (cache, folio) = unsafe { (PageCache::from_raw(mapping), IomapFolio::from_raw(folio)) };
    buffered::dirty_folio(cache, folio)
}

/// Writes through the page cache, see [`buffered::write`].
///
/// # Safety
///
/// As in C: all pointers are valid, the engine manages the page cache, `private`
/// may be null, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_file_buffered_write(
    iocb: *mut bindings::kiocb,
    from: *mut bindings::iov_iter,
    ops: *const bindings::iomap_ops,
    private: *mut kernel::ffi::c_void,
) -> isize {
    let caller = iomap_file_buffered_write as *const ();
    // SAFETY: By the contract.
    let (cache, iocb, iter, mapper) = unsafe {
        (
            // A block device's file has another inode than its page cache.
            PageCache::from_raw((*(*iocb).ki_filp).f_mapping),
            IocbRef::from_raw(iocb),
            IovIter::from_raw(from),
            CMapper::new(ops, private, caller),
        )
    };
    to_ssize(&buffered::write(cache, &iocb, iter, &mapper, &CFolioHooks))
}

/// Gives back reserved space, see [`buffered::release_delalloc`].
///
/// # Safety
///
/// As in C: `inode` and `iomap` are valid, the engine manages the page cache, and
/// `punch` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_write_delalloc_release(
    inode: *mut bindings::inode,
    start_byte: bindings::loff_t,
    end_byte: bindings::loff_t,
    _flags: kernel::ffi::c_uint,
    iomap: *mut bindings::iomap,
    punch: bindings::iomap_punch_t,
) {
    let Some(punch) = punch else {
        return;
    };
    // SAFETY: By the contract; a transparent wrapper.
    let (cache, map) = unsafe {
        (
            PageCache::from_raw((*inode).i_mapping),
            &*iomap.cast::<Mapping<'_>>(),
        )
    };
    buffered::release_delalloc(cache, map, start_byte..end_byte, |offset, length| {
        // SAFETY: By the contract.
        unsafe { punch(inode, offset, length, iomap) }
    });
}

/// Unshares blocks, see [`buffered::unshare`].
///
/// # Safety
///
/// As in C: all pointers are valid, the engine manages the page cache, and `ops`
/// keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_file_unshare(
    inode: *mut bindings::inode,
    pos: bindings::loff_t,
    len: bindings::loff_t,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    let caller = iomap_file_unshare as *const ();
    // SAFETY: By the contract.
    let (cache, mapper) = unsafe {
        (
            PageCache::from_raw((*inode).i_mapping),
            CMapper::new(ops, ptr::null_mut(), caller),
        )
    };
    let range = Range {
        pos,
        len: len as u64,
    };
    to_int(buffered::unshare(cache, range, &mapper, &CFolioHooks).map(|()| 0))
}

/// Zeros a range, see [`buffered::zero_range`].
///
/// # Safety
///
/// As in C: all pointers are valid, the engine manages the page cache, `did_zero`
/// may be null, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_zero_range(
    inode: *mut bindings::inode,
    pos: bindings::loff_t,
    len: bindings::loff_t,
    did_zero: *mut bool,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    let caller = iomap_zero_range as *const ();
    let mut unasked = false;
    // SAFETY: By the contract.
    let (cache, did_zero, mapper) = unsafe {
        (
            PageCache::from_raw((*inode).i_mapping),
            did_zero.as_mut().unwrap_or(&mut unasked),
            CMapper::new(ops, ptr::null_mut(), caller),
        )
    };
    let range = Range {
        pos,
        len: len as u64,
    };
    to_int(buffered::zero_range(cache, range, did_zero, &mapper, &CFolioHooks).map(|()| 0))
}

/// Zeros to the end of a block, see [`buffered::truncate_page`].
///
/// # Safety
///
/// As for [`iomap_zero_range`].
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_truncate_page(
    inode: *mut bindings::inode,
    pos: bindings::loff_t,
    did_zero: *mut bool,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    let caller = iomap_truncate_page as *const ();
    let mut unasked = false;
    // SAFETY: By the contract.
    let (cache, did_zero, mapper) = unsafe {
        (
            PageCache::from_raw((*inode).i_mapping),
            did_zero.as_mut().unwrap_or(&mut unasked),
            CMapper::new(ops, ptr::null_mut(), caller),
        )
    };
    to_int(buffered::truncate_page(cache, pos, did_zero, &mapper, &CFolioHooks).map(|()| 0))
}

/// Makes a page writable, see [`buffered::page_mkwrite`].
///
/// # Safety
///
/// As in C: `vmf` is a write fault on a mapping of a file whose page cache the
/// engine manages, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_page_mkwrite(
    vmf: *mut bindings::vm_fault,
    ops: *const bindings::iomap_ops,
) -> bindings::vm_fault_t {
    let caller = iomap_page_mkwrite as *const ();
    // SAFETY: By the contract.
    let (fault, mapper) = unsafe {
        (
            Fault::from_raw(vmf),
            CMapper::new(ops, ptr::null_mut(), caller),
        )
    };
    match buffered::page_mkwrite(&fault, &mapper) {
        Ok(folio) => {
            folio.keep_locked();
            bindings::VM_FAULT_LOCKED
        }
        Err(error) => fault_error(error),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! C entry points of `writeback/`.

use super::ops::CWritebackHooks;
use crate::{
    sys as bindings,
    vfs::{
        to_int, CompletedIoends, IoendList, IoendRef, PageCache, WritebackControl, WritebackCtx,
    },
    writeback,
};
use core::ptr::NonNull;

/// Writes dirty folios back, see [`writeback::writepages`].
///
/// # Safety
///
/// As in C: all pointers are valid, the engine manages the page cache, no folio of which
/// has buffer heads, `wpc` was zeroed before it was used first, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_writepages(
    mapping: *mut bindings::address_space,
    wbc: *mut bindings::writeback_control,
    wpc: *mut bindings::iomap_writepage_ctx,
    ops: *const bindings::iomap_writeback_ops,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract.
    let (cache, mut control, ctx, hooks) = unsafe {
        (
            PageCache::from_raw(mapping),
            WritebackControl::from_raw(wbc),
            WritebackCtx::from_raw(wpc, ops),
            CWritebackHooks::new(ops),
        )
    };
    to_int(writeback::writepages(cache, &mut control, ctx, &hooks).map(|()| 0))
}

/// Ends writeback of merged ioends, see [`writeback::finish_ioends`].
///
/// # Safety
///
/// As in C: the bios of `ioend`, and of those merged into it, have ended, and
/// all are the caller's to give away.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_finish_ioends(
    ioend: *mut bindings::iomap_ioend,
    error: kernel::ffi::c_int,
) {
    // SAFETY: By the contract.
    let ioends = unsafe { CompletedIoends::from_merged(NonNull::new_unchecked(ioend)) };
    writeback::finish_ioends(ioends, kernel::error::to_result(error));
}

/// Merges ioends, see [`writeback::try_merge`].
///
/// # Safety
///
/// As in C: both are valid and the caller's; `ioend` is in no list.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_ioend_try_merge(
    ioend: *mut bindings::iomap_ioend,
    more_ioends: *mut bindings::list_head,
) {
    // SAFETY: By the contract.
    let (mut ioend, mut more) =
        unsafe { (IoendRef::from_raw(ioend), IoendList::from_raw(more_ioends)) };
    writeback::try_merge(&mut ioend, &mut more);
}

/// Sorts ioends, see [`writeback::sort`].
///
/// # Safety
///
/// As in C: the list is valid and the caller's.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_sort_ioends(ioend_list: *mut bindings::list_head) {
    // SAFETY: By the contract.
    writeback::sort(&mut unsafe { IoendList::from_raw(ioend_list) });
}

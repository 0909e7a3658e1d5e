// SPDX-License-Identifier: GPL-2.0

//! C entry points of `report/`.

use super::ops::CMapper;
#[cfg(CONFIG_SWAP)]
use crate::vfs::{File, SwapInfo};
use crate::{
    report, sys as bindings,
    vfs::{to_int, AddressSpace, FiemapInfo, Inode},
};
use core::ptr;

/// Reports the extents of a file, see [`report::fiemap`].
///
/// # Safety
///
/// As in C: all pointers are valid, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_fiemap(
    inode: *mut bindings::inode,
    fieinfo: *mut bindings::fiemap_extent_info,
    start: bindings::u64_,
    len: bindings::u64_,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract.
    let (inode, info, mapper) = unsafe {
        (
            Inode::from_raw(inode),
            FiemapInfo::from_raw(fieinfo),
            CMapper::new(ops, ptr::null_mut(), iomap_fiemap as *const ()),
        )
    };
    to_int(report::fiemap(inode, info, start, len, &mapper).map(|()| 0))
}

/// Finds the block behind a file block, see [`report::bmap`].
///
/// # Safety
///
/// As in C: all pointers are valid, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_bmap(
    mapping: *mut bindings::address_space,
    bno: bindings::sector_t,
    ops: *const bindings::iomap_ops,
) -> bindings::sector_t {
    // SAFETY: By the contract.
    let (mapping, mapper) = unsafe {
        (
            AddressSpace::from_raw(mapping),
            CMapper::new(ops, ptr::null_mut(), iomap_bmap as *const ()),
        )
    };
    report::bmap(mapping, bno, &mapper)
}

/// Finds the next hole, see [`report::seek_hole`].
///
/// # Safety
///
/// As in C: all pointers are valid, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_seek_hole(
    inode: *mut bindings::inode,
    offset: bindings::loff_t,
    ops: *const bindings::iomap_ops,
) -> bindings::loff_t {
    // SAFETY: By the contract.
    let (inode, mapper) = unsafe {
        (
            Inode::from_raw(inode),
            CMapper::new(ops, ptr::null_mut(), iomap_seek_hole as *const ()),
        )
    };
    report::seek_hole(inode, offset, &mapper).unwrap_or_else(|error| error.to_errno().into())
}

/// Finds the next data, see [`report::seek_data`].
///
/// # Safety
///
/// As in C: all pointers are valid, and `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_seek_data(
    inode: *mut bindings::inode,
    offset: bindings::loff_t,
    ops: *const bindings::iomap_ops,
) -> bindings::loff_t {
    // SAFETY: By the contract.
    let (inode, mapper) = unsafe {
        (
            Inode::from_raw(inode),
            CMapper::new(ops, ptr::null_mut(), iomap_seek_data as *const ()),
        )
    };
    report::seek_data(inode, offset, &mapper).unwrap_or_else(|error| error.to_errno().into())
}

/// Hands the blocks of a file to the swap code, see
/// [`report::swapfile_activate`].
///
/// # Safety
///
/// As in C: all pointers are valid, and `ops` keeps its contract.
#[cfg(CONFIG_SWAP)]
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_swapfile_activate(
    sis: *mut bindings::swap_info_struct,
    swap_file: *mut bindings::file,
    pagespan: *mut bindings::sector_t,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract.
    let (area, file, mapper) = unsafe {
        (
            SwapInfo::from_raw(sis),
            File::from_raw(swap_file),
            CMapper::new(ops, ptr::null_mut(), iomap_swapfile_activate as *const ()),
        )
    };
    to_int(
        report::swapfile_activate(area, file, &mapper).map(|(extents, span)| {
            // SAFETY: By the contract.
            unsafe { *pagespan = span };
            extents
        }),
    )
}

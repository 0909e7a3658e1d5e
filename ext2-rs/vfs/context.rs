// SPDX-License-Identifier: GPL-2.0

//! Mounting and remounting. C: `struct fs_context`.

use super::{error::to_int, new_super_block, FileSystem, SuperBlock};
use crate::sys as bindings;
use core::mem::zeroed;
use kernel::{
    alloc::{flags::GFP_KERNEL, KBox},
    prelude::*,
    str::CStr,
    types::ForeignOwnable,
};

/// The operations of a context of `F`.
struct Table<F>(core::marker::PhantomData<F>);

impl<F: FileSystem> Table<F> {
    const OPERATIONS: bindings::fs_context_operations = bindings::fs_context_operations {
        free: Some(free::<F>),
        get_tree: Some(get_tree::<F>),
        parse_param: Some(parse_param::<F>),
        reconfigure: Some(reconfigure::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

/// C: `init_fs_context`.
///
/// # Safety
///
/// `fc` is a fresh context of a registration of `F`.
pub(super) unsafe extern "C" fn init<F: FileSystem>(fc: *mut bindings::fs_context) -> i32 {
    // SAFETY: By the contract: a context with a root is for a mounted one.
    let mounted = unsafe {
        let root = (*fc).root;
        (!root.is_null()).then(|| SuperBlock::<F>::from_raw((*root).d_sb))
    };
    let options =
        F::options(mounted).and_then(|options| KBox::new(options, GFP_KERNEL).map_err(Error::from));
    match options {
        Ok(options) => {
            // SAFETY: By the contract.
            unsafe {
                (*fc).fs_private = options.into_foreign().cast_mut().cast();
                (*fc).ops = &Table::<F>::OPERATIONS;
            }
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// `fc` is a context of `F` that [`init`] has seen.
unsafe extern "C" fn free<F: FileSystem>(fc: *mut bindings::fs_context) {
    // SAFETY: By the contract.
    drop(unsafe { take_options::<F>(fc) });
}

/// The options of a context; there are none afterwards.
///
/// # Safety
///
/// As for [`free`].
unsafe fn take_options<F: FileSystem>(fc: *mut bindings::fs_context) -> Option<KBox<F::Options>> {
    // SAFETY: By the contract: null, or from `init()`.
    unsafe {
        let options = (*fc).fs_private;
        (*fc).fs_private = core::ptr::null_mut();
        (!options.is_null()).then(|| KBox::from_foreign(options.cast_const().cast()))
    }
}

/// # Safety
///
/// As for [`free`]; `param` is valid.
unsafe extern "C" fn parse_param<F: FileSystem>(
    fc: *mut bindings::fs_context,
    param: *mut bindings::fs_parameter,
) -> i32 {
    // SAFETY: By the contract.
    let source = unsafe { bindings::vfs_parse_fs_param_source(fc, param) };
    if source != ENOPARAM.to_errno() {
        return source;
    }
    // SAFETY: By the contract: a parameter has a key; if its type says so it has
    // a string. Options are there, and nobody else's.
    let (key, value, options) = unsafe {
        let value = match (*param).type_() {
            bindings::fs_value_type_fs_value_is_string => {
                Some(CStr::from_char_ptr((*param).__bindgen_anon_1.string))
            }
            _ => None,
        };
        let options = (*fc).fs_private.cast::<F::Options>();
        (CStr::from_char_ptr((*param).key), value, options.as_mut())
    };
    let apply = || {
        let key = key.to_str().map_err(|_| EINVAL)?;
        let value = value.map(CStr::to_str).transpose().map_err(|_| EINVAL)?;
        F::option(options.ok_or(EINVAL)?, key, value)
    };
    to_int(apply())
}

/// # Safety
///
/// As for [`free`].
unsafe extern "C" fn get_tree<F: FileSystem>(fc: *mut bindings::fs_context) -> i32 {
    // SAFETY: By the contract.
    unsafe { bindings::get_tree_bdev(fc, Some(fill_super::<F>)) }
}

/// # Safety
///
/// As for [`free`]; `sb` is a new superblock with an open device.
unsafe extern "C" fn fill_super<F: FileSystem>(
    sb: *mut bindings::super_block,
    fc: *mut bindings::fs_context,
) -> i32 {
    // SAFETY: By the contract.
    to_int(unsafe {
        match take_options::<F>(fc) {
            Some(options) => {
                let silent = (*fc).sb_flags & bindings::SB_SILENT as u32 != 0;
                new_super_block::fill::<F>(sb, KBox::into_inner(options), silent)
            }
            None => Err(EINVAL),
        }
    })
}

/// # Safety
///
/// As for [`free`]; the context's root is that of a mounted filesystem.
unsafe extern "C" fn reconfigure<F: FileSystem>(fc: *mut bindings::fs_context) -> i32 {
    let change = || {
        // SAFETY: By the contract.
        let (sb, options, flags, mask) = unsafe {
            let sb = (*(*fc).root).d_sb;
            // A device that fails can become one that is only read, too.
            let _ = bindings::sync_filesystem(sb);
            let options = take_options::<F>(fc).ok_or(EINVAL)?;
            let (flags, mask) = ((*fc).sb_flags, (*fc).sb_flags_mask);
            (SuperBlock::from_raw(sb), options, flags, mask)
        };
        let read_only_of = |flags: u32| u64::from(flags) & bindings::SB_RDONLY as u64 != 0;
        // What nobody has asked for stays.
        let read_only = match read_only_of(mask) {
            true => read_only_of(flags),
            false => sb.is_read_only(),
        };
        F::reconfigure(sb, KBox::into_inner(options), read_only)
    };
    to_int(change())
}

// SPDX-License-Identifier: GPL-2.0

//! C as bindgen sees it.
//!
//! `sys/bindings_helper.h` names the headers, `sys/bindgen_parameters` what is
//! taken from them. Nothing but [`vfs`](crate::vfs) uses this.

#[cfg_attr(not(CONFIG_RUSTC_HAS_UNNECESSARY_TRANSMUTES), allow(unknown_lints))]
#[allow(
    clippy::all,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unnecessary_transmutes,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]
mod bindings_raw {
    // As the kernel's own bindings: sizes are `usize`, whatever C calls them.
    type __kernel_size_t = usize;
    type __kernel_ssize_t = isize;
    type __kernel_ptrdiff_t = isize;

    include!(env!("EXT2_RS_BINDINGS"));
}

pub(crate) use bindings_raw::*;

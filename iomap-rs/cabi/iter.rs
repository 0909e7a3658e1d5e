// SPDX-License-Identifier: GPL-2.0

//! C entry point of `iter.rs`. C does not export it; `fs/dax.c` calls it, where the engine is
//! built in or has taken over.

use super::ops::CMapper;
use crate::{
    iter,
    operations::Read,
    sys as bindings,
    vfs::{to_int, IterState},
};

/// Takes a turn of a walk, see [`iter::turn`]: 1 if there is a mapping, 0 if
/// nothing is left, or an errno.
///
/// # Safety
///
/// As in C: `iter` was filled in before the first turn and is nobody else's, and
/// `ops` keeps its contract.
#[no_mangle]
pub(super) unsafe extern "C" fn iomap_iter(
    iter: *mut bindings::iomap_iter,
    ops: *const bindings::iomap_ops,
) -> kernel::ffi::c_int {
    // SAFETY: By the contract; a transparent wrapper. The operations get flags
    // and private pointer from the state, whatever the purpose.
    let (state, mapper) = unsafe {
        (
            &*iter.cast::<IterState<'_>>(),
            CMapper::new(ops, (*iter).private, iomap_iter as *const ()),
        )
    };
    to_int(iter::turn::<Read, _>(state, (), &mapper).map(Into::into))
}

// SPDX-License-Identifier: GPL-2.0

//! Ioends that a filesystem has collected.
//!
//! Stands for `iomap_sort_ioends()` and `iomap_ioend_try_merge()`.

use super::rules::can_merge;
use crate::vfs::{IoendList, IoendRef};

/// Sorts ioends by their place in the file; equal ones stay in order. The
/// caller owns the list. C: `iomap_sort_ioends()`.
pub fn sort(list: &mut IoendList<'_>) {
    list.sort();
}

/// Moves the first ioends of `more` into `ioend`, as long as each goes on where
/// that ends and is to be dealt with in the same way. The caller owns both.
/// C: `iomap_ioend_try_merge()`.
pub fn try_merge(ioend: &mut IoendRef<'_>, more: &mut IoendList<'_>) {
    ioend.clear_merged();
    while let Some(next) = more.first() {
        let same =
            ioend.bio_status() == next.bio_status() && can_merge(&ioend.summary(), &next.summary());
        if !same {
            break;
        }
        let size = next.summary().size;
        more.move_first_to(ioend);
        ioend.add_size(size);
    }
}

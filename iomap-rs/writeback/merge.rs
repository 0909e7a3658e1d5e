// SPDX-License-Identifier: GPL-2.0

//! Ioends that a filesystem has collected.
//!
//! Stands for `iomap_sort_ioends()` and `iomap_ioend_try_merge()`.

use super::rules::{can_merge, Summary};
use crate::vfs::{CompletedIoends, Glance, IoendList, IoendRef};

/// Sorts ioends by their place in the file; equal ones stay in order. The
/// caller owns the list. C: `iomap_sort_ioends()`.
pub(crate) fn sort(list: &mut IoendList<'_>) {
    list.sort();
}

/// Moves the first ioends of `more` into `ioend`, as long as each goes on where
/// that ends and is to be dealt with in the same way. The caller owns both.
/// C: `iomap_ioend_try_merge()`.
pub(crate) fn try_merge(ioend: &mut IoendRef<'_>, more: &mut IoendList<'_>) {
    while let Some(next) = more.peek() {
        if !goes_on(&ioend.glance(), &next) {
            break;
        }
        more.move_first_to(ioend);
        ioend.add_size(next.summary.size);
    }
}

/// Takes the first ioend of `list`, and those after it as long as each goes on
/// where the one before ends and is to be dealt with in the same way. With them,
/// what they are together.
///
/// For filesystems in Rust: what [`IoendQueue`](crate::vfs::IoendQueue) had is
/// sorted, and each part of it that this takes is dealt with as one and given to
/// [`finish_ioends`](super::finish_ioends).
pub fn take_adjoining(list: &mut CompletedIoends) -> Option<(Summary, CompletedIoends)> {
    let mut whole = list.peek()?;
    let mut part = CompletedIoends::new();
    part.push(list.pop()?);
    while let Some(next) = list.peek() {
        if !goes_on(&whole, &next) {
            break;
        }
        let Some(ioend) = list.pop() else {
            break;
        };
        part.push(ioend);
        whole.summary.size = whole.summary.size.wrapping_add(next.summary.size);
    }
    Some((whole.summary, part))
}

/// Whether `next` goes on where `first` ends, and is dealt with alike.
fn goes_on(first: &Glance, next: &Glance) -> bool {
    first.bio_status == next.bio_status && can_merge(&first.summary, &next.summary)
}

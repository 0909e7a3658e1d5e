// SPDX-License-Identifier: GPL-2.0

//! The end of writeback.
//!
//! Stands for `iomap_finish_ioend()` and `iomap_finish_ioends()`.

use super::rules::RESCHED_PIECES;
use crate::vfs::{cond_resched, might_sleep, CompletedIoend, CompletedIoends, IoendEnd};
use kernel::prelude::*;

/// Ends writeback of an ioend's folios, records an error in the mapping and in
/// the log, and frees the ioend. Returns the number of pieces. Any context.
///
/// C: `iomap_finish_ioend()`, which is static there.
pub fn finish_ioend(ioend: CompletedIoend, result: Result) -> u32 {
    if let Err(error) = result {
        ioend.inode().mapping().set_error(error);
        ioend.log_error();
    }
    ioend.finish()
}

/// Ends writeback of ioends that were merged, all with the same result. A task,
/// since there may be many; sleeps.
///
/// C: `iomap_finish_ioends()`.
pub fn finish_ioends(mut ioends: CompletedIoends, result: Result) {
    might_sleep();
    let mut pieces = 0u32;
    while let Some(ioend) = ioends.pop() {
        if pieces > RESCHED_PIECES {
            cond_resched();
            pieces = 0;
        }
        pieces = pieces.wrapping_add(finish_ioend(ioend, result));
    }
}

/// The end of an ioend's bio whose completion no filesystem took over.
pub(crate) struct Ended;

impl IoendEnd for Ended {
    fn ended(ioend: CompletedIoend) {
        let result = ioend.status();
        finish_ioend(ioend, result);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The end of writeback.
//!
//! Stands for `iomap_finish_ioend()` and `iomap_finish_ioends()`.

use super::rules::RESCHED_FOLIOS;
use crate::vfs::{
    cond_resched, might_sleep, sub_and_test, warn_once, CompletedIoend, Inode, IoendEnd,
    IomapFolio, Warning,
};
use core::sync::atomic::Ordering::Relaxed;
use kernel::prelude::*;

/// Ends writeback of an ioend's folios, records an error in the mapping and in
/// the log, and frees the ioend. Returns the number of pieces. Any context.
pub fn finish_ioend(ioend: CompletedIoend, result: Result) -> u32 {
    let inode = ioend.inode();
    if let Err(error) = result {
        inode.mapping().set_error(error);
        ioend.log_error();
    }
    let mut pieces = 0u32;
    ioend.for_each_folio(|folio, len| {
        finish_folio(inode, folio, len);
        pieces = pieces.wrapping_add(1);
    });
    pieces
}

/// Ends writeback of `first` and of all ioends that were merged into it, with
/// the same result. A task, since there may be many; sleeps.
///
/// C: `iomap_finish_ioends()`.
pub fn finish_ioends(mut first: CompletedIoend, result: Result) {
    might_sleep();
    let mut rest = first.take_merged();
    let mut pieces = finish_ioend(first, result);
    while let Some(ioend) = rest.pop() {
        if pieces > RESCHED_FOLIOS {
            cond_resched();
            pieces = 0;
        }
        pieces = pieces.wrapping_add(finish_ioend(ioend, result));
    }
}

/// `len` bytes of `folio` were written, or failed.
fn finish_folio(inode: &Inode, folio: &IomapFolio, len: usize) {
    let ended = match folio.state() {
        Some(state) => {
            let pending = state.write_bytes_pending();
            if pending.load(Relaxed) <= 0 {
                warn_once(Warning::WritebackState);
            }
            sub_and_test(pending, len as i32)
        }
        None => {
            if folio.size() >> inode.block_bits() > 1 {
                warn_once(Warning::WritebackState);
            }
            true
        }
    };
    if ended {
        folio.end_writeback_of();
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

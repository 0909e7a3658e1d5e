// SPDX-License-Identifier: GPL-2.0

//! Trace events of system `iomap` (`iomap_rs` in `iomap_rs_live.ko`).
//!
//! An event that is off costs a load and a branch; C is called for one that is
//! on.

use super::{Client, Inode, IovIter, IterState, Kiocb, Mapping};
use crate::{mapping::Kind, sys as bindings};
use kernel::prelude::*;

/// Whether somebody listens to the event.
macro_rules! is_on {
    ($tracepoint:ident) => {{
        #[cfg(CONFIG_TRACEPOINTS)]
        let on = is_enabled(&raw const bindings::$tracepoint);
        #[cfg(not(CONFIG_TRACEPOINTS))]
        let on = false;
        on
    }};
}

/// Reads the static key of an event's tracepoint, which is one of this module's.
#[cfg(CONFIG_TRACEPOINTS)]
#[inline]
fn is_enabled(tracepoint: *const bindings::tracepoint) -> bool {
    // SAFETY: A static's counter, which may be read at any time.
    unsafe { (&raw const (*tracepoint).key.enabled.counter).read_volatile() != 0 }
}

/// Before the iterator goes on. C: `trace_iomap_iter()`.
#[inline]
pub(crate) fn iter(state: &IterState<'_>, client: impl FnOnce() -> Client) {
    if is_on!(__tracepoint_iomap_iter) {
        let client = client();
        // SAFETY: The state is valid; the others are printed only.
        unsafe { bindings::iomap_rs_trace_iter(state.as_ptr(), client.ops, client.caller.addr()) }
    }
}

/// Whether somebody listens to what walks do.
#[inline]
pub(crate) fn is_walk_traced() -> bool {
    is_on!(__tracepoint_iomap_iter) || is_on!(__tracepoint_iomap_iter_dstmap)
}

/// After a filesystem's `begin`. C: `trace_iomap_iter_dstmap()` and
/// `trace_iomap_iter_srcmap()`.
#[inline]
pub(crate) fn mapped(state: &IterState<'_>) {
    let inode = state.inode().as_ptr();
    if is_on!(__tracepoint_iomap_iter_dstmap) {
        // SAFETY: Both are valid.
        unsafe { bindings::iomap_rs_trace_iter_dstmap(inode, state.map().as_ptr()) }
    }
    if state.source_slot().raw_kind() != Kind::Hole as u16 && is_on!(__tracepoint_iomap_iter_srcmap)
    {
        // SAFETY: Both are valid.
        unsafe { bindings::iomap_rs_trace_iter_srcmap(inode, state.source_slot().as_ptr()) }
    }
}

/// A direct I/O begins. C: `trace_iomap_dio_rw_begin()`.
#[inline]
pub(crate) fn dio_rw_begin(iocb: &Kiocb, iter: &IovIter, dio_flags: u32, done_before: usize) {
    if is_on!(__tracepoint_iomap_dio_rw_begin) {
        // SAFETY: Both are valid.
        unsafe {
            bindings::iomap_rs_trace_dio_rw_begin(
                iocb.as_ptr(),
                iter.as_ptr(),
                dio_flags,
                done_before,
            )
        }
    }
}

/// Cached pages could not be dropped. C: `trace_iomap_dio_invalidate_fail()`.
#[inline]
pub(crate) fn dio_invalidate_fail(inode: &Inode, pos: i64, len: u64) {
    if is_on!(__tracepoint_iomap_dio_invalidate_fail) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_dio_invalidate_fail(inode.as_ptr(), pos, len) }
    }
}

/// A direct I/O was handed over to completion. C:
/// `trace_iomap_dio_rw_queued()`.
#[inline]
pub(crate) fn dio_rw_queued(inode: &Inode, pos: i64, len: u64) {
    if is_on!(__tracepoint_iomap_dio_rw_queued) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_dio_rw_queued(inode.as_ptr(), pos, len) }
    }
}

/// A direct I/O ended: `error` is what its bios came to, `result` what the
/// issuer gets. C: `trace_iomap_dio_complete()`.
#[inline]
pub(crate) fn dio_complete(iocb: &Kiocb, error: i32, result: &Result<i64>) {
    if is_on!(__tracepoint_iomap_dio_complete) {
        let ret = super::to_ssize(result);
        // SAFETY: The request is valid.
        unsafe { bindings::iomap_rs_trace_dio_complete(iocb.as_ptr(), error, ret) }
    }
}

/// A folio is read. C: `trace_iomap_readpage()`.
#[inline]
pub(crate) fn readpage(inode: &Inode) {
    if is_on!(__tracepoint_iomap_readpage) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_readpage(inode.as_ptr(), 1) }
    }
}

/// Pages are read ahead. C: `trace_iomap_readahead()`.
#[inline]
pub(crate) fn readahead(inode: &Inode, pages: u32) {
    if is_on!(__tracepoint_iomap_readahead) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_readahead(inode.as_ptr(), pages as i32) }
    }
}

/// A folio is released. C: `trace_iomap_release_folio()`.
#[inline]
pub(crate) fn release_folio(inode: &Inode, pos: i64, len: usize) {
    if is_on!(__tracepoint_iomap_release_folio) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_release_folio(inode.as_ptr(), pos, len as u64) }
    }
}

/// Part of a folio is invalidated. C: `trace_iomap_invalidate_folio()`.
#[inline]
pub(crate) fn invalidate_folio(inode: &Inode, pos: i64, len: usize) {
    if is_on!(__tracepoint_iomap_invalidate_folio) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_invalidate_folio(inode.as_ptr(), pos, len as u64) }
    }
}

/// A folio is written back. C: `trace_iomap_writepage()`.
#[inline]
pub(crate) fn writepage(inode: &Inode, pos: i64, len: usize) {
    if is_on!(__tracepoint_iomap_writepage) {
        // SAFETY: The inode is valid.
        unsafe { bindings::iomap_rs_trace_writepage(inode.as_ptr(), pos, len as u64) }
    }
}

/// Part of a folio was mapped for writeback. C: `trace_iomap_writepage_map()`.
#[inline]
pub(crate) fn writepage_map(inode: &Inode, pos: i64, dirty_len: u32, map: &Mapping<'_>) {
    if is_on!(__tracepoint_iomap_writepage_map) {
        // SAFETY: Both are valid.
        unsafe {
            bindings::iomap_rs_trace_writepage_map(
                inode.as_ptr(),
                pos as u64,
                dirty_len,
                map.as_ptr(),
            )
        }
    }
}

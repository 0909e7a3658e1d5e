// SPDX-License-Identifier: GPL-2.0

//! Trace events of system `iomap`.
//!
//! An event that is off costs a load and a branch; C is called for one that is
//! on.

use super::{Client, Inode, IovIter, IterState, Kiocb};
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

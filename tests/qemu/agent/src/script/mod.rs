// SPDX-License-Identifier: GPL-2.0

//! Tests on `script_fs`, the filesystem with scripted mappings.

/// For [`Case::logs`]: the line that the Rust engine's warning of that name begins with, and no
/// other. If C warns as well, those functions of the C engine in which it may: the compiler
/// makes one of several.
macro_rules! warning {
    ($name:literal) => {
        concat!(r"^WARNING: .* iomap_rs_", $name, r"\+0x")
    };
    ($name:literal, $c:literal) => {
        concat!(r"^WARNING: .* (iomap_rs_", $name, "|", $c, r")\+0x")
    };
}

mod bmap;
pub mod cached;
mod dio_async;
mod dio_cache;
mod dio_caller;
mod dio_inline;
mod dio_read;
mod dio_result;
mod dio_sync;
mod dio_write;
mod dio_zero;
mod fiemap;
mod folio_life;
mod hostile;
mod hostile_cached;
mod ioends;
mod ioends_kept;
mod iter;
mod log;
mod memory_faults;
mod module_memory;
mod nowait;
mod pieces;
mod punch;
mod read_folio;
mod readahead;
pub mod scripted;
mod seek;
mod stable_pages;
mod stores;
mod swap;
mod syscalls;
mod throttle;
mod trace_events;
mod unshare;
mod write_blocks;
mod write_buffers;
mod write_folios;
mod write_inline;
mod writeback;
mod writeback_errors;
mod zero;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    bmap::CASES,
    dio_async::CASES,
    dio_cache::CASES,
    dio_caller::CASES,
    dio_inline::CASES,
    dio_read::CASES,
    dio_result::CASES,
    dio_sync::CASES,
    dio_write::CASES,
    dio_zero::CASES,
    fiemap::CASES,
    folio_life::CASES,
    hostile::CASES,
    hostile_cached::CASES,
    ioends::CASES,
    ioends_kept::CASES,
    iter::CASES,
    memory_faults::CASES,
    module_memory::CASES,
    nowait::CASES,
    pieces::CASES,
    punch::CASES,
    read_folio::CASES,
    readahead::CASES,
    seek::CASES,
    stable_pages::CASES,
    stores::CASES,
    swap::CASES,
    throttle::CASES,
    trace_events::CASES,
    unshare::CASES,
    write_blocks::CASES,
    write_buffers::CASES,
    write_folios::CASES,
    write_inline::CASES,
    writeback::CASES,
    writeback_errors::CASES,
    zero::CASES,
];

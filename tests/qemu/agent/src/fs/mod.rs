// SPDX-License-Identifier: GPL-2.0

//! Tests on real filesystems, one file for each thing that programs do.

mod aio;
mod bmap;
mod buffered_cache;
mod buffered_events;
mod buffered_folios;
mod buffered_full;
mod buffered_mix;
mod buffered_reflink;
mod buffered_write;
mod buffered_zero;
mod coherence;
mod cow;
mod crowd;
mod device_faults;
mod dio_fault;
mod dio_limits;
mod dio_read;
mod dio_write;
mod dio_write_new;
mod early_blocks;
mod erofs;
mod events;
mod fiemap;
pub mod fsx;
mod layout;
mod leaks;
mod memory_faults;
mod module_use;
mod seek;
mod stress;
pub mod swap;
mod sync;
mod uring;
mod zonefs;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    aio::CASES,
    cow::CASES,
    bmap::CASES,
    crowd::CASES,
    buffered_cache::CASES,
    buffered_events::CASES,
    buffered_folios::CASES,
    buffered_full::CASES,
    buffered_mix::CASES,
    buffered_reflink::CASES,
    buffered_write::CASES,
    buffered_zero::CASES,
    coherence::CASES,
    device_faults::cached::CASES,
    device_faults::direct::CASES,
    device_faults::durable::CASES,
    device_faults::lost::CASES,
    device_faults::requests::CASES,
    device_faults::superblock::CASES,
    device_faults::synchronous::CASES,
    dio_fault::CASES,
    dio_limits::CASES,
    dio_read::CASES,
    dio_write::CASES,
    dio_write_new::CASES,
    early_blocks::CASES,
    erofs::CASES,
    events::CASES,
    fiemap::CASES,
    fsx::CASES,
    leaks::CASES,
    memory_faults::buffered::CASES,
    memory_faults::direct::CASES,
    memory_faults::report::CASES,
    memory_faults::shortage::CASES,
    module_use::CASES,
    seek::CASES,
    stress::CASES,
    swap::CASES,
    sync::CASES,
    uring::CASES,
    zonefs::CASES,
];

const KIB: usize = 1024;
pub const MIB: usize = 1024 * KIB;
const SECTOR: usize = 512;

/// Whether a filesystem of that type is ext2, of either driver. It allocates nothing
/// ahead of the data, and neither zeroes nor frees a part of a file.
pub fn is_ext2(kind: &str) -> bool {
    matches!(kind, "ext2" | "ext2_rs")
}

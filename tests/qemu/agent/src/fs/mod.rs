// SPDX-License-Identifier: GPL-2.0

//! Tests on real filesystems, one file for each thing that programs do.

mod aio;
mod coherence;
mod dio_fault;
mod dio_limits;
mod dio_read;
mod dio_write;
mod dio_write_new;
mod uring;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    aio::CASES,
    coherence::CASES,
    dio_fault::CASES,
    dio_limits::CASES,
    dio_read::CASES,
    dio_write::CASES,
    dio_write_new::CASES,
    uring::CASES,
];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const SECTOR: usize = 512;

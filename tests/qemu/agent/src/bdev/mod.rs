// SPDX-License-Identifier: GPL-2.0

//! Tests on a disk without a filesystem: its page cache is the kernel image's own,
//! and what programs write to it goes through the engine that is linked there.

mod coherence;
mod region;
mod whole;
mod write;
mod zero;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    coherence::CASES,
    write::CASES,
    zero::CASES,
    // The last: it leaves the disk as the host shall find it.
    whole::CASES,
];

const KIB: usize = 1024;

/// The role of the disk.
const DISK: &str = "bare";

/// Sizes of blocks that the page cache of a disk can have.
const BLOCK_SIZES: [usize; 4] = [512, 1024, 2048, 4096];

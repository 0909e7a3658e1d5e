// SPDX-License-Identifier: GPL-2.0

//! What ext2 is to its users beyond reads and writes: names, kinds of files,
//! owners, flags, attributes, space, mounting. The same for the C driver and for
//! the Rust one.

mod acls;
mod corrupt;
mod cross;
mod errors;
mod flags;
mod full;
mod handles;
mod many_groups;
mod names;
mod nodes;
mod pending;
mod pjdfstest;
mod readdir;
mod remount;
mod renames;
mod second;
mod sizes;
mod stores;
mod stress_ng;
mod torn;
mod xattrs;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    acls::CASES,
    corrupt::CASES,
    cross::CASES,
    errors::CASES,
    flags::CASES,
    full::CASES,
    handles::CASES,
    many_groups::CASES,
    names::CASES,
    nodes::CASES,
    pending::CASES,
    pjdfstest::CASES,
    readdir::CASES,
    remount::CASES,
    renames::CASES,
    sizes::CASES,
    torn::CASES,
    stores::CASES,
    stress_ng::CASES,
    xattrs::CASES,
];

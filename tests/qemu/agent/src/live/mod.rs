// SPDX-License-Identifier: GPL-2.0

//! Tests of the engine that takes the C engine's place in a running kernel, and
//! gives it back.

mod brake;
mod completion;
mod dax;
pub mod demo;
pub mod engine;
mod errors;
mod in_flight;
mod ioends;
mod padding;
mod refuse;
mod states;
mod swap_file;
mod switch;
mod towards;
mod walk;
mod writeback;

use std::time::Duration;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    refuse::CASES,
    states::CASES,
    in_flight::CASES,
    ioends::CASES,
    writeback::CASES,
    completion::CASES,
    padding::CASES,
    errors::CASES,
    walk::CASES,
    swap_file::CASES,
    dax::CASES,
    switch::CASES,
];

/// How long a test may take, on a machine that is busy with other things, too: each time
/// that the engine is given back is a grace period of RCU for each function. What hangs
/// is told long before, by who waits for it.
const LONG: Duration = Duration::from_secs(1800);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

// SPDX-License-Identifier: GPL-2.0

//! Tests of the engine that takes the C engine's place in a running kernel, and
//! gives it back.

mod brake;
pub mod demo;
mod engine;
mod in_flight;
pub mod mounts;
mod refuse;
mod states;
mod switch;

use crate::case::Case;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[
    refuse::CASES,
    states::CASES,
    in_flight::CASES,
    switch::CASES,
];

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

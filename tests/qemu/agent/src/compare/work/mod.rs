// SPDX-License-Identifier: GPL-2.0

//! The workloads, by what they are about. They are the same on every filesystem: what
//! one cannot do is an error in its transcript.

mod ahead;
mod append;
mod cut;
mod direct;
mod fault;
mod mapped;
mod queued;
mod random;
mod report;
mod sequential;
mod share;
mod sparse;
mod steps;
mod sub_block;
mod sync;

use super::Workload;

/// In the order in which they run.
pub const TABLES: &[&[Workload]] = &[
    sequential::WORKLOADS,
    random::WORKLOADS,
    sub_block::WORKLOADS,
    append::WORKLOADS,
    sparse::WORKLOADS,
    mapped::WORKLOADS,
    direct::WORKLOADS,
    queued::WORKLOADS,
    cut::WORKLOADS,
    share::WORKLOADS,
    sync::WORKLOADS,
    ahead::WORKLOADS,
    report::WORKLOADS,
    fault::WORKLOADS,
];

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const PAGE: usize = 4096;

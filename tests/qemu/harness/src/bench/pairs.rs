// SPDX-License-Identifier: GPL-2.0

//! Boots of both engines in turns, for what is measured in time.

use anyhow::Result;
use iomap_bench_report::Suite;

use super::{merge, Plan};
use crate::lab::Lab;
use crate::suites::Comparison;

/// Pairs of boots: with so many, the least and the greatest of their ratios are the
/// bounds of a 97 % confidence interval.
pub const PAIRS: usize = 6;

/// Boots each of `labs` in turn, so that what changes on the host in the meantime
/// hits both sides of a pair. Every other pair begins with the other engine.
pub fn boot_pairs(
    plan: &Plan,
    labs: &[Lab],
    comparison: &Comparison,
    pairs: usize,
) -> Result<Suite> {
    let mut suite = Suite {
        name: comparison.name.to_owned(),
        ..Suite::default()
    };
    for pair in 0..pairs {
        let mut order: Vec<&Lab> = labs.iter().collect();
        if pair % 2 == 1 {
            order.reverse();
        }
        for lab in order {
            let collected = plan.boot(lab, comparison)?.whole()?;
            merge(&mut suite, lab.link, collected.workloads);
        }
    }
    Ok(suite)
}

// SPDX-License-Identifier: GPL-2.0

//! Time, which no two boots have in common: engines are compared in pairs of boots that
//! came one after the other.

use std::fmt::Write;

use crate::figures::{median, median_of};
use crate::results::{Results, Suite, Workload};

/// What the pairs of a workload say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Ticks per operation, the medians.
    pub c: f64,
    pub rust: f64,
    /// Rust over C: the median of the pairs' ratios, the least, the greatest.
    pub ratio: f64,
    pub least: f64,
    pub greatest: f64,
    pub pairs: usize,
}

impl Paired {
    /// [`None`] without a pair.
    pub fn of(workload: &Workload) -> Option<Self> {
        let (mut c, mut rust, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for (on_c, on_rust) in workload.c.iter().zip(&workload.rust) {
            let (on_c, on_rust) = (median(&on_c.batches)?, median(&on_rust.batches)?);
            c.push(on_c / workload.ops as f64);
            rust.push(on_rust / workload.ops as f64);
            ratios.push(on_rust / on_c);
        }
        Some(Self {
            c: median_of(&c)?,
            rust: median_of(&rust)?,
            ratio: median_of(&ratios)?,
            least: ratios.iter().copied().reduce(f64::min)?,
            greatest: ratios.iter().copied().reduce(f64::max)?,
            pairs: ratios.len(),
        })
    }

    /// How sure it is that the true median lies between the least and the greatest: it
    /// does not if all pairs are on one side of it, which is as likely as so many coins
    /// that all fall on one side.
    pub fn confidence(&self) -> f64 {
        1.0 - 0.5_f64.powi(i32::try_from(self.pairs).unwrap_or(i32::MAX) - 1)
    }
}

/// The whole page. `clock`: what is measured, in a sentence.
pub fn page(results: &Results, clock: &str) -> String {
    let meta = &results.meta;
    let mut text = format!(
        "# Rust against C: {}\n\n{clock}\n\n{}Made by `make bench`; how it is done and what \
         it can tell is in `docs/benchmarks.md`.\n\n",
        meta.unit,
        meta.line()
    );
    for suite in &results.suites {
        text.push_str(&section(suite));
    }
    text
}

fn section(suite: &Suite) -> String {
    let mut text = format!(
        "## {}\n\n| workload | C | Rust | Rust/C | least | greatest | pairs |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        suite.name
    );
    let mut confidence = None;
    for workload in &suite.workloads {
        let Some(paired) = Paired::of(workload) else {
            continue;
        };
        confidence = Some(paired.confidence());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.3} | {:.3} | {:.3} | {} |",
            workload.name,
            paired.c,
            paired.rust,
            paired.ratio,
            paired.least,
            paired.greatest,
            paired.pairs
        );
    }
    if let Some(confidence) = confidence {
        let _ = writeln!(
            text,
            "\nThe true median lies between least and greatest with a confidence of {:.0} %.\n",
            confidence * 100.0
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Run;

    fn workload(pairs: &[(u64, u64)]) -> Workload {
        let run = |ticks| Run {
            batches: vec![ticks],
            idle_ms: 0.0,
        };
        Workload {
            name: "write".into(),
            ops: 10,
            c: pairs.iter().map(|(c, _)| run(*c)).collect(),
            rust: pairs.iter().map(|(_, rust)| run(*rust)).collect(),
            ..Workload::default()
        }
    }

    #[test]
    fn a_slow_pair_counts_as_a_pair() {
        // In the second pair the host was busy.
        let paired = Paired::of(&workload(&[(100, 90), (1000, 950), (100, 80)]));
        let paired = paired.map(|p| (p.c, p.ratio, p.least, p.greatest));
        assert_eq!(paired, Some((10.0, 0.9, 0.8, 0.95)));
    }

    #[test]
    fn six_pairs_make_97_percent() {
        let paired = Paired::of(&workload(&[(1, 1); 6]));
        assert_eq!(paired.map(|p| p.confidence()), Some(0.96875));
        assert_eq!(Paired::of(&workload(&[])), None);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! From ticks of batches to figures that can be compared.

use crate::results::{Run, Workload};

/// A workload's figures, in ticks per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub c: f64,
    pub rust: f64,
    /// Bytes that an operation copies, a tick each.
    pub copied: f64,
    /// How far the runs of an engine lie apart, as part of the least of them; the
    /// larger one of the two engines.
    pub spread: f64,
    /// The same without the copying.
    pub share_spread: f64,
    /// Longest idle time of a run, in milliseconds.
    pub idle_ms: f64,
}

impl Figures {
    /// [`None`] if one of the engines has no run.
    pub fn of(workload: &Workload) -> Option<Self> {
        let per_op = |runs: &[Run]| -> Option<Vec<f64>> {
            runs.iter()
                .map(|run| Some(median(&run.batches)? / workload.ops as f64))
                .collect()
        };
        let (c, rust) = (per_op(&workload.c)?, per_op(&workload.rust)?);
        let runs = workload.c.iter().chain(&workload.rust);
        let share =
            |all: &[f64]| -> Vec<f64> { all.iter().map(|one| one - workload.copied).collect() };
        Some(Self {
            c: mean(&c)?,
            rust: mean(&rust)?,
            copied: workload.copied,
            spread: spread(&c)?.max(spread(&rust)?),
            share_spread: spread(&share(&c))?.max(spread(&share(&rust))?),
            idle_ms: runs.map(|run| run.idle_ms).fold(0.0, f64::max),
        })
    }

    /// Rust over C, of all that was counted.
    pub fn ratio(&self) -> f64 {
        self.rust / self.c
    }

    /// The same without the copying, which both do alike: the rest is the engine,
    /// the filesystem, and the kernel around them.
    pub fn share_ratio(&self) -> f64 {
        self.rust_share() / self.c_share()
    }

    pub fn c_share(&self) -> f64 {
        self.c - self.copied
    }

    pub fn rust_share(&self) -> f64 {
        self.rust - self.copied
    }
}

/// [`None`] if there are no values.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = values.into_iter().map(f64::ln).collect();
    Some(mean(&logs)?.exp())
}

/// The middle one of the values; [`None`] if there are none.
pub fn median_of(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len().checked_sub(1)?) / 2)?;
    Some((upper + lower) / 2.0)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn spread(values: &[f64]) -> Option<f64> {
    let least = values.iter().copied().reduce(f64::min)?;
    let most = values.iter().copied().reduce(f64::max)?;
    Some((most - least) / least)
}

/// What timer interrupts and workers add to single batches does not show in it.
pub(crate) fn median(batches: &[u64]) -> Option<f64> {
    let values: Vec<f64> = batches.iter().map(|&ticks| ticks as f64).collect();
    median_of(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(batches: &[u64]) -> Run {
        Run {
            batches: batches.to_vec(),
            idle_ms: 0.0,
        }
    }

    fn sample() -> Workload {
        Workload {
            ops: 10,
            copied: 50.0,
            c: vec![run(&[1000, 1010, 9000]), run(&[1010, 1010])],
            rust: vec![run(&[800]), run(&[1000, 600])],
            ..Workload::default()
        }
    }

    #[test]
    fn outliers_do_not_count() {
        let figures = Figures::of(&sample());
        assert_eq!(figures.map(|f| (f.c, f.rust)), Some((101.0, 80.0)));
    }

    #[test]
    fn copies_are_left_out_of_the_share() {
        let ratio = Figures::of(&sample()).map(|f| f.share_ratio());
        assert_eq!(ratio, Some(30.0 / 51.0));
    }

    #[test]
    fn the_spread_is_that_of_the_less_steady_engine() {
        let mut workload = sample();
        workload.rust = vec![run(&[800]), run(&[1000])];
        let figures = Figures::of(&workload);
        assert_eq!(figures.map(|f| f.spread), Some(0.25));
        assert_eq!(figures.map(|f| f.share_spread), Some(20.0 / 30.0));
    }

    #[test]
    fn half_a_comparison_is_none() {
        let mut workload = sample();
        workload.rust.clear();
        assert_eq!(Figures::of(&workload), None);
        workload.rust.push(run(&[]));
        assert_eq!(Figures::of(&workload), None);
    }

    #[test]
    fn the_mean_of_ratios_is_geometric() {
        let mean = geometric_mean([0.5, 2.0]).unwrap_or_default();
        assert!((mean - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}

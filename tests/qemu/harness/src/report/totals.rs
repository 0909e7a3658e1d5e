// SPDX-License-Identifier: GPL-2.0

//! What a test that ran in rounds has counted in all of them.

use std::collections::BTreeMap;
use std::fmt;

use iomap_qemu_protocol::ktap::Line;

use crate::tracker::{TestResult, Verdict};

/// A test's numbers, each the sum of its rounds, failed ones included.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    name: String,
    rounds: usize,
    failed: usize,
    numbers: BTreeMap<String, f64>,
}

/// Of tests that have run more than once and counted something.
pub fn of_rounds(results: &[TestResult]) -> Vec<Totals> {
    let mut tests: BTreeMap<&str, Totals> = BTreeMap::new();
    let run = results
        .iter()
        .filter(|result| !matches!(result.verdict, Verdict::Skipped(_)));
    for result in run {
        let test = tests.entry(&result.name).or_default();
        test.name.clone_from(&result.name);
        test.rounds += 1;
        test.failed += usize::from(result.verdict == Verdict::Failed);
        for (key, value) in result.details.iter().filter_map(|detail| metric(detail)) {
            *test.numbers.entry(key).or_default() += value;
        }
    }
    let mut totals: Vec<Totals> = tests.into_values().collect();
    totals.retain(|test| test.rounds > 1 && !test.numbers.is_empty());
    totals
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rounds of {}, ", self.rounds, self.name)?;
        match self.failed {
            0 => f.write_str("together:")?,
            failed => write!(f, "of which {failed} failed, together:")?,
        }
        for (key, value) in &self.numbers {
            write!(f, "\n    {key} {value}")?;
        }
        Ok(())
    }
}

/// The number that a line of details tells.
fn metric(detail: &str) -> Option<(String, f64)> {
    match Line::parse(&format!("# {detail}")) {
        Some(Line::Metric { key, value, .. }) => Some((key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(name: &str, verdict: Verdict, details: &[&str]) -> TestResult {
        TestResult {
            name: name.into(),
            verdict,
            seconds: 300.0,
            details: details.iter().map(|&detail| detail.to_owned()).collect(),
        }
    }

    #[test]
    fn rounds_are_added_up() {
        let said = ["30 s left", "metric everything xfs.fsx.operations 500"];
        let results = [
            round("soak/everything", Verdict::Passed, &said),
            round("soak/host_fsck", Verdict::Passed, &[]),
            round("soak/everything", Verdict::Passed, &said),
            round("soak/host_fsck", Verdict::Passed, &[]),
            round("soak/everything", Verdict::Skipped("no disk".into()), &said),
        ];
        let totals = of_rounds(&results);
        assert_eq!(totals.len(), 1);
        assert_eq!(
            totals.first().map(Totals::to_string).as_deref(),
            Some("2 rounds of soak/everything, together:\n    xfs.fsx.operations 1000")
        );
    }

    #[test]
    fn what_failed_rounds_did_counts() {
        let passed = ["metric everything errors 0", "metric everything runs 7"];
        let failed = ["metric everything errors 2", "metric everything runs 3"];
        let results = [
            round("soak/everything", Verdict::Passed, &passed),
            round("soak/everything", Verdict::Failed, &failed),
        ];
        assert_eq!(
            of_rounds(&results)
                .first()
                .map(Totals::to_string)
                .as_deref(),
            Some(
                "2 rounds of soak/everything, of which 1 failed, together:\n    errors 2\n    \
                 runs 10"
            )
        );
    }

    #[test]
    fn one_round_needs_no_sum() {
        let said = ["metric everything xfs.fsx.operations 500"];
        let results = [round("soak/everything", Verdict::Passed, &said)];
        assert_eq!(of_rounds(&results), []);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! What a test that runs in rounds has counted in all of them, and the errors found.

use std::collections::BTreeMap;
use std::fmt;

use iomap_qemu_protocol::kernel_log::{COMPLAINT, TRACE};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::SoakSpec;

use crate::tracker::{TestResult, Verdict};

/// A test's numbers, each the sum of its rounds, failed ones included.
#[derive(Debug, Default, PartialEq)]
pub struct Totals {
    name: String,
    rounds: usize,
    failed: usize,
    numbers: BTreeMap<String, f64>,
    /// Those of its suite: what the host finds on the disks and in the log is part of that.
    errors: usize,
}

/// Of tests that have counted something.
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
        for (key, value) in metrics(result).filter(|(key, _)| key != SoakSpec::FAULTS) {
            *test.numbers.entry(key).or_default() += value;
        }
    }
    let mut totals: Vec<Totals> = tests.into_values().collect();
    totals.retain(|test| !test.numbers.is_empty());
    for test in &mut totals {
        let suite = suite_of(&test.name);
        let own = results.iter().filter(|own| suite_of(&own.name) == suite);
        test.errors = own.map(errors).sum();
    }
    totals
}

/// The faults that programs found, and the kernel's reports; one, if it failed for anything
/// else, such as the guest's death.
fn errors(result: &TestResult) -> usize {
    if result.verdict != Verdict::Failed {
        return 0;
    }
    let faults = metrics(result).filter(|(key, _)| key == SoakSpec::FAULTS);
    let faults: f64 = faults.map(|(_, faults)| faults).sum();
    let reports = result.details.iter();
    let reports = reports.filter(|line| line.starts_with(COMPLAINT) && !line.contains(TRACE));
    (faults as usize + reports.count()).max(1)
}

fn suite_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(suite, _)| suite)
}

/// The numbers that a result tells.
fn metrics(result: &TestResult) -> impl Iterator<Item = (String, f64)> + '_ {
    let lines = result.details.iter();
    lines.filter_map(|line| match Line::parse(&format!("# {line}")) {
        Some(Line::Metric { key, value, .. }) => Some((key, value)),
        _ => None,
    })
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.rounds == 1 { "" } else { "s" };
        write!(f, "{} round{plural} of {}, ", self.rounds, self.name)?;
        match self.failed {
            0 => f.write_str("together:")?,
            failed => write!(f, "of which {failed} failed, together:")?,
        }
        for (key, value) in &self.numbers {
            write!(f, "\n    {key} {value}")?;
        }
        write!(f, "\n    errors {}", self.errors)
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

    fn shown(results: &[TestResult]) -> Vec<String> {
        of_rounds(results).iter().map(Totals::to_string).collect()
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
        let expected = "2 rounds of soak/everything, together:\n    \
                        xfs.fsx.operations 1000\n    errors 0";
        assert_eq!(shown(&results), [expected]);
    }

    #[test]
    fn what_failed_rounds_did_counts() {
        let passed = ["metric everything faults 0", "metric everything runs 7"];
        let failed = ["metric everything faults 2", "metric everything runs 3"];
        let results = [
            round("soak/everything", Verdict::Passed, &passed),
            round("soak/everything", Verdict::Failed, &failed),
        ];
        let expected =
            "2 rounds of soak/everything, of which 1 failed, together:\n    runs 10\n    \
                        errors 2";
        assert_eq!(shown(&results), [expected]);
    }

    #[test]
    fn whoever_finds_an_error_it_counts() {
        let errors = |results: &[TestResult]| of_rounds(results).iter().map(|t| t.errors).sum();
        let runs = "metric everything runs 7";
        let reports = [
            runs,
            "metric everything faults 1",
            "xfs.fsx: fsx: exit status: 1",
            "the kernel log has: WARNING: CPU: 0",
            "the kernel log has: Call Trace:",
        ];
        let found: usize = errors(&[round("soak/everything", Verdict::Failed, &reports)]);
        assert_eq!(found, 2);
        let died = [runs, "the guest hung: not a word for 180 s"];
        let found: usize = errors(&[round("soak/everything", Verdict::Failed, &died)]);
        assert_eq!(found, 1);
        let found: usize = errors(&[
            round("soak/everything", Verdict::Passed, &[runs]),
            round("soak/guest_log", Verdict::Failed, &["BUG: a", "BUG: b"]),
            round("soak/host_fsck_ext4", Verdict::Failed, &["a free block"]),
            round("script/loop", Verdict::Failed, &["another suite's"]),
        ]);
        assert_eq!(found, 2);
    }

    #[test]
    fn who_counts_nothing_has_no_sum() {
        assert_eq!(
            of_rounds(&[round("soak/host_fsck", Verdict::Passed, &[])]),
            []
        );
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The results side by side: a table, plain lists for `diff`, JUnit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use iomap_qemu_protocol::Link;

use super::record::Outcome;
use super::Entry;
use crate::paths::beside;
use crate::tracker::{TestResult, Verdict};

/// What one engine made of the tests of one filesystem.
#[derive(Clone, Debug)]
pub struct Column {
    pub link: Link,
    pub entries: BTreeMap<String, Entry>,
    /// Where its logs are.
    pub dir: PathBuf,
}

impl Column {
    /// How often its tests called the Rust engine, if that is known.
    pub fn calls(&self) -> Option<u64> {
        let known: Vec<u64> = self.entries.values().filter_map(|e| e.calls).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }
}

/// One filesystem.
#[derive(Clone, Debug)]
pub struct Summary {
    /// With the section that it has its options from, if there is one.
    pub filesystem: String,
    pub tests: Vec<String>,
    pub columns: Vec<Column>,
}

impl Summary {
    /// Tests that pass on the first engine but not on the second; with one engine, those that fail.
    pub fn regressions(&self) -> Vec<&Entry> {
        let Some(last) = self.columns.last() else {
            return Vec::new();
        };
        let reference = match self.columns.as_slice() {
            [reference, _] => Some(reference),
            _ => None,
        };
        let regressed = |entry: &&Entry| match reference {
            Some(reference) => {
                let before = reference.entries.get(&entry.test);
                before.is_some_and(|before| before.outcome == Outcome::Pass)
                    && entry.outcome != Outcome::Pass
            }
            None => entry.outcome == Outcome::Fail,
        };
        last.entries.values().filter(regressed).collect()
    }

    /// Engines on which nothing passed: whatever else is said, nothing was tested there.
    pub fn troubles(&self) -> Vec<String> {
        let passes = |column: &&Column| {
            let mut outcomes = column.entries.values().map(|entry| entry.outcome);
            outcomes.any(|outcome| outcome == Outcome::Pass)
        };
        let idle = self.columns.iter().filter(|column| !passes(column));
        idle.map(|column| {
            let engine = column.link.name();
            format!("{} on {engine}: no test has passed", self.filesystem)
        })
        .collect()
    }

    /// The table that a person reads: every test, its results, its times.
    pub fn table(&self) -> String {
        let mut text = format!("{:20}", self.filesystem);
        for column in &self.columns {
            let _ = write!(text, " {:>8} {:>8}", column.link.name(), "s");
        }
        text.push('\n');
        for test in &self.tests {
            let _ = write!(text, "{test:20}");
            for column in &self.columns {
                let _ = match column.entries.get(test) {
                    Some(entry) => {
                        write!(text, " {:>8} {:>8.1}", entry.outcome.name(), entry.seconds)
                    }
                    None => write!(text, " {:>8} {:>8}", "-", "-"),
                };
            }
            text.push('\n');
        }
        text
    }

    /// How many passed, failed, were not run; then the regressions and their logs.
    pub fn verdict(&self) -> String {
        let mut text = String::new();
        for column in &self.columns {
            let count = |outcome| {
                let fitting = column.entries.values().filter(|e| e.outcome == outcome);
                fitting.count()
            };
            let _ = write!(
                text,
                "{} on {}: {} passed, {} failed, {} not run",
                self.filesystem,
                column.link.name(),
                count(Outcome::Pass),
                count(Outcome::Fail),
                count(Outcome::NotRun)
            );
            let missing = self.tests.len().saturating_sub(column.entries.len());
            if missing > 0 {
                let _ = write!(text, ", {missing} without a result");
            }
            if let Some(calls) = column.calls() {
                let _ = write!(text, "; {calls} calls of the Rust engine");
            }
            text.push('\n');
        }
        let what = match self.columns.len() {
            2 => "passes on the first, not on the second",
            _ => "fails",
        };
        for entry in self.regressions() {
            let _ = writeln!(text, "{what}: {} ({})", entry.test, entry.remark);
            if let Some(column) = self.columns.last() {
                let _ = writeln!(text, "    {}*", column.dir.join(&entry.test).display());
            }
        }
        text
    }

    /// One file for each engine, beside its directory, a line for each test: `generic/001 pass`.
    pub fn write_lists(&self) -> Result<()> {
        for column in &self.columns {
            let mut text = String::new();
            for entry in column.entries.values() {
                let _ = writeln!(text, "{} {}", entry.test, entry.outcome.name());
            }
            let file = beside(&column.dir, ".list");
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    /// The results as those of suites `xfs-module`, for JUnit.
    pub fn results(&self) -> Vec<TestResult> {
        let of_column = |column: &Column| {
            let suite = format!("{}-{}", self.filesystem, column.link.name());
            let result = |entry: &Entry| TestResult {
                name: format!("{suite}/{}", entry.test),
                verdict: match entry.outcome {
                    Outcome::Pass => Verdict::Passed,
                    Outcome::NotRun => Verdict::Skipped(entry.remark.clone()),
                    Outcome::Fail => Verdict::Failed,
                },
                seconds: entry.seconds,
                details: vec![entry.remark.clone()],
            };
            column.entries.values().map(result).collect::<Vec<_>>()
        };
        self.columns.iter().flat_map(of_column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(link: Link, results: &[(&str, Outcome)]) -> Column {
        let entry = |(test, outcome): &(&str, Outcome)| Entry {
            test: (*test).to_owned(),
            outcome: *outcome,
            seconds: 1.0,
            remark: "why".into(),
            calls: (link == Link::Live).then_some(7),
            limit: None,
        };
        Column {
            link,
            entries: results
                .iter()
                .map(|result| (result.0.to_owned(), entry(result)))
                .collect(),
            dir: PathBuf::from("/logs"),
        }
    }

    fn summary() -> Summary {
        let c = [
            ("generic/001", Outcome::Pass),
            ("generic/002", Outcome::Fail),
            ("generic/003", Outcome::Pass),
        ];
        let rust = [
            ("generic/001", Outcome::Pass),
            ("generic/002", Outcome::Fail),
            ("generic/003", Outcome::Fail),
        ];
        Summary {
            filesystem: "xfs".into(),
            tests: c.iter().map(|(test, _)| (*test).to_owned()).collect(),
            columns: vec![column(Link::C, &c), column(Link::Module, &rust)],
        }
    }

    fn names(entries: Vec<&Entry>) -> Vec<&str> {
        entries.iter().map(|entry| entry.test.as_str()).collect()
    }

    #[test]
    fn what_fails_on_both_is_no_regression() {
        assert_eq!(names(summary().regressions()), ["generic/003"]);
        let verdict = summary().verdict();
        assert!(verdict.contains("xfs on c: 2 passed, 1 failed, 0 not run"));
        assert!(verdict.contains("/logs/generic/003*"), "{verdict}");
    }

    #[test]
    fn with_one_engine_every_failure_counts() {
        let mut alone = summary();
        alone.columns.remove(0);
        assert_eq!(names(alone.regressions()), ["generic/002", "generic/003"]);
    }

    #[test]
    fn an_engine_on_which_nothing_passed_is_a_trouble() {
        let mut summary = summary();
        assert_eq!(summary.troubles(), [""; 0]);
        let nothing = [
            ("generic/001", Outcome::NotRun),
            ("generic/002", Outcome::Fail),
        ];
        summary.columns = vec![column(Link::C, &[]), column(Link::Module, &nothing)];
        let idle = ["c", "module"].map(|engine| format!("xfs on {engine}: no test has passed"));
        assert_eq!(summary.troubles(), idle);
        assert_eq!(summary.regressions(), Vec::<&Entry>::new());
    }

    #[test]
    fn lists_can_be_compared() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut summary = summary();
        for column in &mut summary.columns {
            column.dir = dir.path().join(format!("xfs-{}", column.link.name()));
        }
        summary.write_lists()?;
        let text = fs::read_to_string(dir.path().join("xfs-module.list"))?;
        assert_eq!(
            text,
            "generic/001 pass\ngeneric/002 fail\ngeneric/003 fail\n"
        );
        Ok(())
    }

    #[test]
    fn a_test_without_a_result_shows_in_the_table() {
        let mut summary = summary();
        summary.tests.push("generic/004".into());
        let last = summary.table().lines().last().map(str::to_owned);
        assert!(last.is_some_and(|line| line.starts_with("generic/004") && line.contains('-')));
    }

    #[test]
    fn who_served_is_told_where_it_is_known() {
        let mut summary = summary();
        summary.tests.push("generic/004".into());
        assert!(!summary.verdict().contains("calls"));
        let results = [
            ("generic/001", Outcome::Pass),
            ("generic/002", Outcome::Fail),
        ];
        summary.columns = vec![column(Link::Live, &results)];
        let verdict = summary.verdict();
        let told = "1 passed, 1 failed, 0 not run, 2 without a result; 14 calls of the Rust engine";
        assert!(verdict.contains(told), "{verdict}");
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Results as cargo's test runner prints them.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::{junit, totals};
use crate::tracker::{TestResult, Verdict};

/// What stands before the end of the guest's log among a test's details.
pub const GUEST_LOG: &str = "--- end of the guest's log";

/// Lines of a failed test's details that are shown with its result.
const SHOWN_AT_ONCE: usize = 12;

/// Prints results as they come and keeps them.
pub struct Report {
    /// Do those that pass get to say something, too?
    all_speak: bool,
    start: Instant,
    results: Vec<TestResult>,
}

impl Report {
    pub fn new(all_speak: bool) -> Self {
        Self {
            all_speak,
            start: Instant::now(),
            results: Vec::new(),
        }
    }

    pub fn add(&mut self, result: TestResult) {
        self.add_with(result, "");
    }

    /// With a remark in the line of a success.
    pub fn add_with(&mut self, result: TestResult, remark: &str) {
        println!("{}", line_of(&result, remark));
        if self.all_speak && result.verdict == Verdict::Passed {
            for detail in &result.details {
                println!("    {detail}");
            }
        }
        if result.verdict == Verdict::Failed {
            for line in last_lines(&result.details) {
                println!("    {line}");
            }
        }
        self.results.push(result);
    }

    pub fn has_failures(&self) -> bool {
        let mut results = self.results.iter();
        results.any(|result| result.verdict == Verdict::Failed)
    }

    /// Prints the failures once more with all they said, and what rounds have counted
    /// together, if those that pass speak; writes the JUnit file, ends with the line
    /// of sums. Returns whether all is well.
    pub fn finish(self, junit_file: &Path) -> Result<bool> {
        // What was found is said even if there is no room for the file.
        let written = junit::write(&self.results, self.start.elapsed(), junit_file);
        let failures: Vec<&TestResult> = self
            .results
            .iter()
            .filter(|result| result.verdict == Verdict::Failed)
            .collect();
        for failure in &failures {
            println!("\n---- {} ----", failure.name);
            for detail in &failure.details {
                println!("{detail}");
            }
        }
        if !failures.is_empty() {
            println!("\nfailures:");
            for failure in &failures {
                println!("    {}", failure.name);
            }
        }
        if self.all_speak {
            for total in totals::of_rounds(&self.results) {
                println!("\n{total}");
            }
        }
        println!(
            "\nresults: {}, took {:.1} s\n{}",
            junit_file.display(),
            self.start.elapsed().as_secs_f64(),
            sums(&self.results)
        );
        written?;
        // A run of nothing is no success: the filter or the build is wrong.
        Ok(failures.is_empty() && !self.results.is_empty())
    }
}

/// Enough of what a failed test said to know what it is about, where it failed: who
/// reads a long run's output may have no more than that part of it.
fn last_lines(details: &[String]) -> impl Iterator<Item = &str> {
    let said = details.iter().flat_map(|detail| detail.lines());
    let own: Vec<&str> = said
        .take_while(|line| !line.starts_with(GUEST_LOG))
        .collect();
    let skipped = own.len().saturating_sub(SHOWN_AT_ONCE);
    own.into_iter().skip(skipped)
}

fn line_of(result: &TestResult, remark: &str) -> String {
    let outcome = match &result.verdict {
        Verdict::Passed if remark.is_empty() => "ok".to_owned(),
        Verdict::Passed => format!("ok, {remark}"),
        Verdict::Failed => "FAILED".to_owned(),
        Verdict::Skipped(reason) if reason.is_empty() => "skipped".to_owned(),
        Verdict::Skipped(reason) => format!("skipped, {reason}"),
    };
    format!(
        "test {} ... {outcome} ({:.2} s)",
        result.name, result.seconds
    )
}

fn sums(results: &[TestResult]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| {
        let matching = results.iter().filter(|result| wanted(&result.verdict));
        matching.count()
    };
    let passed = count(|verdict| *verdict == Verdict::Passed);
    let failed = count(|verdict| *verdict == Verdict::Failed);
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    match skipped {
        0 => format!("{passed} passed, {failed} failed"),
        _ => format!("{passed} passed, {failed} failed, {skipped} skipped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(verdict: Verdict) -> TestResult {
        TestResult {
            name: "ext4-4k/fiemap".into(),
            verdict,
            seconds: 0.153,
            details: vec!["why".into()],
        }
    }

    #[test]
    fn lines_look_like_cargos() {
        assert_eq!(
            line_of(&result(Verdict::Passed), ""),
            "test ext4-4k/fiemap ... ok (0.15 s)"
        );
        assert_eq!(
            line_of(&result(Verdict::Passed), "as it should"),
            "test ext4-4k/fiemap ... ok, as it should (0.15 s)"
        );
        assert_eq!(
            line_of(&result(Verdict::Skipped("rust only".into())), ""),
            "test ext4-4k/fiemap ... skipped, rust only (0.15 s)"
        );
    }

    #[test]
    fn a_failure_says_at_once_why() {
        let mut details: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        details.push("why\nand how".into());
        details.push(format!("{GUEST_LOG}, console.log:\nsystem up"));
        let shown: Vec<&str> = last_lines(&details).collect();
        assert_eq!(shown.len(), SHOWN_AT_ONCE);
        assert_eq!(shown.get(9..), Some(&["19", "why", "and how"][..]));
    }

    #[test]
    fn the_last_line_counts() {
        let passed = result(Verdict::Passed);
        let failed = result(Verdict::Failed);
        assert_eq!(sums(&[passed.clone(), failed]), "1 passed, 1 failed");
        let skipped = result(Verdict::Skipped(String::new()));
        assert_eq!(sums(&[passed, skipped]), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn nothing_run_is_not_success() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(!Report::new(false).finish(&dir.path().join("junit.xml"))?);
        Ok(())
    }
}

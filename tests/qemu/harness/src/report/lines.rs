// SPDX-License-Identifier: GPL-2.0

//! Results as cargo's test runner prints them.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::junit;
use crate::tracker::{TestResult, Verdict};

/// Prints results as they come and keeps them.
pub struct Report {
    start: Instant,
    results: Vec<TestResult>,
}

impl Report {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            results: Vec::new(),
        }
    }

    pub fn add(&mut self, result: TestResult) {
        println!("{}", line_of(&result));
        self.results.push(result);
    }

    /// Prints the failures once more with all they said, writes the JUnit file,
    /// ends with the line of sums. Returns whether all is well.
    pub fn finish(self, junit_file: &Path) -> Result<bool> {
        junit::write(&self.results, self.start.elapsed(), junit_file)?;
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
        println!(
            "\nresults: {}, took {:.1} s\n{}",
            junit_file.display(),
            self.start.elapsed().as_secs_f64(),
            sums(&self.results)
        );
        // A run of nothing is no success: the filter or the build is wrong.
        Ok(failures.is_empty() && !self.results.is_empty())
    }
}

fn line_of(result: &TestResult) -> String {
    let outcome = match &result.verdict {
        Verdict::Passed => "ok".to_owned(),
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
            line_of(&result(Verdict::Passed)),
            "test ext4-4k/fiemap ... ok (0.15 s)"
        );
        assert_eq!(
            line_of(&result(Verdict::Skipped("rust only".into()))),
            "test ext4-4k/fiemap ... skipped, rust only (0.15 s)"
        );
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
        assert!(!Report::new().finish(&dir.path().join("junit.xml"))?);
        Ok(())
    }
}

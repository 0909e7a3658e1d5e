// SPDX-License-Identifier: GPL-2.0

//! Results as JUnit XML, for CI systems.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::paths::make_dir;
use crate::tracker::{TestResult, Verdict};

/// Writes all results to `file`, grouped by suite.
pub fn write(results: &[TestResult], took: Duration, file: &Path) -> Result<()> {
    let text = render(results, took)?;
    if let Some(dir) = file.parent() {
        make_dir(dir)?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn render(results: &[TestResult], took: Duration) -> Result<String> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for result in results {
        let (suite, test) = result.name.split_once('/').unwrap_or(("", &result.name));
        let mut case = TestCase::new(test, status(result));
        case.set_classname(suite)
            .set_time(Duration::from_secs_f64(result.seconds.max(0.0)));
        if result.verdict != Verdict::Failed && !result.details.is_empty() {
            case.set_system_out(result.details.join("\n"));
        }
        suites
            .entry(suite)
            .or_insert_with(|| TestSuite::new(suite))
            .add_test_case(case);
    }
    let mut report = Report::new("iomap-rs");
    report.set_time(took).add_test_suites(suites.into_values());
    report.to_string().context("cannot write JUnit XML")
}

fn status(result: &TestResult) -> TestCaseStatus {
    match &result.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.clone());
            status
        }
        Verdict::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(result.details.first().cloned().unwrap_or_default())
                .set_description(result.details.join("\n"));
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_its_message_escaped() -> Result<()> {
        let result = TestResult {
            name: "ext2-1k/seek".into(),
            verdict: Verdict::Failed,
            seconds: 1.5,
            details: vec!["a < b".into(), "more".into()],
        };
        let xml = render(&[result], Duration::from_secs(2))?;
        assert!(
            xml.contains(
                r#"testsuite name="ext2-1k" tests="1" disabled="0" errors="0" failures="1""#
            ),
            "{xml}"
        );
        assert!(xml.contains(r#"<failure message="a &lt; b">"#), "{xml}");
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Whose doing it is that a guest has ended.

use std::path::Path;

use super::run::run_of;
use crate::kernel_log::{cause_of_death, text_of};
use crate::process::tail_of;
use crate::tracker::{TestResult, Tracker, Verdict};

/// Whose doing a guest's end is: the running test's, which then has failed. If there is none,
/// the tests that wait stay without a result, since nothing is known of them.
pub fn attribute(
    tracker: &mut Tracker,
    reason: &str,
    console: &Path,
) -> (Option<TestResult>, Option<String>) {
    let panic = cause_of_death(&text_of(console)).map(|panic| format!(": {panic}"));
    // QEMU may have failed, and not the guest. Of what is told of a result one line is kept.
    let complaint = tail_of(&console.with_file_name("qemu.log"));
    let complaint = match complaint.is_empty() {
        true => complaint,
        false => format!("; QEMU said: {}", complaint.replace('\n', " / ")),
    };
    let reason = format!(
        "{reason}{}{complaint}; see {}",
        panic.unwrap_or_default(),
        console.display()
    );
    let remarks = tracker.take_remarks();
    if tracker.running().is_some() {
        return (tracker.guest_ended(&reason).pop(), None);
    }
    let said = remarks.into_iter().chain([reason]);
    (None, Some(said.collect::<Vec<_>>().join("; ")))
}

/// The agent has ended the guest, and blames nobody. If that is since the next test could not run
/// after one that has passed on the Rust engine, that is wrong nonetheless: what keeps a disk
/// busy may be the engine's.
pub fn given_up(tracker: &mut Tracker, reason: &str, last: Option<&TestResult>) -> Option<String> {
    let waits = tracker.running().is_some();
    tracker.guest_given_up();
    let last = last.filter(|result| waits && result.verdict == Verdict::Passed);
    let run = run_of(last?).ok()?;
    let told = || format!("after {run}, which has passed, {reason}");
    run.engine.is_rust().then(told)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anyhow::Result;
    use iomap_qemu_protocol::ktap::Line;
    use iomap_qemu_protocol::Link;

    use super::*;

    fn tracker(said: &[&str]) -> Tracker {
        let mut tracker = Tracker::new(
            "fstests-xfs",
            ["c:generic/001", "live:generic/001"].map(String::from),
        );
        for line in said.iter().filter_map(|line| Line::parse(line)) {
            tracker.line(line);
        }
        tracker
    }

    #[test]
    fn a_guest_that_never_came_up_says_nothing_about_tests() {
        let mut tracker = tracker(&["# the guest failed: no mkfs"]);
        let (blamed, trouble) = attribute(&mut tracker, "the guest died", Path::new("/console"));
        assert_eq!(blamed, None);
        let told = "the guest failed: no mkfs; the guest died; see /console";
        assert_eq!(trouble.as_deref(), Some(told));
        assert_eq!(tracker.waiting().count(), 2);
    }

    #[test]
    fn a_guest_that_dies_under_a_test_is_that_tests_failure() {
        let mut tracker = tracker(&["1..2", "# begin c:generic/001"]);
        let (blamed, trouble) = attribute(&mut tracker, "the guest died", Path::new("/console"));
        let engine = blamed.as_ref().and_then(|result| run_of(result).ok());
        assert_eq!(engine.map(|run| run.engine), Some(Link::C));
        let blamed = blamed.map(|result| (result.name, result.verdict));
        let failed = ("fstests-xfs/c:generic/001".to_owned(), Verdict::Failed);
        assert_eq!((blamed, trouble), (Some(failed), None));
        assert_eq!(tracker.waiting().collect::<Vec<_>>(), ["live:generic/001"]);
    }

    #[test]
    fn what_qemu_says_is_told() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::write(
            dir.path().join("qemu.log"),
            "qemu: no room\nqemu: giving up\n",
        )?;
        let console = dir.path().join("console.log");
        let (_, trouble) = attribute(&mut tracker(&[]), "the guest died", &console);
        let said = "the guest died; QEMU said: qemu: no room / qemu: giving up; see ";
        assert!(trouble.is_some_and(|told| told.starts_with(said)));
        Ok(())
    }

    #[test]
    fn a_disk_that_is_busy_after_a_pass_on_rust_is_a_trouble() {
        let told = |name: &str, verdict, next: &str| {
            let last = TestResult {
                name: format!("fstests-xfs/{name}"),
                verdict,
                seconds: 1.0,
                details: Vec::new(),
            };
            let mut tracker = tracker(&[next]);
            let told = given_up(&mut tracker, "the next could not run", Some(&last));
            assert_eq!(tracker.waiting().count(), 2);
            told.is_some()
        };
        let next = "# begin c:generic/001";
        assert!(told("live:generic/000", Verdict::Passed, next));
        assert!(!told("live:generic/000", Verdict::Failed, next));
        assert!(!told("c:generic/000", Verdict::Passed, next));
        // No test was to run yet.
        assert!(!told("live:generic/000", Verdict::Passed, "1..2"));
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Follows a guest through its tests: who runs, who is done, who has to run
//! again in a new guest because this one died under another.

use std::collections::VecDeque;
use std::time::Instant;

use iomap_qemu_protocol::ktap::{Line, Outcome};

/// How a test came out, with all it said.
#[derive(Clone, Debug, PartialEq)]
pub struct TestResult {
    /// `suite/test`
    pub name: String,
    pub verdict: Verdict,
    pub seconds: f64,
    /// Diagnostics: what the guest said in this test, or what the host found.
    pub details: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Passed,
    Skipped(String),
    Failed,
}

/// The state of one suite, over as many boots as it takes.
pub struct Tracker {
    suite: String,
    waiting: VecDeque<String>,
    running: Option<Running>,
    finished: bool,
    /// What was said outside of any test, such as why the guest failed to come up.
    remarks: Vec<String>,
}

struct Running {
    name: String,
    since: Instant,
    details: Vec<String>,
}

impl Tracker {
    pub fn new(suite: &str, tests: impl IntoIterator<Item = String>) -> Self {
        Self {
            suite: suite.to_owned(),
            waiting: tests.into_iter().collect(),
            running: None,
            finished: false,
            remarks: Vec::new(),
        }
    }

    /// The tests that have yet to run.
    pub fn waiting(&self) -> impl Iterator<Item = &String> {
        self.waiting.iter()
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The test that runs now.
    pub fn running(&self) -> Option<&str> {
        self.running.as_ref().map(|running| running.name.as_str())
    }

    /// Did the agent say that it is done?
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Takes a line of the guest; a test's last one yields its result.
    pub fn line(&mut self, line: Line) -> Option<TestResult> {
        match line {
            Line::Begin(name) => {
                self.waiting.retain(|waiting| *waiting != name);
                self.running = Some(Running {
                    name,
                    since: Instant::now(),
                    details: Vec::new(),
                });
                None
            }
            Line::Result { name, outcome, .. } => Some(self.result(&name, outcome)),
            Line::End => {
                self.finished = true;
                None
            }
            Line::Version | Line::Plan(_) => None,
            other => {
                let details = match &mut self.running {
                    Some(running) => &mut running.details,
                    None => &mut self.remarks,
                };
                tell(details, &other);
                None
            }
        }
    }

    /// What was said outside of any test, such as why the guest failed to come up.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// The guest is gone, for the given reason. Blames the test that ran. If
    /// nothing ran, no other boot would do better: every waiting test fails.
    pub fn guest_ended(&mut self, reason: &str) -> Vec<TestResult> {
        if let Some(running) = self.running.take() {
            let mut details = running.details;
            details.push(reason.to_owned());
            return vec![TestResult {
                name: format!("{}/{}", self.suite, running.name),
                verdict: Verdict::Failed,
                seconds: running.since.elapsed().as_secs_f64(),
                details,
            }];
        }
        let mut details = self.take_remarks();
        details.push(reason.to_owned());
        let fail = |name: String| TestResult {
            name: format!("{}/{name}", self.suite),
            verdict: Verdict::Failed,
            seconds: 0.0,
            details: details.clone(),
        };
        self.waiting.drain(..).map(fail).collect()
    }

    /// The guest is gone, as the running test wanted it; what the host found then
    /// decides.
    pub fn ended_as_wanted(&mut self, problems: Vec<String>) -> Option<TestResult> {
        let running = self.running.take()?;
        let verdict = match problems.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        let mut details = running.details;
        details.extend(problems);
        Some(TestResult {
            name: format!("{}/{}", self.suite, running.name),
            verdict,
            seconds: running.since.elapsed().as_secs_f64(),
            details,
        })
    }

    /// The guest is gone, and nobody is to blame: the test that ran, if one did, is to run again
    /// before the others.
    pub fn guest_given_up(&mut self) {
        self.remarks.clear();
        if let Some(running) = self.running.take() {
            self.waiting.push_front(running.name);
        }
    }

    fn result(&mut self, name: &str, outcome: Outcome) -> TestResult {
        self.waiting.retain(|waiting| waiting != name);
        let running = self.running.take().filter(|running| running.name == name);
        let (since, details) = match running {
            Some(running) => (Some(running.since), running.details),
            None => (None, Vec::new()),
        };
        let mut seconds = since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let verdict = match outcome {
            Outcome::Passed { millis } => {
                if let Some(millis) = millis {
                    seconds = std::time::Duration::from_millis(millis).as_secs_f64();
                }
                Verdict::Passed
            }
            Outcome::Skipped { reason } => Verdict::Skipped(reason),
            Outcome::Failed => Verdict::Failed,
        };
        TestResult {
            name: format!("{}/{name}", self.suite),
            verdict,
            seconds,
            details,
        }
    }
}

/// Adds a line to `details`. A number takes the place of what was told of the same before.
fn tell(details: &mut Vec<String>, line: &Line) {
    let text = text_of(line);
    let name = match line {
        Line::Metric { test, key, .. } => Some(format!("metric {test} {key} ")),
        Line::Synced { path, .. } => Some(format!("synced {path} ")),
        _ => None,
    };
    if let Some(name) = name {
        if let Some(told) = details.iter_mut().find(|told| told.starts_with(&name)) {
            *told = text;
            return;
        }
    }
    details.push(text);
}

/// A line without the `# ` that makes it a comment.
fn text_of(line: &Line) -> String {
    let text = line.to_string();
    text.strip_prefix("# ").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker() -> Tracker {
        Tracker::new("ext4-4k", ["one", "two", "three"].map(String::from))
    }

    fn feed(tracker: &mut Tracker, text: &str) -> Vec<TestResult> {
        let lines = text.lines().filter_map(Line::parse);
        lines.filter_map(|line| tracker.line(line)).collect()
    }

    fn names(results: &[TestResult]) -> Vec<&str> {
        results.iter().map(|result| result.name.as_str()).collect()
    }

    #[test]
    fn an_ordinary_run_leaves_nothing() {
        let mut tracker = tracker();
        let results = feed(
            &mut tracker,
            "KTAP version 1\n1..3\n# begin one\n# said in one\nok 1 one # 250 ms\n\
             # begin two\nnot ok 2 two\n# begin three\nok 3 three # SKIP rust only\n# end\n",
        );
        assert_eq!(
            names(&results),
            ["ext4-4k/one", "ext4-4k/two", "ext4-4k/three"]
        );
        let verdicts: Vec<_> = results.iter().map(|result| &result.verdict).collect();
        let skipped = Verdict::Skipped("rust only".into());
        assert_eq!(verdicts, [&Verdict::Passed, &Verdict::Failed, &skipped]);
        assert_eq!(results.first().map(|result| result.seconds), Some(0.25));
        assert_eq!(
            results.first().map(|result| result.details.clone()),
            Some(vec!["said in one".to_owned()])
        );
        assert!(tracker.finished() && !tracker.is_waiting());
        assert!(tracker.guest_ended("powered off").is_empty());
    }

    #[test]
    fn a_crash_blames_the_running_test_and_keeps_the_rest() {
        let mut tracker = tracker();
        feed(&mut tracker, "1..3\n# begin one\nok 1 one\n# begin two\n");
        let results = tracker.guest_ended("the guest's kernel panicked");
        assert_eq!(names(&results), ["ext4-4k/two"]);
        assert_eq!(tracker.waiting().collect::<Vec<_>>(), ["three"]);
    }

    #[test]
    fn of_a_number_that_grows_the_last_counts() {
        let mut tracker = tracker();
        feed(
            &mut tracker,
            "1..3\n# begin one\n# metric one runs 0\n# metric one runs.long 1\n# 30 s left\n\
             # metric one runs 7\n",
        );
        let results = tracker.guest_ended("the guest died");
        let details = results.first().map(|result| result.details.clone());
        let expected = [
            "metric one runs 7",
            "metric one runs.long 1",
            "30 s left",
            "the guest died",
        ];
        assert_eq!(details, Some(expected.map(String::from).to_vec()));
    }

    #[test]
    fn an_end_that_was_wanted_is_judged_by_the_host() {
        for (problems, verdict) in [
            (vec![], Verdict::Passed),
            (vec!["lost".to_owned()], Verdict::Failed),
        ] {
            let mut tracker = tracker();
            feed(&mut tracker, "1..3\n# begin one\n# said in one\n");
            let result = tracker.ended_as_wanted(problems);
            assert_eq!(result.map(|result| result.verdict), Some(verdict));
            assert_eq!(tracker.waiting().collect::<Vec<_>>(), ["two", "three"]);
            assert!(tracker.ended_as_wanted(vec![]).is_none());
        }
    }

    #[test]
    fn a_test_whose_guest_is_given_up_is_the_next_to_run() {
        let mut tracker = tracker();
        feed(
            &mut tracker,
            "1..3\n# begin one\nok 1 one\n# begin two\n# said in two\n",
        );
        tracker.guest_given_up();
        assert_eq!(tracker.waiting().collect::<Vec<_>>(), ["two", "three"]);
        assert_eq!(tracker.running(), None);

        feed(
            &mut tracker,
            "# begin two\nok 1 two\n# the guest failed: why\n",
        );
        tracker.guest_given_up();
        assert_eq!(tracker.waiting().collect::<Vec<_>>(), ["three"]);
        assert_eq!(tracker.take_remarks(), [""; 0]);
    }

    #[test]
    fn a_guest_that_never_came_up_fails_every_test_and_says_why() {
        let mut tracker = tracker();
        feed(
            &mut tracker,
            "KTAP version 1\n# the guest failed: no module\n",
        );
        let results = tracker.guest_ended("the guest ended early");
        assert_eq!(results.len(), 3);
        assert!(results.iter().all(|result| result
            .details
            .contains(&"the guest failed: no module".to_owned())));
        assert!(!tracker.is_waiting());
    }
}

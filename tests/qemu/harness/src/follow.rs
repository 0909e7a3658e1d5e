// SPDX-License-Identifier: GPL-2.0

//! Listens to a guest until it ends or has been silent for too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use iomap_qemu_protocol::ktap::{Line, POWER_CUT};

use crate::kernel::Flavor;
use crate::qemu::{Event, Guest};
use crate::tracker::{TestResult, Tracker};

/// How a guest's life ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// All was done and it powered off.
    Clean,
    /// The test that runs wanted it to end, in these words.
    Wanted(String),
    /// Anything else, in words.
    Died(String),
}

/// What is said of a guest that was silent for too long in a test.
pub const HUNG: &str = "the guest hung";

/// How long a guest may be silent: in a test without a limit of its own, while it comes
/// up, while it powers off.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a guest may be silent.
#[derive(Clone, Debug)]
pub struct Limits {
    /// In a test without a limit of its own, while coming up, while powering off.
    pub usual: Duration,
    /// In tests that take longer.
    pub of_test: BTreeMap<String, Duration>,
}

impl Limits {
    /// Nothing of a test's own yet.
    pub fn new(flavor: Flavor) -> Self {
        Self {
            usual: PATIENCE * flavor.slowness(),
            of_test: BTreeMap::new(),
        }
    }

    fn of(&self, test: Option<&str>) -> Duration {
        let own = test.and_then(|name| self.of_test.get(name));
        own.copied().unwrap_or(self.usual)
    }
}

/// What the agent said for the host's checks after the guest's end.
#[derive(Debug, Default)]
pub struct Heard {
    /// The agent runs; before its first word nothing has called the engine.
    pub came_up: bool,
    /// Lines of the kernel log that the agent knows of.
    pub accounted: BTreeSet<String>,
    /// SHA-256 that disks must have in the end, by their roles.
    pub promised: BTreeMap<String, String>,
    /// How many writes of files last, by role and path.
    pub synced: BTreeMap<String, usize>,
}

/// Hands each result to `emit` as it comes, requests to `obey`, and what else matters
/// to `heard`.
pub fn follow(
    guest: &mut Guest,
    tracker: &mut Tracker,
    limits: &Limits,
    heard: &mut Heard,
    obey: &mut dyn FnMut(&Line) -> Result<()>,
    emit: &mut dyn FnMut(TestResult),
) -> End {
    let mut wanted = None;
    loop {
        let limit = limits.of(tracker.running());
        match guest.next(limit) {
            Event::Line(Line::Dying(how)) if how == POWER_CUT => return End::Wanted(how),
            Event::Line(Line::Dying(how)) => wanted = Some(how),
            Event::Line(line) => {
                match &line {
                    Line::Version => heard.came_up = true,
                    Line::Log(text) => {
                        heard.accounted.insert(text.trim().to_owned());
                    }
                    Line::Sha256 { path, hex } => {
                        heard.promised.insert(path.clone(), hex.clone());
                    }
                    Line::Synced { path, writes } => {
                        heard.synced.insert(path.clone(), *writes);
                    }
                    Line::Plug(_) | Line::Unplug(_) => {
                        if let Err(error) = obey(&line) {
                            return End::Died(format!("cannot do what the guest asks: {error:#}"));
                        }
                    }
                    _ => {}
                }
                if let Some(result) = tracker.line(line) {
                    emit(result);
                }
            }
            Event::Exited if tracker.finished() => return End::Clean,
            Event::Exited => {
                return wanted.map_or_else(|| End::Died("the guest died".into()), End::Wanted);
            }
            Event::Silent => {
                let what = match tracker.running() {
                    Some(_) => HUNG,
                    None if tracker.finished() => "the guest did not power off",
                    None => "the guest hung outside of any test",
                };
                let seconds = limit.as_secs_f64();
                return End::Died(format!("{what}: not a word for {seconds} s"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::process::Command;

    use anyhow::bail;

    use crate::tracker::Verdict;

    /// What became of three tests in a "guest" that is a shell script.
    struct Story {
        end: End,
        results: Vec<TestResult>,
        waiting: Vec<String>,
        heard: Heard,
        requests: Vec<String>,
    }

    fn tell(script: &str) -> Result<Story> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut guest = Guest::boot(
            &mut command,
            &dir.path().join("ktap.log"),
            &dir.path().join("qemu.log"),
        )?;
        let mut tracker = Tracker::new("suite", ["one", "two", "three"].map(String::from));
        let limits = Limits {
            usual: Duration::from_secs(3),
            of_test: BTreeMap::from([("two".to_owned(), Duration::from_secs(20))]),
        };
        let mut results = Vec::new();
        let mut heard = Heard::default();
        let mut requests = Vec::new();
        let mut obey = |line: &Line| match line {
            Line::Unplug(disk) if disk == "none" => bail!("no such disk"),
            line => {
                requests.push(line.to_string());
                Ok(())
            }
        };
        let mut emit = |result| results.push(result);
        let end = follow(
            &mut guest,
            &mut tracker,
            &limits,
            &mut heard,
            &mut obey,
            &mut emit,
        );
        if let End::Died(reason) = &end {
            results.extend(tracker.guest_ended(reason));
        }
        Ok(Story {
            end,
            results,
            waiting: tracker.waiting().cloned().collect(),
            heard,
            requests,
        })
    }

    #[test]
    fn a_guest_that_runs_through_is_clean() -> Result<()> {
        let story = tell(
            "echo 'KTAP version 1'; echo 1..3; \
             for i in one two three; do echo \"# begin $i\"; echo \"ok 1 $i\"; done; \
             echo '# log: WARNING: expected'; echo '# sha256 disk 00ff'; \
             echo '# synced main/a 2'; echo '# synced main/a 3'; echo '# end'",
        )?;
        assert_eq!(story.end, End::Clean);
        assert_eq!(story.results.len(), 3);
        assert!(story.heard.came_up);
        assert!(story.heard.accounted.contains("WARNING: expected"));
        assert_eq!(story.heard.promised["disk"], "00ff");
        assert_eq!(story.heard.synced["main/a"], 3);
        Ok(())
    }

    #[test]
    fn what_the_guest_asks_for_is_done_or_ends_it() -> Result<()> {
        let story = tell("echo '# unplug main'; echo '# plug main'; echo '# end'")?;
        assert_eq!(story.requests, ["# unplug main", "# plug main"]);
        let story = tell("echo '# unplug none'; sleep 60")?;
        let refused = "cannot do what the guest asks: no such disk";
        assert_eq!(story.end, End::Died(refused.into()));
        Ok(())
    }

    #[test]
    fn a_panic_is_blamed_on_the_test_that_ran() -> Result<()> {
        let story = tell("echo '# begin one'; echo 'ok 1 one'; echo '# begin two'; kill -9 $$")?;
        assert_eq!(story.end, End::Died("the guest died".into()));
        let names: Vec<_> = story.results.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["suite/one", "suite/two"]);
        let last = story.results.last().map(|result| &result.verdict);
        assert_eq!(last, Some(&Verdict::Failed));
        assert_eq!(story.waiting, ["three"]);
        Ok(())
    }

    #[test]
    fn an_end_that_a_test_wants_is_no_death() -> Result<()> {
        let story = tell("echo '# begin one'; echo '# dying: power cut'; sleep 60")?;
        assert_eq!(story.end, End::Wanted(POWER_CUT.into()));
        assert_eq!(story.waiting, ["two", "three"]);
        let story = tell("echo '# begin one'; echo '# dying: panic'; kill -9 $$")?;
        assert_eq!(story.end, End::Wanted("panic".into()));
        let story = tell("echo '# begin one'; echo '# dying: panic'; sleep 60")?;
        assert!(matches!(story.end, End::Died(_)));
        Ok(())
    }

    #[test]
    fn a_hang_ends_after_the_tests_own_limit() -> Result<()> {
        let story =
            tell("echo '# begin two'; sleep 1; echo 'ok 2 two'; echo '# begin three'; sleep 60")?;
        let hung = "the guest hung: not a word for 3 s";
        assert_eq!(story.end, End::Died(hung.into()));
        assert_eq!(story.waiting, ["one"]);
        assert!(!story.heard.came_up);
        let last = story.results.last().map(|result| result.details.clone());
        assert_eq!(last, Some(vec![hung.to_owned()]));
        Ok(())
    }

    #[test]
    fn a_guest_that_stays_on_after_the_end_is_noticed() -> Result<()> {
        let story = tell("echo '# end'; sleep 60")?;
        let hung = "the guest did not power off: not a word for 3 s";
        assert_eq!(story.end, End::Died(hung.into()));
        Ok(())
    }
}

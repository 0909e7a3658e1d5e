// SPDX-License-Identifier: GPL-2.0

//! Runs tests in guests: one guest for as many as it survives.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{FstestsRun, FstestsSpec, Link, Mode};

use super::blame::{attribute, given_up};
use super::order::order;
use super::record::Record;
use super::unread::unread;
use super::{Client, Entry, Tree};
use crate::follow::{follow, End, Heard, Limits};
use crate::hash;
use crate::kernel_log::text_of;
use crate::lab::{Boot, Lab};
use crate::paths::make_dir;
use crate::qemu::{Console, Machine, Share};
use crate::suites::Suite;
use crate::tracker::{TestResult, Tracker};

/// What the guest's own watch over a test needs beyond the test's limit, and what
/// coming up may take.
const GRACE: Duration = Duration::from_secs(180);

/// How often a guest may die before its first word, which is not what is tested: on a host that is
/// busy, the kernel may take the emulator's timer for broken.
const CHANCES: u32 = 1;

/// One filesystem on the engines that take turns in one guest.
pub struct Campaign<'a> {
    pub lab: &'a Lab,
    pub client: Client,
    pub tree: &'a Tree,
    pub variables: BTreeMap<String, String>,
    pub limit: Duration,
    /// One or two.
    pub sides: Vec<Side>,
}

/// An engine.
#[derive(Clone, Debug)]
pub struct Side {
    pub link: Link,
    /// Takes what its tests leave, logs and results.
    pub dir: PathBuf,
}

/// How a guest's life was.
struct Life {
    /// It got as far as the agent.
    came_up: bool,
    /// What is wrong, if that is no test's doing.
    troubles: Vec<String>,
}

/// What a campaign came to.
pub struct Course {
    /// A record for each side.
    pub records: Vec<Record>,
    /// Guests that ended while no test ran, which therefore is to blame, or that there was no
    /// way to run, and bugs that their kernels reported where no test is judged by it: they make
    /// the results no worse, and yet something is wrong.
    pub troubles: Vec<String>,
}

impl Campaign<'_> {
    /// Runs those of `tests` that have no result yet, in guests one after the other as long
    /// as each of them gets on.
    pub fn run(
        &self,
        tests: &[String],
        fresh: bool,
        show: &mut dyn FnMut(Link, &Entry),
    ) -> Result<Course> {
        let suite = match self.sides.len() {
            1 => self.client.suite_of_one(),
            _ => self.client.suite_of_two(),
        };
        let forget = if fresh { tests } else { &[] };
        let mut records = Vec::new();
        for side in &self.sides {
            let heading = self.identity(&suite, side.link)?;
            let record = Record::open(&side.dir.join("results.jsonl"), &heading, forget)?;
            records.push((side.link, record));
        }
        let runs = order(tests, &self.engines(), |engine, test| {
            let of_engine = records.iter().filter(|(link, _)| *link == engine);
            let mut entries = of_engine.filter_map(|(_, record)| record.entries.get(test));
            entries.any(|entry| entry.holds_for(self.limit))
        });
        let names = runs.iter().map(FstestsRun::to_string);
        let mut tracker = Tracker::new(suite.name, names);
        let mut troubles = guests(suite.name, &mut tracker, |tracker| {
            self.boot(&suite, tracker, &mut |result| {
                let run = run_of(&result)?;
                let entry = Entry::of(&run.test, &result, self.limit);
                show(run.engine, &entry);
                let mut records = records.iter_mut();
                match records.find(|(link, _)| *link == run.engine) {
                    Some((_, record)) => record.add(entry),
                    None => bail!("{} is a result of no engine here", result.name),
                }
            })
        });
        // Tens of gigabytes, maybe, while other filesystems' tests take hours yet.
        if let Err(error) = self.lab.discard(&suite) {
            troubles.push(format!("{error:#}"));
        }
        let records = records.into_iter().map(|(_, record)| record).collect();
        Ok(Course { records, troubles })
    }

    fn engines(&self) -> Vec<Link> {
        self.sides.iter().map(|side| side.link).collect()
    }

    /// What has to be the same for results to belong together.
    fn identity(&self, suite: &Suite, engine: Link) -> Result<String> {
        let kernel = self.lab.kernel.dir.file_name().unwrap_or_default();
        // Where the engine is built in, it is in the image alone.
        let mut files = vec![self.lab.image()];
        if suite.loads_engine && engine.is_rust() {
            files.extend(self.lab.engine_file()?);
        }
        files.extend(self.lab.module_files(suite)?);
        files.push(&self.lab.agent.binary);
        let digests = files.iter().map(|file| hash::hex_of_file(file));
        let digests = digests.collect::<Result<Vec<_>>>()?.join(" ");
        // Those of the client: a second engine's disk changes nothing for the first.
        let disks = format!("{:?}", self.client.suite.disks);
        Ok(format!(
            "{} {} {:?} {}",
            kernel.to_string_lossy(),
            self.tree.dir.display(),
            self.variables,
            hash::hex(format!("{digests} {disks} {}", self.tree.state))
        ))
    }

    /// A guest, until it ends.
    fn boot(
        &self,
        suite: &Suite,
        tracker: &mut Tracker,
        add: &mut dyn FnMut(TestResult) -> Result<()>,
    ) -> Result<Life> {
        let side = self.sides.last().context("no engine to run on")?;
        let logs = logs_of_next_guest(&side.dir)?;
        let console = logs.join("console.log");
        let machine = self.machine(suite, tracker, &console)?;
        let limits = Limits {
            usual: self.limit + GRACE,
            of_test: BTreeMap::new(),
        };
        let mut guest = self.lab.start(&machine, &logs)?;
        let mut heard = Heard::default();
        let mut written = Ok(());
        let mut last = None;
        let mut emit = |result: TestResult| {
            last = Some(result.clone());
            let added = add(result);
            if written.is_ok() {
                written = added;
            }
        };
        let mut obey = |request: &_| self.lab.obey(&machine, request);
        let end = follow(
            &mut guest, tracker, &limits, &mut heard, &mut obey, &mut emit,
        );
        // From here on the console may have what the host makes it say.
        let said = text_of(&console);
        let mut troubles = Vec::new();
        let reason = match end {
            End::Clean if !tracker.is_waiting() => None,
            End::Clean => Some("the guest ended without running all tests".to_owned()),
            End::Wanted(reason) => {
                eprintln!("{}: {reason}; the tests go on in a new guest", suite.name);
                troubles.extend(given_up(tracker, &reason, last.as_ref()));
                None
            }
            End::Died(reason) => {
                self.lab.post_mortem(&machine, &mut guest);
                Some(reason)
            }
        };
        drop(guest);
        if let Some(reason) = reason {
            let (blamed, trouble) = attribute(tracker, &reason, &console);
            let added = blamed.map_or(Ok(()), &mut *add);
            written = written.and(added);
            troubles.extend(trouble);
        }
        let reports = unread(&said, self.lab.link)?.into_iter();
        troubles.extend(reports.map(|report| format!("{report}; see {}", console.display())));
        written.map(|()| Life {
            came_up: heard.came_up,
            troubles,
        })
    }

    fn machine(&self, suite: &Suite, tracker: &Tracker, console: &Path) -> Result<Machine> {
        let spec = FstestsSpec {
            tree: self.tree.dir.display().to_string(),
            engines: self.engines(),
            variables: self.variables.clone(),
            kernel_type: self.client.kernel_type.map(str::to_owned),
            limit_secs: self.limit.as_secs(),
        };
        let mut machine = self.lab.assemble(&Boot {
            suite,
            mode: Mode::Fstests,
            tests: tracker.waiting().cloned().collect(),
            extra: serde_json::to_value(spec).context("cannot write the run's description")?,
            console: Console::Log(console.to_owned()),
            tree: None,
        })?;
        machine.shares = vec![Share {
            tag: FstestsSpec::ROOT_SHARE,
            path: PathBuf::from("/"),
            writable: false,
        }];
        machine.shares.extend(self.sides.iter().map(|side| Share {
            tag: FstestsSpec::results_share(side.link),
            path: side.dir.clone(),
            writable: true,
        }));
        Ok(machine)
    }
}

/// Guests one after the other until no test waits, as long as each of them gets on. Returns what is
/// wrong besides the tests.
fn guests(
    suite: &str,
    tracker: &mut Tracker,
    mut boot: impl FnMut(&mut Tracker) -> Result<Life>,
) -> Vec<String> {
    let mut troubles = Vec::new();
    let mut chances = CHANCES;
    while tracker.is_waiting() {
        let before = tracker.waiting().count();
        let life = match boot(tracker) {
            Ok(life) => life,
            Err(error) => {
                // No results are lost by it, neither those so far nor other filesystems'.
                let trouble = format!("{error:#}");
                eprintln!("{suite}: {trouble}; its tests end here");
                troubles.push(trouble);
                break;
            }
        };
        if !life.came_up && chances > 0 {
            chances -= 1;
            let troubles = life.troubles.join("; ");
            eprintln!("{suite}: {troubles}; the guest is booted again");
            continue;
        }
        troubles.extend(life.troubles);
        let left = tracker.waiting().count();
        if left == before {
            // No other boot would do better; a later run may.
            troubles.push(format!("no test came to run, {left} have no result"));
            break;
        }
    }
    troubles
}

/// The run that came out so.
pub fn run_of(result: &TestResult) -> Result<FstestsRun> {
    let run = result.name.split_once('/');
    let run = run.and_then(|(_suite, name)| FstestsRun::parse(name));
    run.with_context(|| format!("{} is no test on an engine", result.name))
}

/// A new directory: earlier guests' stay, as results point to them.
fn logs_of_next_guest(dir: &Path) -> Result<PathBuf> {
    let number = |name: &str| name.strip_prefix("guest-")?.parse::<u64>().ok();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let last = entries
        .flatten()
        .filter_map(|entry| number(&entry.file_name().to_string_lossy()))
        .max();
    let logs = dir.join(format!("guest-{}", last.unwrap_or_default() + 1));
    make_dir(&logs)?;
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong after guests that come up or do not, and how many there were.
    fn after(lives: &[Result<bool, &str>]) -> (Vec<String>, usize) {
        let mut lives = lives.iter();
        let mut boots = 0;
        let tests = ["generic/001", "generic/002"].map(String::from);
        let mut tracker = Tracker::new("fstests-xfs", tests);
        let troubles = guests("fstests-xfs", &mut tracker, |_| {
            boots += 1;
            match lives.next() {
                Some(Ok(came_up)) => Ok(Life {
                    came_up: *came_up,
                    troubles: vec!["died".into()],
                }),
                Some(Err(error)) => bail!("{error}"),
                None => bail!("too many boots"),
            }
        });
        (troubles, boots)
    }

    #[test]
    fn a_guest_that_does_not_come_up_has_a_second_chance() {
        let (troubles, boots) = after(&[Ok(false), Ok(true)]);
        assert_eq!(troubles, ["died", "no test came to run, 2 have no result"]);
        assert_eq!(boots, 2);
        assert_eq!(after(&[Ok(false), Ok(false)]).1, 2);
    }

    #[test]
    fn an_error_is_a_trouble_that_ends_these_tests_alone() {
        assert_eq!(after(&[Err("no qemu")]), (vec!["no qemu".into()], 1));
        let (troubles, _) = after(&[Ok(false), Err("no room")]);
        assert_eq!(troubles, ["no room"]);
    }

    #[test]
    fn no_guest_writes_over_the_logs_of_another() -> Result<()> {
        let dir = tempfile::tempdir()?;
        for number in 1..12 {
            let logs = logs_of_next_guest(dir.path())?;
            assert_eq!(logs, dir.path().join(format!("guest-{number}")));
        }
        Ok(())
    }
}

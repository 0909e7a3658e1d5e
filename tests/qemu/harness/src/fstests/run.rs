// SPDX-License-Identifier: GPL-2.0

//! Runs tests in guests: one guest for as many as it survives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use iomap_qemu_protocol::{FstestsSpec, Mode};

use super::{Client, Entry, Record};
use crate::follow::{follow, End, Heard, Limits};
use crate::hash;
use crate::kernel_log::cause_of_death;
use crate::lab::{Boot, Lab};
use crate::paths::{make_dir, read_text};
use crate::qemu::{Console, Share};
use crate::tracker::{TestResult, Tracker};

/// What the guest's own watch over a test needs beyond the test's limit, and what
/// coming up may take.
const GRACE: Duration = Duration::from_secs(180);

/// One filesystem on one engine.
pub struct Campaign<'a> {
    pub lab: &'a Lab,
    pub client: Client,
    pub tree: &'a Path,
    pub variables: BTreeMap<String, String>,
    pub limit: Duration,
    /// Takes what the tests leave, logs and results.
    pub dir: PathBuf,
}

impl Campaign<'_> {
    /// Runs those of `tests` that have no result yet.
    pub fn run(
        &self,
        tests: &[String],
        fresh: bool,
        show: &mut dyn FnMut(&Entry),
    ) -> Result<Record> {
        let mut record = Record::open(&self.dir.join("results.jsonl"), &self.identity()?, fresh)?;
        let missing = tests
            .iter()
            .filter(|test| !record.entries.contains_key(*test))
            .cloned();
        let mut tracker = Tracker::new(self.client.suite.name, missing);
        for number in 1.. {
            if !tracker.is_waiting() {
                break;
            }
            self.boot(&mut tracker, number, &mut |result| {
                let entry = Entry::of(&result);
                show(&entry);
                record.add(entry)
            })?;
        }
        Ok(record)
    }

    /// What has to be the same for results to belong together.
    fn identity(&self) -> Result<String> {
        let kernel = self.lab.kernel.dir.file_name().unwrap_or_default();
        let mut digests = Vec::new();
        for file in self.lab.module_files(self.client.suite)? {
            digests.push(hash::hex_of_file(file)?);
        }
        Ok(format!(
            "{} {} {:?} {}",
            kernel.to_string_lossy(),
            self.tree.display(),
            self.variables,
            hash::hex(digests.join(" "))
        ))
    }

    fn boot(
        &self,
        tracker: &mut Tracker,
        number: usize,
        add: &mut dyn FnMut(TestResult) -> Result<()>,
    ) -> Result<()> {
        let logs = self.dir.join(format!("guest-{number}"));
        make_dir(&logs)?;
        let console = logs.join("console.log");
        let spec = FstestsSpec {
            tree: self.tree.display().to_string(),
            variables: self.variables.clone(),
            kernel_type: self.client.kernel_type.map(str::to_owned),
            limit_secs: self.limit.as_secs(),
        };
        let mut machine = self.lab.assemble(&Boot {
            suite: self.client.suite,
            mode: Mode::Fstests,
            tests: tracker.waiting().cloned().collect(),
            extra: serde_json::to_value(spec).context("cannot write the run's description")?,
            console: Console::Log(console.clone()),
            tree: None,
        })?;
        machine.shares = vec![
            Share {
                tag: FstestsSpec::ROOT_SHARE,
                path: PathBuf::from("/"),
                writable: false,
            },
            Share {
                tag: FstestsSpec::RESULTS_SHARE,
                path: self.dir.clone(),
                writable: true,
            },
        ];
        let limits = Limits {
            usual: self.limit + GRACE,
            of_test: BTreeMap::new(),
        };
        let mut guest = self.lab.start(&machine, &logs)?;
        let mut heard = Heard::default();
        let mut written = Ok(());
        let mut emit = |result| {
            let added = add(result);
            if written.is_ok() {
                written = added;
            }
        };
        let mut obey = |request: &_| self.lab.obey(&machine, request);
        let end = follow(
            &mut guest, tracker, &limits, &mut heard, &mut obey, &mut emit,
        );
        if let End::Died(reason) = end {
            self.lab.post_mortem(&machine, &mut guest);
            drop(guest);
            let text = read_text(&console).unwrap_or_default();
            let reason = match cause_of_death(&text) {
                Some(panic) => format!("{reason}: {panic}; see {}", console.display()),
                None => format!("{reason}; see {}", console.display()),
            };
            for result in tracker.guest_ended(&reason) {
                emit(result);
            }
        } else {
            for result in tracker.guest_ended("the guest ended without running this test") {
                emit(result);
            }
        }
        written
    }
}

// SPDX-License-Identifier: GPL-2.0

//! One suite from its first boot to fsck: runs the tests in a guest, and in
//! another one if that dies under a test, until all have a result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iomap_qemu_protocol::{DemoSpec, Mode, TestInfo};

use crate::aftermath::Lost;
use crate::follow::{follow, End, Heard, Limits};
use crate::hash;
use crate::image::{self, Tree};
use crate::kernel_log::{cause_of_death, last_words, text_of, unaccounted};
use crate::lab::{Boot, Lab};
use crate::paths::make_dir;
use crate::process::tail_of;
use crate::qemu::{Console, Machine};
use crate::report::GUEST_LOG;
use crate::suites::{Suite, MAIN};
use crate::tracker::{TestResult, Tracker, Verdict};

/// A suite under way.
pub struct Session<'a> {
    lab: &'a Lab,
    suite: &'a Suite,
    /// The suite's name in the names of its tests.
    label: String,
    tree: &'a Tree,
    limits: Limits,
    logs: PathBuf,
    /// How often the emulator may still fail by itself.
    chances: u32,
    emit: &'a mut dyn FnMut(TestResult),
}

/// QEMU has been seen to fail an assertion of its own while a guest looked for its PCI
/// devices, and a guest to hang before its first test, each once in hundreds of boots. More
/// than that has a reason to be looked for.
const CHANCES: u32 = 1;

impl<'a> Session<'a> {
    pub fn new(
        lab: &'a Lab,
        suite: &'a Suite,
        tree: &'a Tree,
        logs: PathBuf,
        emit: &'a mut dyn FnMut(TestResult),
    ) -> Self {
        Self {
            lab,
            suite,
            label: lab.kind().label(suite.name),
            tree,
            limits: Limits::new(lab.flavor),
            logs,
            chances: CHANCES,
            emit,
        }
    }

    /// Runs `tests`; every one of them gets a result, whatever happens.
    pub fn run(mut self, tests: &[TestInfo]) -> Result<()> {
        for test in tests {
            if let Some(seconds) = test.timeout_secs {
                let limit = Duration::from_secs(seconds) * self.lab.flavor.slowness();
                self.limits.of_test.insert(test.name.clone(), limit);
            }
        }
        let names = tests.iter().map(|test| test.name.clone());
        let mut tracker = Tracker::new(&self.label, names);
        for number in 1.. {
            if !tracker.is_waiting() {
                break;
            }
            let logs = match number {
                1 => self.logs.clone(),
                _ => self.logs.join(format!("boot-{number}")),
            };
            self.boot(&mut tracker, &logs)?;
        }
        Ok(())
    }

    fn boot(&mut self, tracker: &mut Tracker, logs: &Path) -> Result<()> {
        make_dir(logs)?;
        let console = logs.join("console.log");
        let machine = self.lab.assemble(&Boot {
            suite: self.suite,
            mode: Mode::Test,
            tests: tracker.waiting().cloned().collect(),
            extra: serde_json::to_value(DemoSpec {
                manifest: self.tree.manifest.clone(),
            })
            .context("cannot write the manifest")?,
            console: Console::Log(console.clone()),
            tree: Some(self.tree),
        })?;
        let mut guest = self.lab.start(&machine, logs)?;
        let waiting = tracker.waiting().count();
        let mut heard = Heard::default();
        let mut obey = |request: &_| self.lab.obey(&machine, request);
        let mut emit = |result| (self.emit)(with_log(result, &console));
        let end = follow(
            &mut guest,
            tracker,
            &self.limits,
            &mut heard,
            &mut obey,
            &mut emit,
        );
        let mut last = String::new();
        if matches!(end, End::Died(_)) {
            // From here on the console has what the host made it say.
            last = last_words(&text_of(&console));
            self.lab.post_mortem(&machine, &mut guest);
        }
        drop(guest);
        match end {
            End::Clean => {
                for result in tracker.guest_ended("the guest ended without running this test") {
                    (self.emit)(with_log(result, &console));
                }
                self.check_log(&console, &heard.accounted)?;
                self.check_disks(&machine, &heard.promised);
            }
            End::Wanted(how) => {
                let lost = Lost {
                    lab: self.lab,
                    suite: self.suite,
                    machine: &machine,
                    logs,
                    heard: &heard,
                    how: &how,
                };
                let problems = lost.problems(&text_of(&console))?;
                if let Some(result) = tracker.ended_as_wanted(problems) {
                    (self.emit)(with_log(result, &console));
                }
            }
            End::Died(reason) => {
                let complaint = tail_of(&logs.join("qemu.log"));
                let cause = cause_of_death(&text_of(&console));
                let untested = tracker.waiting().count() == waiting;
                let emulator = untested && is_assertion(&complaint);
                let silent = !heard.came_up && cause.is_none();
                if self.chances > 0 && (emulator || silent) {
                    self.chances -= 1;
                    eprintln!(
                        "{}: {reason}, which is not the engine's doing: the guest is booted \
                         again; its console ends with {last:?}\n{complaint}",
                        self.label
                    );
                    return Ok(());
                }
                let reason = match cause {
                    Some(panic) => format!("{reason}: {panic}"),
                    None => format!("{reason}; its console ends with {last:?}"),
                };
                let reason = format!("{reason}\n{complaint}").trim_end().to_owned();
                let mut blamed = tracker.guest_ended(&reason);
                if blamed.is_empty() {
                    // All tests had their result before.
                    blamed.push(self.host_result("power_off", Instant::now(), true, vec![reason]));
                }
                for result in blamed {
                    (self.emit)(with_log(result, &console));
                }
            }
        }
        Ok(())
    }

    fn check_log(&mut self, console: &Path, accounted: &BTreeSet<String>) -> Result<()> {
        let start = Instant::now();
        let lines = unaccounted(&text_of(console), self.lab.link, accounted)?;
        let failed = !lines.is_empty();
        let result = self.host_result("guest_log", start, failed, lines);
        (self.emit)(with_log(result, console));
        Ok(())
    }

    fn check_disks(&mut self, machine: &Machine, promised: &BTreeMap<String, String>) {
        for disk in &machine.disks {
            if let Some(digest) = promised.get(disk.role) {
                let start = Instant::now();
                let details = match hash::hex_of_file(&disk.path) {
                    Ok(found) if found == *digest => Vec::new(),
                    Ok(found) => vec![format!("{}: {found} instead of {digest}", disk.role)],
                    Err(error) => vec![format!("{error:#}")],
                };
                let failed = !details.is_empty();
                let result = self.host_result("host_contents", start, failed, details);
                (self.emit)(result);
            }
            let Some(filesystem) = disk.filesystem else {
                continue;
            };
            let start = Instant::now();
            let outcome = image::check(&self.lab.tools, filesystem, &disk.path);
            let details: Vec<String> = outcome.err().iter().map(|e| format!("{e:#}")).collect();
            let failed = !details.is_empty();
            let name = match disk.role {
                MAIN => "host_fsck".to_owned(),
                role => format!("host_fsck_{role}"),
            };
            let result = self.host_result(&name, start, failed, details);
            (self.emit)(result);
        }
    }

    fn host_result(
        &self,
        name: &str,
        start: Instant,
        failed: bool,
        details: Vec<String>,
    ) -> TestResult {
        TestResult {
            name: format!("{}/{name}", self.label),
            verdict: if failed {
                Verdict::Failed
            } else {
                Verdict::Passed
            },
            seconds: start.elapsed().as_secs_f64(),
            details,
        }
    }
}

/// Whether QEMU says that it has failed, and not the guest.
fn is_assertion(complaint: &str) -> bool {
    complaint
        .lines()
        .any(|line| line.starts_with("qemu-system-") && line.contains(": Assertion `"))
}

/// A failure comes with the end of the guest's kernel log and its place.
fn with_log(mut result: TestResult, console: &Path) -> TestResult {
    if result.verdict == Verdict::Failed {
        let tail = tail_of(console);
        result
            .details
            .push(format!("{GUEST_LOG}, {}:\n{tail}", console.display()));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_fails_by_an_assertion_of_its_own() {
        assert!(is_assertion(
            "qemu-system-x86_64: hw/pci/msix.c:228: msix_table_mmio_write: Assertion `addr' failed.\n"
        ));
        assert!(!is_assertion(
            "qemu-system-x86_64: terminating on signal 15\n"
        ));
        assert!(!is_assertion(""));
    }
}

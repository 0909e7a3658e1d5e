// SPDX-License-Identifier: GPL-2.0

//! A guest that mounts what another one left behind when it was lost: the kernel
//! recovers the filesystem from its log, which no program of the host does for all.

use std::path::Path;

use anyhow::{Context, Result};
use iomap_qemu_protocol::{Mode, RecoverySpec};

use crate::follow::{follow, End, Heard, Limits};
use crate::kernel_log::{cause_of_death, text_of, unaccounted};
use crate::lab::{Boot, Lab};
use crate::paths::make_dir;
use crate::qemu::{Console, Machine};
use crate::suites::Suite;
use crate::tracker::{Tracker, Verdict};

/// Nothing, if the main disk of the machine can be mounted, every file is
/// there with what was `told` of it, and the kernel has nothing to complain of.
pub fn problems(
    lab: &Lab,
    suite: &Suite,
    machine: &Machine,
    told: &RecoverySpec,
    logs: &Path,
) -> Result<Vec<String>> {
    if let Some(problems) = attempt(lab, suite, machine, told, logs)? {
        return Ok(problems);
    }
    // It had not mounted the disk yet.
    eprintln!(
        "{}: the guest that was to recover the disk never came up, and is booted again",
        suite.name
    );
    let problems = attempt(lab, suite, machine, told, logs)?;
    Ok(problems
        .unwrap_or_else(|| vec!["the guest that was to recover the disk never came up".to_owned()]))
}

/// [`None`] if the guest never came up, and its kernel does not say why.
fn attempt(
    lab: &Lab,
    suite: &Suite,
    machine: &Machine,
    told: &RecoverySpec,
    logs: &Path,
) -> Result<Option<Vec<String>>> {
    let logs = logs.join(RecoverySpec::NAME);
    make_dir(&logs)?;
    let console = logs.join("console.log");
    let boot = Boot {
        suite,
        mode: Mode::Recovery,
        tests: Vec::new(),
        extra: serde_json::to_value(told).context("cannot write what was promised")?,
        console: Console::Log(console.clone()),
        tree: None,
    };
    let machine = lab.reassemble(&boot, machine)?;
    let mut guest = lab.start(&machine, &logs)?;
    let mut tracker = Tracker::new(suite.name, [RecoverySpec::NAME.to_owned()]);
    let mut results = Vec::new();
    let mut heard = Heard::default();
    let end = follow(
        &mut guest,
        &mut tracker,
        &Limits::new(lab.flavor),
        &mut heard,
        &mut |request| lab.obey(&machine, request),
        &mut |result| results.push(result),
    );
    if matches!(end, End::Died(_)) {
        lab.post_mortem(&machine, &mut guest);
    }
    drop(guest);
    let said = text_of(&console);
    if matches!(end, End::Died(_)) && !heard.came_up && cause_of_death(&said).is_none() {
        return Ok(None);
    }

    let how = match end {
        End::Clean => None,
        End::Wanted(how) | End::Died(how) => Some(format!("in recovery: {how}")),
    };
    results.extend(tracker.guest_ended("the recovery was not done"));
    let failed = results
        .into_iter()
        .filter(|result| result.verdict != Verdict::Passed);
    let mut problems: Vec<String> = failed.flat_map(|result| result.details).collect();
    problems.extend(how);
    problems.extend(unaccounted(&said, lab.link, &heard.accounted)?);
    Ok(Some(problems))
}

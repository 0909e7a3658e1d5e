// SPDX-License-Identifier: GPL-2.0

//! A guest that mounts what another one left behind when it was lost: the kernel
//! recovers the filesystem from its log, which no program of the host does for all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use iomap_qemu_protocol::{Mode, RecoverySpec};

use crate::follow::{follow, End, Heard, Limits};
use crate::kernel_log::unaccounted;
use crate::lab::{Boot, Lab};
use crate::paths::make_dir;
use crate::qemu::{Console, Machine};
use crate::suites::Suite;
use crate::tracker::{Tracker, Verdict};

/// How long the guest may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing, if the main disk of the machine can be mounted, every file of `promised`
/// is there with that SHA-256, and the kernel has nothing to complain of.
pub fn problems(
    lab: &Lab,
    suite: &Suite,
    machine: &Machine,
    promised: &BTreeMap<String, String>,
    logs: &Path,
) -> Result<Vec<String>> {
    let logs = logs.join(RecoverySpec::NAME);
    make_dir(&logs)?;
    let console = logs.join("console.log");
    let boot = Boot {
        suite,
        mode: Mode::Recovery,
        tests: Vec::new(),
        extra: serde_json::to_value(RecoverySpec {
            promised: promised.clone(),
        })
        .context("cannot write what was promised")?,
        console: Console::Log(console.clone()),
        tree: None,
    };
    let machine = lab.reassemble(&boot, machine)?;
    let mut guest = lab.start(&machine, &logs)?;
    let mut tracker = Tracker::new(suite.name, [RecoverySpec::NAME.to_owned()]);
    let limits = Limits {
        usual: PATIENCE * lab.flavor.slowness(),
        of_test: BTreeMap::new(),
    };
    let mut results = Vec::new();
    let mut heard = Heard::default();
    let end = follow(
        &mut guest,
        &mut tracker,
        &limits,
        &mut heard,
        &mut |request| lab.obey(&machine, request),
        &mut |result| results.push(result),
    );
    if matches!(end, End::Died(_)) {
        lab.post_mortem(&machine, &mut guest);
    }
    drop(guest);

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
    let text = String::from_utf8_lossy(&fs::read(&console).unwrap_or_default()).into_owned();
    problems.extend(unaccounted(&text, &heard.accounted)?);
    Ok(problems)
}

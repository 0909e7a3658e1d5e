// SPDX-License-Identifier: GPL-2.0

//! `demo`: untouched C filesystems on the Rust engine, from mkfs to fsck.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iomap_qemu_protocol::{DemoSpec, Link, Mode};

use crate::agent::Agent;
use crate::checks;
use crate::demo::{self, Record};
use crate::image::Tree;
use crate::kernel::Flavor;
use crate::kernel_log::unaccounted;
use crate::lab::{Boot, Lab};
use crate::paths::{make_dir, Paths};
use crate::progress::Progress;
use crate::qemu::{Console, Event};
use crate::suites::{Suite, DEMO};
use crate::toolchain::Toolchain;

/// How long the guest may be silent. A phase says nothing until it is done.
const PATIENCE: Duration = Duration::from_secs(180);

pub fn run(paths: &Paths, tools: &Toolchain, link: Link) -> Result<bool> {
    let start = Instant::now();
    let _results = paths.lock_results()?;
    let agent = Agent::build(paths, tools)?;
    let lab = Lab::prepare(paths, tools, agent, link, Flavor::Release)?;
    let progress = Progress::new("making a tree of files", None);
    let tree = Tree::generate(&lab.work().join("tree"))?;
    progress.finish();

    let mut parts = Vec::new();
    let mut all_well = true;
    for suite in DEMO {
        let (part, well) = show(&lab, suite, &tree)?;
        parts.push(part);
        all_well &= well;
    }
    let mut problems = Vec::new();
    if let Err(error) = checks::filesystems_are_untouched(paths, tools, link) {
        problems.push(format!("{error:#}"));
        all_well = false;
    }

    println!("\n{}", demo::head(&lab)?);
    println!("{}", parts.join("\n"));
    if problems.is_empty() {
        println!("The filesystems' sources are byte for byte those of the package.");
    }
    for problem in problems {
        println!("WRONG: {problem}");
    }
    println!(
        "Took {:.0} s. Verdict: {}",
        start.elapsed().as_secs_f64(),
        if all_well { "all is well" } else { "FAILED" }
    );
    Ok(all_well)
}

/// One filesystem: boots, follows, verifies. Returns its part of the report and
/// whether all was well.
fn show(lab: &Lab, suite: &Suite, tree: &Tree) -> Result<(String, bool)> {
    let logs = lab.paths.results().join(suite.name);
    make_dir(&logs)?;
    let console = logs.join("console.log");
    let spec = DemoSpec {
        manifest: tree.manifest.clone(),
    };
    let machine = lab.assemble(&Boot {
        suite,
        mode: Mode::Demo,
        tests: Vec::new(),
        extra: serde_json::to_value(spec).context("cannot write the manifest")?,
        console: Console::Log(console.clone()),
        tree: Some(tree),
    })?;
    let mut record = Record::default();
    follow(lab, suite, &machine, &logs, &mut record)?;

    let log = std::fs::read(&console).unwrap_or_default();
    let accounted: BTreeSet<String> = record.log.iter().cloned().collect();
    for line in unaccounted(&String::from_utf8_lossy(&log), lab.link, &accounted)? {
        record.problems.push(format!("kernel log: {line}"));
    }
    if record.events().is_empty() {
        let problem = "no trace event of the engine came: nothing went through it";
        record.problems.push(problem.to_owned());
    }
    let mut agreement = demo::Agreement::default();
    if let (true, Some(disk)) = (record.finished(), machine.disks.first()) {
        agreement = demo::verify(&lab.tools, disk, lab.work(), &mut record)?;
    }
    let well = record.problems.is_empty();
    let mut part = demo::disk(suite, &record, &agreement);
    if !well {
        part.push_str(&format!("  logs: {}\n", logs.display()));
    }
    Ok((part, well))
}

/// Lets the guest run to its end and takes down what it says.
pub fn follow(
    lab: &Lab,
    suite: &Suite,
    machine: &crate::qemu::Machine,
    logs: &std::path::Path,
    record: &mut Record,
) -> Result<()> {
    let mut progress = Progress::new(format!("{}: a guest at work", suite.name), None);
    let mut guest = lab.start(machine, logs)?;
    loop {
        match guest.next(PATIENCE) {
            Event::Line(line) => {
                progress.advance();
                record.line(line);
            }
            Event::Exited => {
                record.guest_ended("the guest died");
                break;
            }
            Event::Silent => {
                record.guest_ended("the guest hung");
                break;
            }
        }
    }
    progress.finish();
    Ok(())
}

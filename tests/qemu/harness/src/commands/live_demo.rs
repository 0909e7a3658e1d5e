// SPDX-License-Identifier: GPL-2.0

//! `demo` of the hot-swap: filesystems that are mounted and at work change engines.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use iomap_qemu_protocol::{Link, Mode};

use super::demo::follow;
use crate::agent::Agent;
use crate::checks;
use crate::demo::{self, count, Phase, Record};
use crate::image;
use crate::kernel::Flavor;
use crate::kernel_log::unaccounted;
use crate::lab::{Boot, Lab};
use crate::paths::{make_dir, Paths};
use crate::qemu::{Console, Machine};
use crate::suites::LIVE_DEMO;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain) -> Result<bool> {
    let start = Instant::now();
    let _results = paths.lock_results()?;
    let agent = Agent::build(paths, tools)?;
    let lab = Lab::prepare(paths, tools, agent, Link::Live, Flavor::Release)?;
    let logs = lab.paths.results().join(LIVE_DEMO.name);
    make_dir(&logs)?;
    let console = logs.join("console.log");
    let machine = lab.assemble(&Boot {
        suite: &LIVE_DEMO,
        mode: Mode::Demo,
        tests: Vec::new(),
        extra: serde_json::Value::Null,
        console: Console::Log(console.clone()),
        tree: None,
    })?;
    let mut record = Record::default();
    follow(&lab, &LIVE_DEMO, &machine, &logs, &mut record)?;

    let log = std::fs::read(&console).unwrap_or_default();
    let accounted: BTreeSet<String> = record.log.iter().cloned().collect();
    for line in unaccounted(&String::from_utf8_lossy(&log), lab.link, &accounted)? {
        record.problems.push(format!("kernel log: {line}"));
    }
    check_disks(&lab, &machine, &mut record);
    if let Err(error) = checks::filesystems_are_untouched(paths, tools, Link::Live) {
        record.problems.push(format!("{error:#}"));
    }
    let well = record.problems.is_empty();
    println!("\n{}", demo::head(&lab)?);
    print!("{}", table(&record));
    if !well {
        println!("  logs: {}", logs.display());
    }
    println!(
        "Took {:.0} s. Verdict: {}",
        start.elapsed().as_secs_f64(),
        if well { "all is well" } else { "FAILED" }
    );
    Ok(well)
}

fn check_disks(lab: &Lab, machine: &Machine, record: &mut Record) {
    for disk in &machine.disks {
        let Some(filesystem) = disk.filesystem else {
            continue;
        };
        if let Err(error) = image::check(&lab.tools, filesystem, &disk.path) {
            let name = filesystem.name();
            record.problems.push(format!("fsck of {name}: {error:#}"));
        }
    }
}

fn table(record: &Record) -> String {
    let mut text = String::from(
        "XFS, ext4 and ext2, mounted all the time; on each fsx, fio with checksums, buffered and\n\
         direct, and two threads that read, write, map and sync files\n",
    );
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "  {:<42} {:>9} {:>7}   trace events of C and Rust in 0.3 s",
        "phase", "time", "steps"
    );
    for phase in &record.phases {
        let _ = writeln!(text, "{}", row(phase));
    }
    for problem in &record.problems {
        let _ = writeln!(text, "  WRONG: {problem}");
    }
    if record.problems.is_empty() {
        text.push_str("  xfs_repair -n, e2fsck -fn: clean\n");
    }
    text
}

fn row(phase: &Phase) -> String {
    let what = match phase.name.as_str() {
        "on_c" => "the C engine serves",
        "to_rust" => "insmod iomap_rs_live.ko",
        "on_rust" => "the Rust engine serves",
        "to_c" => "echo 0 > .../enabled; rmmod iomap_rs_live",
        "on_c_again" => "the C engine serves again",
        "verify" => "every byte of every file is verified",
        other => other,
    };
    let mut text = format!(
        "  {what:<42} {:>7.2} s {:>7}",
        phase.metric("seconds"),
        count(phase.metric("steps")),
    );
    let events = |system| phase.metrics.get(system).map(|events| count(*events));
    if let Some(c) = events("trace.iomap") {
        let rust = events("trace.iomap_rs").unwrap_or_default();
        let _ = write!(text, "   {c} and {rust}");
    }
    if let Some(calls) = phase.metrics.get("calls") {
        let _ = write!(text, "; {} calls", count(*calls));
    }
    if let Some(runs) = phase.metrics.get("runs") {
        let operations = count(phase.metric("operations"));
        let _ = write!(
            text,
            "   {} runs of fsx and fio, {operations} operations",
            count(*runs)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_who_served() {
        let metrics = [
            ("seconds", 8.5),
            ("steps", 70.0),
            ("calls", 900.0),
            ("trace.iomap", 0.0),
            ("trace.iomap_rs", 12.0),
        ];
        let row = row(&Phase {
            name: "on_rust".into(),
            metrics: metrics.map(|(key, value)| (key.to_owned(), value)).into(),
        });
        assert!(row.contains("the Rust engine serves"), "{row}");
        assert!(
            row.ends_with("8.50 s      70   0 and 12; 900 calls"),
            "{row}"
        );
    }
}

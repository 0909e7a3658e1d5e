// SPDX-License-Identifier: GPL-2.0

//! From the lines of a guest in bench mode to figures of workloads.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{bail, Result};
use iomap_bench_report::{Run, State, Suite, Workload};
use iomap_qemu_protocol::ktap::{Line, Outcome};
use iomap_qemu_protocol::Link;

use crate::progress::Progress;
use crate::qemu::{Event, Guest};

/// How long a guest may be silent: a workload says nothing until it is done, and
/// the host may have more to do.
const PATIENCE: Duration = Duration::from_secs(900);

/// One workload in one boot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub name: String,
    ops: u64,
    copied: f64,
    control: bool,
    run: Run,
    /// Of memory in use, if that was measured.
    bytes: Option<f64>,
}

/// All that a guest told.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    pub workloads: Vec<Measured>,
    /// The lower halves of the addresses of modules' code.
    pub modules: BTreeMap<String, u64>,
    /// The same of ftrace's trampolines.
    pub trampolines: Vec<u64>,
    /// Workloads that failed, and what they said.
    pub failed: Vec<String>,
}

impl Collected {
    /// An error if a workload failed.
    pub fn whole(self) -> Result<Self> {
        match self.failed.first() {
            Some(failed) => bail!("{failed}"),
            None => Ok(self),
        }
    }
}

/// Listens until the guest ends. An error if it died.
pub fn collect(guest: &mut Guest, progress: &mut Progress) -> Result<Collected> {
    let mut found = Found::default();
    loop {
        match guest.next(PATIENCE) {
            Event::Line(line) => {
                if matches!(line, Line::Result { .. }) {
                    progress.advance();
                }
                found.line(line)?;
            }
            Event::Exited if found.ended => return Ok(found.collected),
            Event::Exited => bail!("the guest died; it said: {}", found.said.join("; ")),
            Event::Silent => bail!("the guest hung in {}", found.running()),
        }
    }
}

#[derive(Default)]
struct Found {
    collected: Collected,
    said: Vec<String>,
    ended: bool,
}

impl Found {
    fn running(&self) -> &str {
        let last = self.collected.workloads.last();
        last.map_or("its start", |last| &last.name)
    }

    fn line(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Begin(name) => self.collected.workloads.push(Measured {
                name,
                ..Measured::default()
            }),
            Line::Metric { test, key, value } if test == "modules" => {
                self.collected.modules.insert(key, value as u64);
            }
            Line::Metric { test, value, .. } if test == "trampolines" => {
                self.collected.trampolines.push(value as u64);
            }
            Line::Metric { test, key, value } => {
                let workloads = &mut self.collected.workloads;
                if let Some(last) = workloads.last_mut().filter(|last| last.name == test) {
                    last.take(&key, value);
                }
            }
            Line::Result {
                name,
                outcome: Outcome::Failed,
                ..
            } => {
                let said = std::mem::take(&mut self.said).join("; ");
                self.collected.failed.push(format!("{name} failed: {said}"));
                self.collected.workloads.retain(|one| one.name != name);
            }
            Line::Comment(text) => self.said.push(text),
            Line::End => self.ended = true,
            _ => {}
        }
        Ok(())
    }
}

impl Measured {
    /// Operations of all batches, with the one that warms up. One, if it is memory that
    /// was measured.
    pub fn operations(&self) -> f64 {
        (self.ops.max(1) * (self.run.batches.len() as u64 + 1)) as f64
    }

    fn take(&mut self, key: &str, value: f64) {
        match key {
            "ops" => self.ops = value as u64,
            "copied" => self.copied = value,
            "control" => self.control = value != 0.0,
            "batch" => self.run.batches.push(value as u64),
            "idle_ms" => self.run.idle_ms = value,
            "bytes" => self.bytes = Some(value),
            _ => {}
        }
    }
}

/// Adds a boot's figures to the suite's.
pub fn merge(suite: &mut Suite, link: Link, measured: Vec<Measured>) {
    let mut index: BTreeMap<String, usize> = suite
        .workloads
        .iter()
        .enumerate()
        .map(|(at, workload)| (workload.name.clone(), at))
        .collect();
    for one in measured {
        if let Some(bytes) = one.bytes {
            keep(&mut suite.state, link, one.name, bytes);
            continue;
        }
        let at = *index.entry(one.name.clone()).or_insert_with(|| {
            suite.workloads.push(Workload {
                name: one.name.clone(),
                ops: one.ops,
                copied: one.copied,
                control: one.control,
                ..Workload::default()
            });
            suite.workloads.len() - 1
        });
        if let Some(workload) = suite.workloads.get_mut(at) {
            match link {
                Link::C => workload.c.push(one.run),
                Link::Module | Link::Builtin | Link::Live => workload.rust.push(one.run),
            }
        }
    }
}

/// Adds what a boot says of memory.
fn keep(states: &mut Vec<State>, link: Link, name: String, bytes: f64) {
    let known = states.iter().position(|state| state.name == name);
    let at = known.unwrap_or_else(|| {
        states.push(State {
            name,
            ..State::default()
        });
        states.len() - 1
    });
    if let Some(state) = states.get_mut(at) {
        match link {
            Link::C => state.c.push(bytes),
            Link::Module | Link::Builtin | Link::Live => state.rust.push(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Result<Found> {
        let mut found = Found::default();
        for line in lines.iter().filter_map(|line| Line::parse(line)) {
            found.line(line)?;
        }
        Ok(found)
    }

    const GOOD: &[&str] = &[
        "# begin write_4k",
        "# metric write_4k control 0",
        "# metric write_4k ops 64",
        "# metric write_4k copied 4096",
        "# metric write_4k batch 500000",
        "# metric write_4k batch 500100",
        "# metric write_4k idle_ms 0",
        "ok 1 write_4k",
        "# end",
    ];

    #[test]
    fn a_workload_is_read() -> Result<()> {
        let found = told(GOOD)?;
        assert!(found.ended);
        let run = Run {
            batches: vec![500_000, 500_100],
            idle_ms: 0.0,
        };
        let expected = Measured {
            name: "write_4k".into(),
            ops: 64,
            copied: 4096.0,
            control: false,
            run,
            bytes: None,
        };
        assert_eq!(found.collected.workloads, [expected]);
        Ok(())
    }

    #[test]
    fn a_failure_is_told_with_its_reason() -> Result<()> {
        let failed = ["# begin a", "# no space", "not ok 1 a"];
        let found = told(&[&failed, GOOD].concat())?;
        assert_eq!(found.collected.failed, ["a failed: no space"]);
        let names = found.collected.workloads.iter().map(|one| &one.name);
        assert_eq!(names.collect::<Vec<_>>(), ["write_4k"]);
        Ok(())
    }

    #[test]
    fn boots_of_both_engines_come_together() -> Result<()> {
        let mut suite = Suite::default();
        for link in [Link::C, Link::Module, Link::Module] {
            merge(&mut suite, link, told(GOOD)?.collected.workloads);
        }
        let runs: Vec<_> = suite
            .workloads
            .iter()
            .map(|workload| (workload.c.len(), workload.rust.len()))
            .collect();
        assert_eq!(runs, [(1, 2)]);
        Ok(())
    }

    #[test]
    fn memory_is_kept_apart() -> Result<()> {
        let mut suite = Suite::default();
        let lines = ["# begin state", "# metric state bytes 8192", "ok 1 state"];
        for link in [Link::C, Link::Module] {
            merge(&mut suite, link, told(&lines)?.collected.workloads);
        }
        assert!(suite.workloads.is_empty());
        let bytes: Vec<_> = suite
            .state
            .into_iter()
            .map(|one| (one.c, one.rust))
            .collect();
        assert_eq!(bytes, [(vec![8192.0], vec![8192.0])]);
        Ok(())
    }
}

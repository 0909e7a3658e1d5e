// SPDX-License-Identifier: GPL-2.0

//! Collects what a guest in demo mode says.

use std::collections::BTreeMap;

use iomap_qemu_protocol::ktap::{Line, Outcome};

use super::extents::Extent;

/// One phase and its figures.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    pub name: String,
    pub metrics: BTreeMap<String, f64>,
}

impl Phase {
    pub fn metric(&self, key: &str) -> f64 {
        self.metrics.get(key).copied().unwrap_or_default()
    }
}

/// All that came from one guest.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub phases: Vec<Phase>,
    /// By encoded path.
    pub extents: BTreeMap<String, Vec<Extent>>,
    /// Encoded path and SHA-256 of what the guest wrote.
    pub written: Vec<(String, String)>,
    /// What went wrong.
    pub problems: Vec<String>,
    /// Lines of the kernel log that the agent accounted for.
    pub log: Vec<String>,
    finished: bool,
    comments: Vec<String>,
}

impl Record {
    pub fn line(&mut self, line: Line) {
        match line {
            Line::Begin(name) => {
                self.comments.clear();
                self.phases.push(Phase {
                    name,
                    ..Phase::default()
                });
            }
            Line::Metric { key, value, .. } => {
                if let Some(phase) = self.phases.last_mut() {
                    phase.metrics.insert(key, value);
                }
            }
            Line::Extent {
                path,
                logical,
                physical,
                length,
                ..
            } => self.extents.entry(path).or_default().push(Extent {
                logical,
                physical,
                length,
            }),
            Line::Sha256 { path, hex } => self.written.push((path, hex)),
            Line::Log(text) => self.log.push(text),
            Line::Comment(text) => self.comments.push(text),
            Line::Result {
                name,
                outcome: Outcome::Failed,
                ..
            } => {
                let why = self.comments.join("; ");
                self.problems.push(format!("phase {name} failed: {why}"));
            }
            Line::Result { .. }
            | Line::Version
            | Line::Plan(_)
            | Line::Synced { .. }
            | Line::Unplug(_)
            | Line::Plug(_)
            | Line::Dying(_) => {}
            Line::End => self.finished = true,
        }
    }

    pub fn finished(&self) -> bool {
        self.finished
    }

    /// The guest is gone; before its time if the end was not announced.
    pub fn guest_ended(&mut self, how: &str) {
        if !self.finished {
            let during = self.phases.last().map(|phase| phase.name.as_str());
            let during = during.unwrap_or("start-up");
            let said = self.comments.join("; ");
            self.problems.push(
                format!("{how} during {during} {said}")
                    .trim_end()
                    .to_owned(),
            );
        }
    }

    /// How often each of the engine's trace events came.
    pub fn events(&self) -> BTreeMap<&str, u64> {
        let mut sums = BTreeMap::new();
        for phase in &self.phases {
            for (key, value) in &phase.metrics {
                if let Some(event) = key.strip_prefix("trace.") {
                    *sums.entry(event).or_default() += count(*value);
                }
            }
        }
        sums
    }
}

/// A metric that counts. Such are never negative, and small enough to be exact.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn count(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        let mut record = Record::default();
        for line in text.lines().filter_map(Line::parse) {
            record.line(line);
        }
        record
    }

    #[test]
    fn phases_keep_their_figures_apart() {
        let record = record(
            "1..2\n# begin read\n# metric read bytes 1024\n# metric read trace.iomap_iter 3\n\
             ok 1 read\n# begin write\n# metric write trace.iomap_iter 4\nok 2 write\n# end\n",
        );
        let bytes = record.phases.first().map(|phase| phase.metric("bytes"));
        assert_eq!(bytes, Some(1024.0));
        assert_eq!(record.events(), BTreeMap::from([("iomap_iter", 7)]));
        assert!(record.finished() && record.problems.is_empty());
    }

    #[test]
    fn a_failed_phase_says_why() {
        let record = record("# begin read\n# wrong sum\nnot ok 1 read\n");
        assert_eq!(record.problems, ["phase read failed: wrong sum"]);
    }

    #[test]
    fn a_guest_that_dies_is_a_problem() {
        let mut record = record("# begin read\n");
        record.guest_ended("the guest died");
        assert_eq!(record.problems, ["the guest died during read"]);
    }
}

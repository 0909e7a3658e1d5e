// SPDX-License-Identifier: GPL-2.0

//! What came out so far, kept in a file that an interrupted run goes on from.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::FstestsSpec;
use serde::{Deserialize, Serialize};

use crate::paths::make_dir;
use crate::tracker::{TestResult, Verdict};

/// The result of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub test: String,
    pub outcome: Outcome,
    pub seconds: f64,
    /// Why it was not run, or what is known of its failure.
    #[serde(default)]
    pub remark: String,
    /// How often it called the Rust engine, where that takes the C engine's place, by the
    /// module's own count; on the C engine 0, after a look that there is no such module.
    #[serde(default)]
    pub calls: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Pass,
    Fail,
    NotRun,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotRun => "notrun",
        }
    }
}

impl Entry {
    /// The result of a test on one of the engines.
    pub fn of(test: &str, result: &TestResult) -> Self {
        let (metrics, said): (Vec<Line>, Vec<Line>) = result
            .details
            .iter()
            .filter_map(|detail| Line::parse(&format!("# {}", detail.lines().next()?)))
            .partition(|line| matches!(line, Line::Metric { .. }));
        let calls = metrics.iter().find_map(|line| match line {
            Line::Metric { key, value, .. } if key == FstestsSpec::CALLS => Some(*value as u64),
            _ => None,
        });
        let text = |line: &Line| line.to_string().trim_start_matches("# ").to_owned();
        let (outcome, remark) = match &result.verdict {
            Verdict::Passed => (Outcome::Pass, String::new()),
            Verdict::Skipped(reason) => (Outcome::NotRun, reason.clone()),
            Verdict::Failed => {
                let remarks: Vec<_> = said.iter().map(text).collect();
                (Outcome::Fail, remarks.join("; "))
            }
        };
        Self {
            test: test.to_owned(),
            outcome,
            seconds: result.seconds,
            remark,
            calls,
        }
    }
}

/// All results of one filesystem on one engine: one line of JSON for what is run,
/// one for each result.
pub struct Record {
    file: File,
    path: PathBuf,
    pub entries: BTreeMap<String, Entry>,
}

impl Record {
    /// Goes on with the file, if it is of the same run; otherwise begins anew and
    /// keeps the old one beside it.
    pub fn open(path: &Path, run: &str, fresh: bool) -> Result<Self> {
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        let heading = serde_json::to_string(run).context("cannot describe the run")?;
        let text = read(path)?;
        let mut lines = text.lines();
        let same = lines.next() == Some(&heading) && !fresh;
        let mut entries = BTreeMap::new();
        if same {
            // The last line may be cut off.
            let whole = lines.filter_map(|line| serde_json::from_str::<Entry>(line).ok());
            entries.extend(whole.map(|entry| (entry.test.clone(), entry)));
        } else if !text.is_empty() {
            let old = path.with_extension("old.jsonl");
            fs::rename(path, &old).with_context(|| format!("cannot rename {}", path.display()))?;
            eprintln!(
                "beginning anew; the results of another run are in {}",
                old.display()
            );
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if !same {
            writeln!(file, "{heading}").context("cannot write the results")?;
        } else if !text.ends_with('\n') {
            writeln!(file).context("cannot write the results")?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            entries,
        })
    }

    pub fn add(&mut self, entry: Entry) -> Result<()> {
        let line = serde_json::to_string(&entry).context("cannot write a result")?;
        writeln!(self.file, "{line}")
            .with_context(|| format!("cannot write to {}", self.path.display()))?;
        self.entries.insert(entry.test.clone(), entry);
        Ok(())
    }
}

/// What is in the file, if there is one. What is no text there spoils its own line alone.
fn read(path: &Path) -> Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(test: &str) -> Entry {
        Entry {
            test: test.into(),
            outcome: Outcome::Pass,
            seconds: 1.5,
            remark: String::new(),
            calls: None,
        }
    }

    #[test]
    fn an_interrupted_run_goes_on() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("a/xfs-rust.jsonl");
        Record::open(&path, "quick", false)?.add(entry("generic/001"))?;
        let text = fs::read_to_string(&path)?;
        fs::write(&path, format!("{text}{{\"test\":\"gen"))?;
        let mut again = Record::open(&path, "quick", false)?;
        assert_eq!(again.entries.len(), 1);
        again.add(entry("generic/002"))?;
        let third = Record::open(&path, "quick", false)?;
        assert_eq!(third.entries.len(), 2);
        Ok(())
    }

    #[test]
    fn a_record_that_is_no_text_is_none_to_append_to_for_ever() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("xfs-rust.jsonl");
        Record::open(&path, "quick", false)?.add(entry("generic/001"))?;
        let spoilt = [&fs::read(&path)?[..], b"\xff\n"].concat();
        fs::write(&path, &spoilt)?;
        assert_eq!(Record::open(&path, "quick", false)?.entries.len(), 1);

        assert!(Record::open(&path, "auto", false)?.entries.is_empty());
        assert_eq!(fs::read(path.with_extension("old.jsonl"))?, spoilt);
        assert!(Record::open(dir.path(), "auto", false).is_err());
        Ok(())
    }

    #[test]
    fn another_run_or_a_fresh_one_begins_anew() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("xfs-rust.jsonl");
        Record::open(&path, "quick", false)?.add(entry("generic/001"))?;
        assert!(Record::open(&path, "auto", false)?.entries.is_empty());
        Record::open(&path, "auto", false)?.add(entry("generic/001"))?;
        assert!(Record::open(&path, "auto", true)?.entries.is_empty());
        assert!(path.with_extension("old.jsonl").exists());
        Ok(())
    }

    #[test]
    fn a_result_becomes_an_entry() {
        let result = TestResult {
            name: "fstests-xfs/live:generic/001".into(),
            verdict: Verdict::Failed,
            seconds: 2.0,
            details: [
                "metric live:generic/001 switch_seconds 3.5",
                "failed; it left: full\nmore",
                "metric live:generic/001 calls 1234",
                "see /console",
            ]
            .map(String::from)
            .to_vec(),
        };
        let entry = Entry::of("generic/001", &result);
        assert_eq!(entry.test, "generic/001");
        assert_eq!(entry.outcome, Outcome::Fail);
        assert_eq!(entry.remark, "failed; it left: full; see /console");
        assert_eq!(entry.calls, Some(1234));
    }
}

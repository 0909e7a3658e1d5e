// SPDX-License-Identifier: GPL-2.0

//! What came out so far, kept in a file that an interrupted run goes on from.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::FstestsSpec;
use serde::{Deserialize, Serialize};

use crate::follow::HUNG;
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
    /// The limit in seconds, if that is what ended it.
    #[serde(default)]
    pub limit: Option<u64>,
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
    /// The result of a test on one of the engines, which had so much time.
    pub fn of(test: &str, result: &TestResult, limit: Duration) -> Self {
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
        let hung = [FstestsSpec::TOO_LONG, HUNG];
        let hung = outcome == Outcome::Fail && hung.iter().any(|words| remark.contains(words));
        Self {
            test: test.to_owned(),
            outcome,
            seconds: result.seconds,
            remark,
            calls,
            limit: hung.then_some(limit.as_secs()),
        }
    }

    /// Whether it would be the same with that limit, as far as is known.
    pub fn holds_for(&self, limit: Duration) -> bool {
        self.limit.is_none_or(|had| had >= limit.as_secs())
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
    /// Goes on with the file but for the tests to `forget`, if it is of the same run; otherwise
    /// begins anew and keeps the old one beside it.
    pub fn open(path: &Path, run: &str, forget: &[String]) -> Result<Self> {
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        let heading = serde_json::to_string(run).context("cannot describe the run")?;
        let text = read(path)?;
        let mut lines = text.lines();
        let same = lines.next() == Some(&heading);
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
        let known = entries.len();
        entries.retain(|test, _| !forget.contains(test));
        if known > entries.len() {
            write(path, &heading, &entries)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if !same {
            writeln!(file, "{heading}").context("cannot write the results")?;
        } else if known == entries.len() && !text.ends_with('\n') {
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

/// Puts a file of these entries in the place of the other, at once and whole.
fn write(path: &Path, heading: &str, entries: &BTreeMap<String, Entry>) -> Result<()> {
    let mut text = format!("{heading}\n");
    for entry in entries.values() {
        let line = serde_json::to_string(entry).context("cannot write a result")?;
        text.push_str(&format!("{line}\n"));
    }
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
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
            limit: None,
        }
    }

    #[test]
    fn an_interrupted_run_goes_on() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("a/xfs-rust.jsonl");
        Record::open(&path, "quick", &[])?.add(entry("generic/001"))?;
        let text = fs::read_to_string(&path)?;
        fs::write(&path, format!("{text}{{\"test\":\"gen"))?;
        let mut again = Record::open(&path, "quick", &[])?;
        assert_eq!(again.entries.len(), 1);
        again.add(entry("generic/002"))?;
        let third = Record::open(&path, "quick", &[])?;
        assert_eq!(third.entries.len(), 2);
        Ok(())
    }

    #[test]
    fn a_record_that_is_no_text_is_none_to_append_to_for_ever() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("xfs-rust.jsonl");
        Record::open(&path, "quick", &[])?.add(entry("generic/001"))?;
        let spoilt = [&fs::read(&path)?[..], b"\xff\n"].concat();
        fs::write(&path, &spoilt)?;
        assert_eq!(Record::open(&path, "quick", &[])?.entries.len(), 1);

        assert!(Record::open(&path, "auto", &[])?.entries.is_empty());
        assert_eq!(fs::read(path.with_extension("old.jsonl"))?, spoilt);
        assert!(Record::open(dir.path(), "auto", &[]).is_err());
        Ok(())
    }

    #[test]
    fn another_run_begins_anew() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("xfs-rust.jsonl");
        Record::open(&path, "quick", &[])?.add(entry("generic/001"))?;
        assert!(Record::open(&path, "auto", &[])?.entries.is_empty());
        assert!(path.with_extension("old.jsonl").exists());
        Ok(())
    }

    #[test]
    fn what_is_forgotten_stays_so_and_the_others_are_kept() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("xfs-rust.jsonl");
        let mut record = Record::open(&path, "quick", &[])?;
        for test in ["generic/001", "generic/002", "generic/003"] {
            record.add(entry(test))?;
        }
        let forget = ["generic/002", "xfs/001"].map(String::from);
        for forget in [&forget[..], &[]] {
            let record = Record::open(&path, "quick", forget)?;
            let tests: Vec<&String> = record.entries.keys().collect();
            assert_eq!(tests, ["generic/001", "generic/003"]);
        }
        Record::open(&path, "quick", &[])?.add(entry("generic/002"))?;
        assert_eq!(Record::open(&path, "quick", &[])?.entries.len(), 3);
        assert!(!path.with_extension("old.jsonl").exists());
        Ok(())
    }

    #[test]
    fn what_the_limit_has_ended_holds_for_no_larger_one() {
        let [short, long] = [60, 1200].map(Duration::from_secs);
        let of = |details: &str| {
            let result = TestResult {
                name: "fstests-xfs/c:generic/001".into(),
                verdict: Verdict::Failed,
                seconds: 60.0,
                details: vec![details.into()],
            };
            Entry::of("generic/001", &result, short)
        };
        for hung in [
            "the guest failed: c:generic/001 did not end within 60 s",
            "the guest hung: not a word for 240 s; see /console",
        ] {
            let entry = of(hung);
            assert!(entry.holds_for(short) && !entry.holds_for(long), "{hung}");
        }
        assert!(of("failed; it left: full").holds_for(long));
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
        let entry = Entry::of("generic/001", &result, Duration::ZERO);
        assert_eq!(entry.test, "generic/001");
        assert_eq!(entry.outcome, Outcome::Fail);
        assert_eq!(entry.remark, "failed; it left: full; see /console");
        assert_eq!(entry.calls, Some(1234));
    }
}

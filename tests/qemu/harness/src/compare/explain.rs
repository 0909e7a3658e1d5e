// SPDX-License-Identifier: GPL-2.0

//! `explained.toml`: the differences between the engines that are intended. Each
//! names its entry in `docs/differences.md`.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Stream;
use regex::Regex;
use serde::Deserialize;

use super::difference::Difference;
use crate::paths::{read_text, Paths};

const FILE: &str = "compare/explained.toml";
const PAGE: &str = "docs/differences.md";

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    explanation: Vec<RawExplanation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExplanation {
    /// `DIFF-n`
    difference: String,
    /// What the patterns below say, in words.
    text: String,
    streams: Vec<Stream>,
    /// Only in workloads (`xfs-4k/direct_end`) that this fits; everywhere without it.
    workload: Option<String>,
    /// A part of lines that does not count.
    ignore: Option<String>,
    /// What the lines that only C has must fit.
    c: Option<String>,
    /// What the lines that only Rust has must fit.
    rust: Option<String>,
}

/// One intended difference.
struct Explanation {
    difference: String,
    text: String,
    streams: Vec<Stream>,
    workload: Option<Regex>,
    kind: Kind,
    used: Cell<bool>,
}

enum Kind {
    /// That part of a line does not count.
    Ignore(Regex),
    /// A difference whose lines all fit is explained. Without a pattern there must be
    /// no lines.
    Lines {
        c: Option<Regex>,
        rust: Option<Regex>,
    },
}

/// All of them.
pub struct Explanations(Vec<Explanation>);

impl Explanations {
    pub fn load(paths: &Paths) -> Result<Self> {
        let file = paths.qemu_tests().join(FILE);
        let page = read_text(&paths.checkout.join(PAGE))?;
        Self::parse(&read_text(&file)?, &page)
            .with_context(|| format!("cannot use {}", file.display()))
    }

    /// None: what differs is not explained.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    fn parse(text: &str, page: &str) -> Result<Self> {
        let raw: Raw = toml::from_str(text)?;
        let known = ids(page)?;
        let check = |raw: RawExplanation| {
            let difference = &raw.difference;
            if !known.contains(difference.as_str()) {
                bail!("{PAGE} has no {difference}");
            }
            Explanation::new(raw)
        };
        raw.explanation
            .into_iter()
            .map(check)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The lines without what does not count, and whether that mattered: whether a
    /// line that is changed by it is missing on the other side.
    pub fn strip(
        &self,
        workload: &str,
        stream: Stream,
        reference: &[String],
        other: &[String],
    ) -> (Vec<String>, Vec<String>) {
        let (mut reference, mut other) = (reference.to_vec(), other.to_vec());
        for explanation in self.about(workload, stream) {
            if let Kind::Ignore(pattern) = &explanation.kind {
                let there: BTreeSet<String> = other.iter().cloned().collect();
                for line in &mut reference {
                    let stripped = pattern.replace_all(line, "").into_owned();
                    if stripped != *line && !there.contains(line) {
                        explanation.used.set(true);
                    }
                    *line = stripped;
                }
                for line in &mut other {
                    *line = pattern.replace_all(line, "").into_owned();
                }
            }
        }
        (reference, other)
    }

    /// Is the difference intended?
    pub fn explain(&self, workload: &str, stream: Stream, difference: &Difference) -> bool {
        let fit = |lines: &[String], pattern: &Option<Regex>| {
            lines
                .iter()
                .all(|line| pattern.as_ref().is_some_and(|p| p.is_match(line)))
        };
        let explains = |explanation: &&Explanation| match &explanation.kind {
            Kind::Lines { c, rust } => fit(&difference.removed, c) && fit(&difference.added, rust),
            Kind::Ignore(_) => false,
        };
        match self.about(workload, stream).find(explains) {
            Some(explanation) => {
                explanation.used.set(true);
                true
            }
            None => false,
        }
    }

    /// What explained nothing since this was loaded.
    pub fn stale(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|one| !one.used.get());
        unused
            .map(|one| format!("{}: {}", one.difference, one.text))
            .collect()
    }

    fn about<'a>(
        &'a self,
        workload: &'a str,
        stream: Stream,
    ) -> impl Iterator<Item = &'a Explanation> {
        self.0.iter().filter(move |one| {
            let there = one.workload.as_ref();
            one.streams.contains(&stream) && there.is_none_or(|there| there.is_match(workload))
        })
    }
}

impl Explanation {
    fn new(raw: RawExplanation) -> Result<Self> {
        let regex = |pattern: Option<String>| pattern.map(|text| Regex::new(&text)).transpose();
        let kind = match (regex(raw.ignore)?, regex(raw.c)?, regex(raw.rust)?) {
            (Some(pattern), None, None) => Kind::Ignore(pattern),
            (None, None, None) => bail!("{} matches nothing", raw.difference),
            (None, c, rust) => Kind::Lines { c, rust },
            _ => bail!("{} wants to ignore and to match", raw.difference),
        };
        Ok(Self {
            difference: raw.difference,
            text: raw.text,
            streams: raw.streams,
            workload: regex(raw.workload)?,
            kind,
            used: Cell::new(false),
        })
    }
}

/// The ids that the page has.
fn ids(page: &str) -> Result<BTreeSet<&str>> {
    let pattern = Regex::new(r"\bDIFF-\d+\b")?;
    Ok(pattern
        .find_iter(page)
        .map(|found| found.as_str())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::difference::differences;

    const PAGE: &str = "| something | DIFF-1 |\n(DIFF-2).";

    fn explanations(rest: &str) -> Result<Explanations> {
        let head = "[[explanation]]\ndifference = 'DIFF-2'\ntext = 'why'\nstreams = ['bios']\n";
        Explanations::parse(&format!("{head}{rest}"), PAGE)
    }

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_that_fit_are_explained_and_no_others() -> Result<()> {
        let all = explanations("rust = '^R '\nworkload = '^xfs'")?;
        let one = |c: &[&str], rust: &[&str], workload, stream| {
            let found = differences(&lines(c), &lines(rust));
            found.iter().all(|one| all.explain(workload, stream, one))
        };
        assert!(!one(&["W 1"], &["R 1"], "xfs-4k/a", Stream::Bios));
        assert!(!one(&[], &["R 1", "W 1"], "xfs-4k/a", Stream::Bios));
        assert!(!one(&[], &["R 1"], "ext4-4k/a", Stream::Bios));
        assert!(!one(&[], &["R 1"], "xfs-4k/a", Stream::Events));
        assert_eq!(all.stale(), ["DIFF-2: why"]);
        assert!(one(&[], &["R 1", "R 2"], "xfs-4k/a", Stream::Bios));
        assert!(all.stale().is_empty());
        Ok(())
    }

    #[test]
    fn a_part_of_lines_may_be_left_out() -> Result<()> {
        let all = explanations("ignore = ' by \\S+'")?;
        let strip = |c: &[&str], rust: &[&str]| {
            all.strip("xfs-4k/a", Stream::Bios, &lines(c), &lines(rust))
        };
        strip(&["W 1 by x"], &["W 1 by x"]);
        assert!(!all.stale().is_empty());
        let (c, rust) = strip(&["W 1 by x"], &["W 1 by y"]);
        assert_eq!(c, rust);
        assert!(all.stale().is_empty());
        Ok(())
    }

    #[test]
    fn an_explanation_must_be_on_the_page() {
        let text = "[[explanation]]\ndifference = 'DIFF-3'\ntext = ''\nstreams = []\nc = ''";
        let error = Explanations::parse(text, PAGE).err();
        let said = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("has no DIFF-3"), "{said}");
    }
}

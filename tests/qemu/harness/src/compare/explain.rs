// SPDX-License-Identifier: GPL-2.0

//! `explained.toml`: the differences between the engines that are intended. Each
//! names its entry in `docs/differences.md`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Stream;
use regex::Regex;
use serde::Deserialize;

use super::difference::Difference;
use super::join::bio;
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
    /// How many lines of C's and of Rust's a stream may have that this explains.
    most: Option<[usize; 2]>,
    /// The lines are bios that write or read the same sectors, in other pieces.
    #[serde(default)]
    same_sectors: bool,
}

/// One intended difference.
struct Explanation {
    difference: String,
    text: String,
    streams: Vec<Stream>,
    workload: Option<Regex>,
    kind: Kind,
    /// Differences that it explained, or lines of which a part was left out.
    count: Cell<usize>,
}

enum Kind {
    /// That part of a line does not count.
    Ignore(Regex),
    /// A difference whose lines all fit is explained.
    Lines(Lines),
}

struct Lines {
    /// Without a pattern there must be no lines.
    c: Option<Regex>,
    rust: Option<Regex>,
    most: Option<[usize; 2]>,
    same_sectors: bool,
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

    /// The lines without what does not count. That mattered if a line that is changed by it
    /// is missing on the other side.
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
                        explanation.add(1);
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

    /// The entry on the page of each difference of a stream, none for those that are not
    /// intended. A difference belongs to the first explanation that its lines fit, which
    /// may bound all that belongs to it: beyond that nothing of it is explained.
    pub fn explain<'a>(
        &'a self,
        workload: &'a str,
        stream: Stream,
        differences: &[Difference],
    ) -> Vec<Option<&'a str>> {
        let about: Vec<_> = self.about(workload, stream).collect();
        let fitting: Vec<Option<usize>> = differences
            .iter()
            .map(|difference| about.iter().position(|one| one.fits(difference)))
            .collect();
        let reasons = about.iter().enumerate().map(|(at, explanation)| {
            let belongs = differences.iter().zip(&fitting);
            let group: Vec<&Difference> = belongs
                .filter_map(|(difference, fits)| (*fits == Some(at)).then_some(difference))
                .collect();
            if !explanation.holds(&group) {
                return None;
            }
            explanation.add(group.len());
            Some(explanation.difference.as_str())
        });
        let reasons: Vec<Option<&str>> = reasons.collect();
        let reason = |at: Option<usize>| reasons.get(at?).copied().flatten();
        fitting.into_iter().map(reason).collect()
    }

    /// What each entry of the page has explained since this was loaded.
    pub fn counts(&self) -> Vec<String> {
        let mut counts = BTreeMap::<&str, [usize; 2]>::new();
        for one in &self.0 {
            let [lines, differences] = counts.entry(&one.difference).or_default();
            match one.kind {
                Kind::Ignore(_) => *lines += one.count.get(),
                Kind::Lines(_) => *differences += one.count.get(),
            }
        }
        let told = |(difference, [lines, differences]): (&str, [usize; 2])| {
            let parts = [(differences, "differences"), (lines, "parts of lines")];
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<String> = parts.map(|(n, what)| format!("{n} {what}")).collect();
            (!parts.is_empty()).then(|| format!("{difference} explains {}", parts.join(", ")))
        };
        counts.into_iter().filter_map(told).collect()
    }

    /// What explained nothing since this was loaded.
    pub fn stale(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|one| one.count.get() == 0);
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
    fn fits(&self, difference: &Difference) -> bool {
        let fit = |lines: &[String], pattern: &Option<Regex>| {
            lines
                .iter()
                .all(|line| pattern.as_ref().is_some_and(|p| p.is_match(line)))
        };
        match &self.kind {
            Kind::Lines(lines) => {
                fit(&difference.removed, &lines.c) && fit(&difference.added, &lines.rust)
            }
            Kind::Ignore(_) => false,
        }
    }

    /// May all these differences come in one stream?
    fn holds(&self, group: &[&Difference]) -> bool {
        let Kind::Lines(lines) = &self.kind else {
            return false;
        };
        let count = |of: fn(&Difference) -> &Vec<String>| -> usize {
            group.iter().map(|difference| of(difference).len()).sum()
        };
        let within = lines
            .most
            .is_none_or(|[c, rust]| count(|d| &d.removed) <= c && count(|d| &d.added) <= rust);
        within && (!lines.same_sectors || have_same_sectors(group))
    }

    fn add(&self, count: usize) {
        self.count.set(self.count.get() + count);
    }

    fn new(raw: RawExplanation) -> Result<Self> {
        let regex = |pattern: Option<String>| pattern.map(|text| Regex::new(&text)).transpose();
        let kind = match (regex(raw.ignore)?, regex(raw.c)?, regex(raw.rust)?) {
            (Some(pattern), None, None) => Kind::Ignore(pattern),
            (None, None, None) => bail!("{} matches nothing", raw.difference),
            (None, c, rust) => Kind::Lines(Lines {
                c,
                rust,
                most: raw.most,
                same_sectors: raw.same_sectors,
            }),
            _ => bail!("{} wants to ignore and to match", raw.difference),
        };
        Ok(Self {
            difference: raw.difference,
            text: raw.text,
            streams: raw.streams,
            workload: regex(raw.workload)?,
            kind,
            count: Cell::new(0),
        })
    }
}

/// Do C's bios and Rust's, taken together, move the same sectors as often?
fn have_same_sectors(group: &[&Difference]) -> bool {
    let mut balance = BTreeMap::<(&str, u64), i64>::new();
    for difference in group {
        for (lines, weight) in [(&difference.removed, 1), (&difference.added, -1)] {
            for line in lines {
                let Some((flags, start, sectors)) = bio(line) else {
                    return false;
                };
                for sector in start..start + sectors {
                    *balance.entry((flags, sector)).or_default() += weight;
                }
            }
        }
    }
    balance.values().all(|count| *count == 0)
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
            let reasons = all.explain(workload, stream, &found);
            reasons.iter().all(|reason| *reason == Some("DIFF-2"))
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

    fn explains(all: &Explanations, c: &[&str], rust: &[&str]) -> Vec<bool> {
        let found = differences(&lines(c), &lines(rust));
        let reasons = all.explain("xfs-4k/a", Stream::Bios, &found);
        reasons.iter().map(Option::is_some).collect()
    }

    #[test]
    fn more_lines_than_may_come_are_not_explained() -> Result<()> {
        let all = explanations("c = '^W '\nrust = '^W '\nmost = [2, 1]")?;
        assert_eq!(explains(&all, &["W 1", "R 5", "W 2"], &["R 5"]), [true; 2]);
        assert_eq!(explains(&all, &["W 1"], &["W 3"]), [true]);
        assert_eq!(all.counts(), ["DIFF-2 explains 3 differences"]);
        assert_eq!(explains(&all, &["W 1"], &["W 3", "W 4"]), [false]);
        // All in one stream count together.
        let three = ["W 1", "R 5", "W 2", "R 6", "W 3"];
        assert_eq!(explains(&all, &three, &["R 5", "R 6"]), [false; 3]);
        Ok(())
    }

    #[test]
    fn what_another_row_bounds_is_not_explained_by_the_next() -> Result<()> {
        let next = "[[explanation]]\ndifference = 'DIFF-1'\ntext = ''\nstreams = ['bios']";
        let all = explanations(&format!("c = '^W 1'\nmost = [1, 0]\n{next}\nc = '^W '"))?;
        assert_eq!(explains(&all, &["W 1", "R 5", "W 2"], &["R 5"]), [true; 2]);
        let bounded = ["W 1", "R 5", "W 1", "R 6", "W 2"];
        let found = explains(&all, &bounded, &["R 5", "R 6"]);
        assert_eq!(found, [false, false, true]);
        Ok(())
    }

    #[test]
    fn bios_may_be_cut_elsewhere_but_not_move_other_sectors() -> Result<()> {
        let all = explanations("c = '^WS '\nrust = '^WS '\nsame_sectors = true")?;
        let one = |c: &[&str], rust: &[&str]| explains(&all, c, rust).iter().all(|is| *is);
        assert!(one(&["WS 8 + 16"], &["WS 8 + 8", "WS 16 + 8"]));
        assert!(one(
            &["WS 8 + 16", "R 0 + 1"],
            &["WS 16 + 8", "R 0 + 1", "WS 8 + 8"]
        ));
        assert!(!one(&["WS 8 + 16"], &["WS 8 + 8", "WS 16 + 9"]));
        assert!(!one(&["WS 8 + 8"], &["WS 8 + 8", "WS 8 + 8"]));
        assert!(!one(&["WS 8 + 8"], &[]));
        assert!(!one(&["WS 8 + 8"], &["WS 8 and more"]));
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
        assert_eq!(all.counts(), ["DIFF-2 explains 1 parts of lines"]);
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

// SPDX-License-Identifier: GPL-2.0

//! The list of mutants, and what has to hold for it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{Link, TestInfo};
use serde::Deserialize;

use crate::kernel::Kind;
use crate::paths::{read_text, Paths};
use crate::suites;

/// How engines are linked of which there are mutants.
pub const LINKS: [Link; 2] = [Link::Module, Link::Live];

/// The whole of `mutants.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutants {
    mutant: Vec<Mutant>,
}

/// A way to break the engine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    pub name: String,
    /// What the engine does wrong then, as a part of a sentence.
    pub what: String,
    /// The source, by its path below the checkout.
    pub file: PathBuf,
    /// Text that occurs in the source once.
    from: String,
    to: String,
    /// Tests that have to fail, as `suite/test`.
    pub caught_by: BTreeSet<String>,
}

impl Mutant {
    /// The name as that of a test.
    pub fn full_name(&self) -> String {
        format!("mutants/{}", self.name)
    }

    /// How the engine is linked to the kernel that the tests run on.
    pub fn link(&self) -> Link {
        match self.caught_by.iter().any(|test| is_of_live(test)) {
            true => Link::Live,
            false => Link::Module,
        }
    }

    /// The broken source.
    pub fn apply(&self, source: &str) -> Result<String> {
        let file = self.file.display();
        match source.matches(&self.from).count() {
            1 => Ok(source.replacen(&self.from, &self.to, 1)),
            count => bail!(
                "{}: its text is {count} times in {file}, not once; bring tests/qemu/mutants.toml up to date",
                self.name
            ),
        }
    }
}

/// Reads the list.
pub fn load(paths: &Paths) -> Result<Vec<Mutant>> {
    let file = paths.qemu_tests().join("mutants.toml");
    parse(&read_text(&file)?).with_context(|| format!("cannot parse {}", file.display()))
}

fn parse(text: &str) -> Result<Vec<Mutant>> {
    let all: Mutants = toml::from_str(text)?;
    Ok(all.mutant)
}

/// An error that names every mutant which cannot be made, or that nothing could
/// catch. `tests` are those that there are.
pub fn require_sound(paths: &Paths, mutants: &[Mutant], tests: &[TestInfo]) -> Result<()> {
    let known = names_of(tests).collect();
    let mut complaints = complaints(mutants, &known);
    for mutant in mutants {
        let source = read_text(&paths.checkout.join(&mutant.file));
        if let Err(error) = source.and_then(|source| mutant.apply(&source)) {
            complaints.push(format!("{error:#}"));
        }
    }
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

/// Whether a test, by its full name, runs where the engine takes the C engine's place.
fn is_of_live(test: &str) -> bool {
    test.starts_with(&Kind::from(Link::Live).label(""))
}

/// The names of all tests that run on the engine as a module of either kind.
fn names_of(tests: &[TestInfo]) -> impl Iterator<Item = String> + '_ {
    LINKS.into_iter().flat_map(move |link| {
        let suites = suites::TEST.iter().filter(move |suite| suite.runs_on(link));
        suites.flat_map(move |suite| {
            let tests = tests.iter().filter(|test| test.suite == suite.name);
            tests.map(move |test| suites::full_name(test, link.into()))
        })
    })
}

fn complaints(mutants: &[Mutant], known: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for mutant in mutants {
        let name = &mutant.name;
        if !seen.insert(name) {
            complaints.push(format!("{name} is there twice"));
        }
        if mutant.from == mutant.to {
            complaints.push(format!("{name} breaks nothing"));
        }
        if mutant.caught_by.is_empty() {
            complaints.push(format!("{name} names no test"));
        }
        if mutant.link() == Link::Live && !mutant.caught_by.iter().all(|test| is_of_live(test)) {
            complaints.push(format!("{name} names tests of two modules"));
        }
        for test in mutant.caught_by.difference(known) {
            complaints.push(format!("{name} names {test}, which does not exist"));
        }
    }
    complaints
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const LIST: &str = r#"
        [[mutant]]
        name = "one"
        what = "forgets a | b"
        file = "iomap-rs/x.rs"
        from = "a"
        to = ""
        caught_by = ["script/t", "script/s"]
    "#;

    pub fn sample() -> Result<Vec<Mutant>> {
        parse(LIST)
    }

    #[test]
    fn text_is_replaced_if_it_is_there_once() -> Result<()> {
        let mutants = sample()?;
        let one = mutants.first().context("the sample is empty")?;
        assert_eq!(one.apply("b a\n")?, "b \n");
        for (source, count) in [("b", "0 times"), ("a a", "2 times")] {
            let message = one.apply(source).err().map(|error| error.to_string());
            let message = message.unwrap_or_default();
            assert!(message.contains(count), "{message}");
        }
        Ok(())
    }

    #[test]
    fn tests_of_the_live_module_want_that() -> Result<()> {
        let mut mutants = sample()?;
        let one = mutants.first_mut().context("the sample is empty")?;
        assert_eq!(one.link(), Link::Module);
        one.caught_by.insert("live:live/t".to_owned());
        assert_eq!(one.link(), Link::Live);
        let known = one.caught_by.clone();
        assert_eq!(
            complaints(&mutants, &known),
            ["one names tests of two modules"]
        );
        Ok(())
    }

    #[test]
    fn a_list_is_judged_as_a_whole() -> Result<()> {
        let known: BTreeSet<String> = ["script/s", "script/t"].map(String::from).into();
        let mut mutants = sample()?;
        assert!(complaints(&mutants, &known).is_empty());
        assert_eq!(
            complaints(&mutants, &BTreeSet::from(["script/s".to_owned()])),
            ["one names script/t, which does not exist"]
        );
        let mut other = sample()?;
        for mutant in &mut other {
            mutant.to.clone_from(&mutant.from);
            mutant.caught_by.clear();
        }
        mutants.append(&mut other);
        let expected = [
            "one is there twice",
            "one breaks nothing",
            "one names no test",
        ];
        assert_eq!(complaints(&mutants, &known), expected);
        Ok(())
    }
}

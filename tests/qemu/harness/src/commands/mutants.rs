// SPDX-License-Identifier: GPL-2.0

//! `mutants`: breaks the engine in every way of the list, and demands that the tests
//! notice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::TestInfo;

use crate::agent::Agent;
use crate::filter::Filter;
use crate::image::Tree;
use crate::kernel::Flavor;
use crate::lab::Lab;
use crate::lock::Lock;
use crate::mutants::{self, Mutant, Workshop};
use crate::paths::Paths;
use crate::report::Report;
use crate::session::Session;
use crate::suites::{self, full_name};
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// The name under which the sources as they are appear among the mutants.
const UNCHANGED: &str = "mutants/unchanged";

/// How often tests switch engines that do so under load.
const SWITCHES: u64 = 8;

pub fn run(paths: &Paths, tools: &Toolchain, filter: Option<&str>) -> Result<bool> {
    let agent = Agent::build(paths, tools)?;
    let tests = agent.tests()?;
    let mutants = mutants::load(paths)?;
    mutants::require_sound(paths, &mutants, &tests)?;
    let selected = select(mutants, filter)?;

    // Of the copy of the sources, of the logs and of the results.
    let _lock = Lock::take(&mutants::directory(paths).join("lock"))?;
    let logs = mutants::directory(paths).join("logs");
    if logs.exists() {
        fs::remove_dir_all(&logs).context("cannot remove the last run's logs")?;
    }
    let mut report = Report::new(false);
    for link in mutants::LINKS {
        let of_link: Vec<&Mutant> = selected.iter().filter(|m| m.link() == link).collect();
        if !of_link.is_empty() {
            let mut lab = Lab::prepare(paths, tools, agent.clone(), link, Flavor::Release)?;
            lab.switches = SWITCHES;
            run_on(lab, &of_link, &tests, &logs, &mut report)?;
        }
    }
    report.finish(&mutants::directory(paths).join("junit.xml"))
}

/// Makes the mutants of the lab's engine, and has them caught.
fn run_on(
    mut lab: Lab,
    selected: &[&Mutant],
    tests: &[TestInfo],
    logs: &Path,
    report: &mut Report,
) -> Result<()> {
    let workshop = Workshop::open(&lab.paths, lab.link)?;
    let tree = Tree::generate(&lab.work().join("tree"))?;
    let name = lab.kind().label(UNCHANGED);
    let start = Instant::now();
    lab.replace_engine(workshop.build(&lab.tools, &lab.kernel)?)?;
    let all: BTreeSet<&str> = selected.iter().copied().flat_map(names_of).collect();
    let guests = Guests {
        tree: &tree,
        tests,
        logs,
    };
    let ran = guests.run(&lab, &name.replace('/', "-"), &all)?;
    let (unchanged, remark) = judge_unchanged(name, &ran.results, start);
    report.add_with(unchanged, &remark);

    for mutant in selected {
        let start = Instant::now();
        let built = workshop.build_mutant(&lab.tools, &lab.kernel, mutant);
        let outcome = built.and_then(|module| {
            lab.replace_engine(module)?;
            guests.run(&lab, &mutant.name, &names_of(mutant).collect())
        });
        let (result, remark) = match outcome {
            Ok(ran) => judge(mutant, &ran, start),
            Err(error) => not_made(mutant, &error, start),
        };
        report.add_with(result, &remark);
    }
    Ok(())
}

/// The mutants that a person means.
fn select(mutants: Vec<Mutant>, wanted: Option<&str>) -> Result<Vec<Mutant>> {
    let names: Vec<String> = mutants.iter().map(Mutant::full_name).collect();
    let filter = Filter::new(wanted, names.iter().map(String::as_str));
    let mut selected = mutants;
    selected.retain(|mutant| filter.selects(&mutant.full_name()));
    if selected.is_empty() {
        bail!("there is no such mutant; docs/mutants.md lists them");
    }
    Ok(selected)
}

fn names_of(mutant: &Mutant) -> impl Iterator<Item = &str> {
    mutant.caught_by.iter().map(String::as_str)
}

/// What boots of any mutant have in common.
struct Guests<'a> {
    tree: &'a Tree,
    /// All that there are.
    tests: &'a [TestInfo],
    logs: &'a Path,
}

/// What came of tests on one engine.
#[derive(Default)]
struct Ran {
    results: Vec<TestResult>,
    /// Suites in which the engine has not served anybody, and where to look why.
    unserved: Vec<(&'static str, PathBuf)>,
}

impl Guests<'_> {
    /// Runs the tests of these names on the lab's engine.
    fn run(&self, lab: &Lab, label: &str, names: &BTreeSet<&str>) -> Result<Ran> {
        let mut ran = Ran::default();
        for suite in suites::TEST {
            let wanted: Vec<TestInfo> = self
                .tests
                .iter()
                .filter(|test| test.suite == suite.name)
                .filter(|test| names.contains(full_name(test, lab.kind()).as_str()))
                .cloned()
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let logs = self.logs.join(label).join(suite.name);
            let mut emit = |result| ran.results.push(result);
            Session::new(lab, suite, self.tree, logs.clone(), &mut emit).run(&wanted)?;
            if !mutants::has_served(&logs, lab.link)? {
                ran.unserved.push((suite.name, logs));
            }
        }
        Ok(ran)
    }
}

/// Says nothing about a mutant if the tests fail without it.
fn judge_unchanged(name: String, results: &[TestResult], start: Instant) -> (TestResult, String) {
    let passed = results
        .iter()
        .filter(|result| result.verdict == Verdict::Passed);
    let remark = format!("{} tests pass", passed.count());
    let others = results
        .iter()
        .filter(|result| result.verdict != Verdict::Passed);
    let details = others
        .flat_map(|result| {
            let name = format!("{} does not pass:", result.name);
            [name].into_iter().chain(result.details.iter().cloned())
        })
        .collect();
    (result(name, start, details), remark)
}

/// All tests that a mutant names have to fail, and not because there is no engine.
fn judge(mutant: &Mutant, ran: &Ran, start: Instant) -> (TestResult, String) {
    let failures = ran
        .results
        .iter()
        .filter(|result| result.verdict == Verdict::Failed);
    let names: BTreeSet<&str> = failures.map(|result| result.name.as_str()).collect();
    let (caught, missed): (Vec<&str>, Vec<&str>) =
        names_of(mutant).partition(|name| names.contains(name));
    let unserved = ran.unserved.iter().map(|(suite, logs)| {
        format!(
            "no test of {suite} says anything about an engine that {}: it did not come to work, \
             see {}; mend what tests/qemu/mutants.toml makes of it",
            mutant.what,
            logs.display()
        )
    });
    let survived = missed
        .iter()
        .map(|name| format!("{name} does not fail on an engine that {}", mutant.what));
    let details = unserved.chain(survived).collect();
    let remark = format!("caught by {}", caught.join(", "));
    (result(mutant.full_name(), start, details), remark)
}

fn not_made(mutant: &Mutant, error: &anyhow::Error, start: Instant) -> (TestResult, String) {
    let details = vec![format!("{error:#}")];
    (result(mutant.full_name(), start, details), String::new())
}

/// One with details is a failure.
fn result(name: String, start: Instant, details: Vec<String>) -> TestResult {
    TestResult {
        name,
        verdict: if details.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        },
        seconds: start.elapsed().as_secs_f64(),
        details,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::slice;

    use crate::mutants::sample;

    fn outcome(name: &str, verdict: Verdict) -> TestResult {
        TestResult {
            name: name.to_owned(),
            verdict,
            seconds: 0.0,
            details: vec!["why".to_owned()],
        }
    }

    fn ran(results: impl IntoIterator<Item = TestResult>) -> Ran {
        Ran {
            results: results.into_iter().collect(),
            unserved: Vec::new(),
        }
    }

    #[test]
    fn a_mutant_that_one_test_misses_has_survived() -> Result<()> {
        let mutants = sample()?;
        let mutant = mutants.first().context("the sample is empty")?;
        let both = ran(["script/s", "script/t"].map(|name| outcome(name, Verdict::Failed)));
        let (caught, remark) = judge(mutant, &both, Instant::now());
        assert_eq!(caught.verdict, Verdict::Passed);
        assert_eq!(caught.name, "mutants/one");
        assert_eq!(remark, "caught by script/s, script/t");
        let one = ["script/s", "script/t"]
            .into_iter()
            .zip([Verdict::Failed, Verdict::Passed])
            .map(|(name, verdict)| outcome(name, verdict));
        let (survived, _) = judge(mutant, &ran(one), Instant::now());
        assert_eq!(survived.verdict, Verdict::Failed);
        let expected = ["script/t does not fail on an engine that forgets a | b"];
        assert_eq!(survived.details, expected);
        Ok(())
    }

    #[test]
    fn a_mutant_that_does_not_come_to_work_is_not_caught() -> Result<()> {
        let mutants = sample()?;
        let mutant = mutants.first().context("the sample is empty")?;
        let mut both = ran(["script/s", "script/t"].map(|name| outcome(name, Verdict::Failed)));
        both.unserved.push(("script", PathBuf::from("logs")));
        let (judged, _) = judge(mutant, &both, Instant::now());
        assert_eq!(judged.verdict, Verdict::Failed);
        let expected =
            "no test of script says anything about an engine that forgets a | b: it did \
                        not come to work, see logs; mend what tests/qemu/mutants.toml makes of it";
        assert_eq!(judged.details, [expected]);
        Ok(())
    }

    #[test]
    fn tests_have_to_pass_without_mutants() {
        let passed = outcome("script/s", Verdict::Passed);
        let (all, remark) = judge_unchanged(
            UNCHANGED.to_owned(),
            slice::from_ref(&passed),
            Instant::now(),
        );
        assert_eq!(
            (all.verdict, remark.as_str()),
            (Verdict::Passed, "1 tests pass")
        );
        for verdict in [Verdict::Failed, Verdict::Skipped("no device".into())] {
            let results = [passed.clone(), outcome("script/t", verdict)];
            let (judged, _) = judge_unchanged(UNCHANGED.to_owned(), &results, Instant::now());
            assert_eq!(judged.verdict, Verdict::Failed);
            assert_eq!(judged.details, ["script/t does not pass:", "why"]);
        }
    }
}

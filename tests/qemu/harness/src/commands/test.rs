// SPDX-License-Identifier: GPL-2.0

//! `test`: cargo tests, host checks, guest tests; or a list of them.

mod plan;
mod time;

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc;
use std::thread;

use anyhow::{bail, Context, Error, Result};
use iomap_qemu_protocol::TestInfo;

use crate::agent::Agent;
use crate::cargo_tests;
use crate::checks::{self, Subject};
use crate::cli::TestArguments;
use crate::image::Tree;
use crate::kernel::{self, Kind, Recipe, Source};
use crate::lab::Lab;
use crate::parallel;
use crate::paths::Paths;
use crate::report::Report;
use crate::session::Session;
use crate::suites::{self, Suite};
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};
use plan::{Plan, Run};
use time::Time;

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &TestArguments) -> Result<bool> {
    let time = Time::start(arguments.within);
    let agent = Agent::build(paths, tools)?;
    let tests = agent.tests()?;
    require_known_suites(&tests)?;
    let plan = Plan::new(&tests, arguments);
    if arguments.list {
        for name in plan.names() {
            println!("{name}");
        }
        return Ok(true);
    }

    let _results = paths.lock_results()?;
    if paths.results().exists() {
        fs::remove_dir_all(paths.results()).context("cannot remove the last run's results")?;
    }
    let mut report = Report::new(arguments.show_output);
    if plan.wants_cargo_tests() {
        let filter = arguments.filter.as_deref();
        let done = cargo_tests::run(paths, tools, filter, &mut |result| report.add(result));
        if let Err(error) = done {
            report.add(broken("host/cargo_tests".into(), &error));
        }
    }
    let later = plan.runs().iter().skip(1);
    let later = later.filter(|run| !time.may_lack(run));
    let later: Vec<Kind> = later.map(|run| run.kernel).collect();
    thread::scope(|scope| {
        for (number, run) in plan.runs().iter().enumerate() {
            // The sums shall tell of all that went wrong, and other runs go on.
            let failed = |what: &str, error: &Error| {
                broken(format!("{}/{what}", run.kernel.label(checks::SUITE)), error)
            };
            let left_out = match time.left_out(paths, tools, run) {
                Ok(left_out) => left_out,
                Err(error) => vec![failed("time", &error)],
            };
            if !left_out.is_empty() {
                left_out.into_iter().for_each(|result| report.add(result));
                continue;
            }
            let Kind { link, flavor } = run.kernel;
            let lab = Lab::prepare(paths, tools, agent.clone(), link, flavor);
            if number == 0 {
                // Not before: they start from what this one was built to.
                scope.spawn(|| kernel::build_ahead(paths, tools, &later));
            }
            match lab {
                Ok(lab) => {
                    if let Err(error) = run_tests(lab, &tests, run, arguments, &mut report) {
                        report.add(failed("run", &error));
                    }
                }
                Err(error) => report.add(failed("build", &error)),
            }
        }
    });
    report.finish(&paths.results().join("junit.xml"))
}

/// What is to be seen of an error that is no test's.
fn broken(name: String, error: &Error) -> TestResult {
    TestResult {
        name,
        verdict: Verdict::Failed,
        seconds: 0.0,
        details: vec![format!("{error:#}")],
    }
}

/// A test of a suite that does not exist would silently never run.
fn require_known_suites(tests: &[TestInfo]) -> Result<()> {
    let known: BTreeSet<&str> = suites::TEST.iter().map(|suite| suite.name).collect();
    match tests
        .iter()
        .find(|test| !known.contains(test.suite.as_str()))
    {
        Some(test) => bail!(
            "test {}/{} names a suite that is not in suites.rs",
            test.suite,
            test.name
        ),
        None => Ok(()),
    }
}

/// All that is to be run on one kernel.
fn run_tests(
    mut lab: Lab,
    tests: &[TestInfo],
    run: &Run,
    arguments: &TestArguments,
    report: &mut Report,
) -> Result<()> {
    lab.fsx = arguments.fsx(lab.flavor);
    lab.switches = arguments.switches;
    lab.soak = arguments.soak();
    run_checks(&lab, tests, run, report)?;
    let jobs = arguments.jobs.unwrap_or_else(parallel::processors);
    for round in 0..arguments.repeat {
        lab.soak.round = round;
        run_guests(&lab, tests, run, jobs, report)?;
        if report.has_failures() {
            // The next round would write over what this one left to look at.
            break;
        }
    }
    Ok(())
}

fn run_checks(lab: &Lab, tests: &[TestInfo], run: &Run, report: &mut Report) -> Result<()> {
    let recipe = Recipe::new(&lab.paths, &lab.tools, lab.link, lab.flavor)?;
    let source = Source::prepare(&lab.paths, &lab.tools, &recipe)?;
    let subject = Subject {
        paths: &lab.paths,
        tools: &lab.tools,
        recipe: &recipe,
        source: &source,
        kernel: &lab.kernel,
        tests,
    };
    checks::run(&subject, |name| run.has(name), &mut |result| {
        report.add(result)
    });
    Ok(())
}

/// Boots a guest for each suite, up to `jobs` at a time. Results come as tests end.
fn run_guests(
    lab: &Lab,
    tests: &[TestInfo],
    run: &Run,
    jobs: usize,
    report: &mut Report,
) -> Result<()> {
    let tree = &Tree::generate(&lab.work().join("tree"))?;
    let suites = suites::TEST.iter().filter(|suite| suite.runs_on(lab.link));
    let tasks: Vec<(&Suite, Vec<TestInfo>)> = suites
        .map(|suite| (suite, run.of_suite(suite, tests)))
        .filter(|(_, selected)| !selected.is_empty())
        .collect();
    let kernel = lab.kind();
    let boot = |(suite, selected): (&Suite, Vec<TestInfo>), emit: Emit| {
        let logs = lab.paths.results().join(kernel.name()).join(suite.name);
        let done = Session::new(lab, suite, tree, logs, emit).run(&selected);
        done.map_err(|error| (kernel.label(suite.name), error))
    };
    side_by_side(tasks, jobs, boot, &mut |result| report.add(result))
}

/// Takes a result as it comes.
type Emit<'a> = &'a mut dyn FnMut(TestResult);

/// Has `boot` do all of `tasks`, up to `jobs` at a time. Its error, with the name of the suite,
/// fails that suite alone.
fn side_by_side<T: Send>(
    tasks: Vec<T>,
    jobs: usize,
    boot: impl Fn(T, Emit) -> Result<(), (String, Error)> + Send + Sync,
    add: Emit,
) -> Result<()> {
    let (sender, results) = mpsc::channel();
    // Takes the sender along: when all guests are done, there are no more results.
    let work = move |task| {
        // Nobody has stopped listening unless the harness is about to end.
        let mut emit = |result| drop(sender.send(result));
        if let Err((suite, error)) = boot(task, &mut emit) {
            emit(broken(format!("{suite}/guest"), &error));
        }
        Ok(())
    };
    thread::scope(|scope| {
        let guests = scope.spawn(move || parallel::all(tasks, jobs, work));
        for result in results {
            add(result);
        }
        match guests.join() {
            Ok(done) => done.map(drop),
            Err(_) => bail!("the thread that boots guests has panicked"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use anyhow::anyhow;

    #[test]
    fn an_error_of_the_harness_fails_one_suite() -> Result<()> {
        let boot = |suite: &str, emit: Emit| {
            if suite == "xfs-4k" {
                return Err((suite.to_owned(), anyhow!("no space left")));
            }
            emit(TestResult {
                name: format!("{suite}/seek"),
                verdict: Verdict::Passed,
                seconds: 0.0,
                details: Vec::new(),
            });
            Ok(())
        };
        let mut results = Vec::new();
        let add = &mut |result| results.push(result);
        side_by_side(vec!["xfs-4k", "ext4-4k"], 1, boot, add)?;
        let names: Vec<&str> = results.iter().map(|result| result.name.as_str()).collect();
        assert_eq!(names, ["xfs-4k/guest", "ext4-4k/seek"]);
        let failed = results.first().map(|result| result.details.as_slice());
        assert_eq!(failed, Some(&["no space left".to_owned()][..]));
        Ok(())
    }
}

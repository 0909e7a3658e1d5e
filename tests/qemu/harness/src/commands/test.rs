// SPDX-License-Identifier: GPL-2.0

//! `test`: cargo tests, host checks, guest tests; or a list of them.

use std::collections::BTreeSet;
use std::fs;
use std::sync::mpsc;
use std::thread;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{Link, TestInfo};

use crate::agent::Agent;
use crate::cargo_tests;
use crate::checks::{self, Subject};
use crate::cli::TestArguments;
use crate::filter::Filter;
use crate::image::Tree;
use crate::kernel::{Recipe, Source};
use crate::lab::Lab;
use crate::parallel;
use crate::paths::Paths;
use crate::report::Report;
use crate::session::Session;
use crate::suites::{self, full_name, label, Suite};
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &TestArguments) -> Result<bool> {
    let agent = Agent::build(paths, tools)?;
    let tests = agent.tests()?;
    require_known_suites(&tests)?;
    let plan = Plan::new(&tests, arguments);
    if arguments.list {
        for name in plan.selected() {
            println!("{name}");
        }
        return Ok(true);
    }

    if paths.results().exists() {
        fs::remove_dir_all(paths.results()).context("cannot remove the last run's results")?;
    }
    let jobs = arguments.jobs.unwrap_or_else(parallel::processors);
    let mut report = Report::new(arguments.show_output);
    if plan.filter.selects_all() || plan.runs.is_empty() {
        cargo_tests::run(paths, tools, plan.filter.wanted(), &mut |result| {
            report.add(result);
        })?;
    }
    for link in &plan.runs {
        match Lab::prepare(paths, tools, agent.clone(), *link, arguments.kernel) {
            Ok(mut lab) => {
                lab.fsx = arguments.fsx();
                lab.switches = arguments.switches;
                lab.soak_seconds = arguments.soak_seconds;
                run_checks(&lab, &tests, &plan, &mut report)?;
                for _ in 0..arguments.repeat {
                    run_guests(&lab, &tests, &plan, jobs, &mut report)?;
                    if report.has_failures() {
                        // The next round would write over what this one left to look at.
                        break;
                    }
                }
            }
            // The sums shall say so even if no guest could be booted.
            Err(error) => report.add(TestResult {
                name: format!("{}/build", label(checks::SUITE, *link)),
                verdict: Verdict::Failed,
                seconds: 0.0,
                details: vec![format!("{error:#}")],
            }),
        }
    }
    report.finish(&paths.results().join("junit.xml"))
}

/// What is to run: on which engines, and which tests of those.
struct Plan {
    filter: Filter,
    /// Those that have something selected.
    runs: Vec<Link>,
    /// The full names of the tests that these may run.
    names: Vec<String>,
}

impl Plan {
    fn new(tests: &[TestInfo], arguments: &TestArguments) -> Self {
        let wanted = arguments.filter.as_deref();
        let mut links: Vec<Link> = arguments.link.iter().map(|&link| link.into()).collect();
        let asked = !links.is_empty();
        if !asked {
            links = vec![Link::Module, Link::Builtin, Link::Live];
        }
        let of_each: Vec<(Link, Vec<String>)> = links
            .into_iter()
            .map(|link| match link {
                // All other tests would only be run a third time.
                Link::Live if !asked => (link, of_switching(tests)),
                _ => (link, names_of(tests, link)),
            })
            .collect();
        let all = of_each.iter().flat_map(|(_, names)| names);
        let filter = Filter::new(wanted, all.map(String::as_str));
        let has_selected = |names: &Vec<String>| names.iter().any(|name| filter.selects(name));
        let mut runs: Vec<Link> = of_each
            .iter()
            .filter(|(_, names)| has_selected(names))
            .map(|(link, _)| *link)
            .collect();
        if !asked && !filter.selects_all() {
            // Who looks for a test by its name does not want it twice.
            runs.truncate(1);
        }
        let names = of_each
            .into_iter()
            .filter(|(link, _)| runs.contains(link))
            .flat_map(|(_, names)| names)
            .collect();
        Self {
            filter,
            runs,
            names,
        }
    }

    fn selected(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|name| self.filter.selects(name))
    }

    /// The tests of a suite that were asked for.
    fn of_suite(&self, suite: &Suite, tests: &[TestInfo], link: Link) -> Vec<TestInfo> {
        let own = tests.iter().filter(|test| test.suite == suite.name);
        own.filter(|test| self.selects(&full_name(test, link)))
            .cloned()
            .collect()
    }

    fn selects(&self, wanted: &str) -> bool {
        self.selected().any(|name| name == wanted)
    }
}

/// The full names of the tests that put the engine into a running kernel.
fn of_switching(tests: &[TestInfo]) -> Vec<String> {
    let mut names = Vec::new();
    for suite in suites::TEST.iter().filter(|suite| suite.loads_engine) {
        let own = tests.iter().filter(|test| test.suite == suite.name);
        names.extend(own.map(|test| full_name(test, Link::Live)));
    }
    names
}

/// The full names of what there is for the engine linked in this way.
fn names_of(tests: &[TestInfo], link: Link) -> Vec<String> {
    let runs_there = |test: &&TestInfo| {
        let mut suites = suites::TEST.iter();
        suites.any(|suite| suite.name == test.suite && suite.runs_on(link))
    };
    let tests = tests.iter().filter(runs_there);
    let names = tests.map(|test| full_name(test, link));
    names.chain(checks::names(link)).collect()
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

fn run_checks(lab: &Lab, tests: &[TestInfo], plan: &Plan, report: &mut Report) -> Result<()> {
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
    checks::run(&subject, |name| plan.selects(name), &mut |result| {
        report.add(result)
    });
    Ok(())
}

/// Boots a guest for each suite, up to `jobs` at a time. Results come as tests end.
fn run_guests(
    lab: &Lab,
    tests: &[TestInfo],
    plan: &Plan,
    jobs: usize,
    report: &mut Report,
) -> Result<()> {
    let tree = &Tree::generate(&lab.work().join("tree"))?;
    let suites = suites::TEST.iter().filter(|suite| suite.runs_on(lab.link));
    let tasks: Vec<(&Suite, Vec<TestInfo>)> = suites
        .map(|suite| (suite, plan.of_suite(suite, tests, lab.link)))
        .filter(|(_, selected)| !selected.is_empty())
        .collect();
    let (sender, results) = mpsc::channel();
    // Takes the sender along: when all guests are done, there are no more results.
    let run = move |(suite, selected): (&Suite, Vec<TestInfo>)| {
        let logs = lab.paths.results().join(lab.link.name()).join(suite.name);
        // Nobody has stopped listening unless the harness is about to end.
        let mut emit = |result| drop(sender.send(result));
        Session::new(lab, suite, tree, logs, &mut emit).run(&selected)
    };
    thread::scope(|scope| {
        let guests = scope.spawn(move || parallel::all(tasks, jobs, run));
        for result in results {
            report.add(result);
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
    use crate::cli::LinkArgument;
    use crate::kernel::Flavor;

    fn plan(filter: Option<&str>, links: &[LinkArgument]) -> Plan {
        let test = |suite: &str, name: &str| TestInfo {
            name: name.into(),
            suite: suite.into(),
            behaviours: Vec::new(),
            doc: String::new(),
            expect_log: Vec::new(),
            timeout_secs: None,
        };
        let tests = [
            test("xfs-4k", "mmap"),
            test("bdev", "punch"),
            test("live", "switch"),
        ];
        let arguments = TestArguments {
            filter: filter.map(str::to_owned),
            link: links.to_vec(),
            kernel: Flavor::Release,
            fsx_operations: None,
            fsx_seed: None,
            switches: 0,
            soak_seconds: 0,
            show_output: false,
            repeat: 1,
            jobs: None,
            list: false,
        };
        Plan::new(&tests, &arguments)
    }

    fn in_guests(plan: &Plan) -> Vec<&str> {
        let names = plan.selected().map(String::as_str);
        names.filter(|name| !name.contains("host/")).collect()
    }

    #[test]
    fn without_a_filter_all_ways_to_link_are_tested() {
        let plan = plan(None, &[]);
        assert_eq!(plan.runs, [Link::Module, Link::Builtin, Link::Live]);
        let all = [
            "xfs-4k/mmap",
            "builtin:xfs-4k/mmap",
            "builtin:bdev/punch",
            "live:live/switch",
        ];
        assert_eq!(in_guests(&plan), all);
        assert!(plan.selects("live:live/switch") && !plan.selects("live:xfs-4k/mmap"));
    }

    #[test]
    fn a_name_means_one_run() {
        assert_eq!(in_guests(&plan(Some("mmap"), &[])), ["xfs-4k/mmap"]);
        for name in ["punch", "bdev", "bdev/punch", "builtin:bdev/punch"] {
            assert_eq!(in_guests(&plan(Some(name), &[])), ["builtin:bdev/punch"]);
        }
        assert_eq!(in_guests(&plan(Some("switch"), &[])), ["live:live/switch"]);
        let of_builtin = plan(Some("builtin:xfs-4k/mmap"), &[]);
        assert_eq!(in_guests(&of_builtin), ["builtin:xfs-4k/mmap"]);
        assert!(plan(Some("harness's own"), &[]).runs.is_empty());
    }

    #[test]
    fn a_person_may_ask_for_any() {
        let builtin = plan(Some("mmap"), &[LinkArgument::Builtin]);
        assert_eq!(in_guests(&builtin), ["builtin:xfs-4k/mmap"]);
        let c = plan(None, &[LinkArgument::C]);
        assert_eq!(in_guests(&c), ["xfs-4k/mmap", "bdev/punch"]);
        let live = plan(Some("mmap"), &[LinkArgument::Live]);
        assert_eq!(in_guests(&live), ["live:xfs-4k/mmap"]);
        let module = plan(Some("punch"), &[LinkArgument::Module]);
        assert!(module.runs.is_empty());
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `test`: cargo tests, host checks, guest tests; or a list of them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::{Engine, TestInfo};

use crate::agent::Agent;
use crate::cargo_tests;
use crate::checks::{self, Subject};
use crate::cli::TestArguments;
use crate::filter::Filter;
use crate::image::Tree;
use crate::kernel::{Flavor, Link, Recipe, Source};
use crate::lab::Lab;
use crate::paths::Paths;
use crate::report::Report;
use crate::session::Session;
use crate::suites;
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &TestArguments) -> Result<bool> {
    let agent = Agent::build(paths, tools)?;
    let tests = agent.tests()?;
    require_known_suites(&tests)?;
    let names: Vec<String> = tests.iter().map(full_name).chain(checks::names()).collect();
    let filter = Filter::new(
        arguments.filter.as_deref(),
        names.iter().map(String::as_str),
    );
    if arguments.list {
        for name in names.iter().filter(|name| filter.selects(name)) {
            println!("{name}");
        }
        return Ok(true);
    }

    if paths.results().exists() {
        fs::remove_dir_all(paths.results()).context("cannot remove the last run's results")?;
    }
    let mut report = Report::new();
    let wanted_here = names.iter().any(|name| filter.selects(name));
    if filter.selects_all() || !wanted_here {
        cargo_tests::run(paths, tools, filter.wanted(), &mut |result| {
            report.add(result);
        })?;
    }
    if wanted_here {
        match Lab::prepare(
            paths,
            tools,
            agent,
            arguments.engine.into(),
            arguments.kernel,
        ) {
            Ok(mut lab) => {
                lab.fsx = arguments.fsx();
                run_checks(&lab, &tests, &filter, &mut report)?;
                run_guests(&lab, &tests, &filter, &mut report)?;
            }
            // The sums shall say so even if no guest could be booted.
            Err(error) => report.add(TestResult {
                name: format!("{}/build", checks::SUITE),
                verdict: Verdict::Failed,
                seconds: 0.0,
                details: vec![format!("{error:#}")],
            }),
        }
    }
    report.finish(&paths.results().join("junit.xml"))
}

fn full_name(test: &TestInfo) -> String {
    format!("{}/{}", test.suite, test.name)
}

/// A test of a suite that does not exist would silently never run.
fn require_known_suites(tests: &[TestInfo]) -> Result<()> {
    let known: BTreeSet<&str> = suites::TEST.iter().map(|suite| suite.name).collect();
    match tests
        .iter()
        .find(|test| !known.contains(test.suite.as_str()))
    {
        Some(test) => bail!(
            "test {} names a suite that is not in suites.rs",
            full_name(test)
        ),
        None => Ok(()),
    }
}

fn run_checks(lab: &Lab, tests: &[TestInfo], filter: &Filter, report: &mut Report) -> Result<()> {
    // They are about the Rust engine and its patch, whatever guests run on.
    if lab.engine != Engine::Rust {
        return Ok(());
    }
    let recipe = Recipe::new(&lab.paths, &lab.tools, Link::Module, Flavor::Release)?;
    let source = Source::prepare(&lab.paths, &lab.tools, &recipe)?;
    let subject = Subject {
        paths: &lab.paths,
        tools: &lab.tools,
        recipe: &recipe,
        source: &source,
        tests,
    };
    checks::run(&subject, |name| filter.selects(name), &mut |result| {
        report.add(result)
    });
    Ok(())
}

fn run_guests(lab: &Lab, tests: &[TestInfo], filter: &Filter, report: &mut Report) -> Result<()> {
    let tree = Tree::generate(&lab.work().join("tree"))?;
    for suite in suites::TEST {
        let selected: Vec<TestInfo> = tests
            .iter()
            .filter(|test| test.suite == suite.name && filter.selects(&full_name(test)))
            .cloned()
            .collect();
        if selected.is_empty() {
            continue;
        }
        let logs = lab.paths.results().join(suite.name);
        let mut emit = |result| report.add(result);
        Session::new(lab, suite, &tree, logs, &mut emit).run(&selected)?;
    }
    Ok(())
}

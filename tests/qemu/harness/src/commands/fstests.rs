// SPDX-License-Identifier: GPL-2.0

//! `fstests`: a person's fstests tree, on either engine or on both.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use crate::agent::Agent;
use crate::cli::FstestsArguments;
use crate::fstests::{
    self, Campaign, Client, Column, Entry, Record, Selection, Side, Summary, Tree,
};
use crate::lab::Lab;
use crate::parallel;
use crate::paths::{make_dir, Paths};
use crate::report;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &FstestsArguments) -> Result<bool> {
    let start = Instant::now();
    fstests::examine_kernel(arguments.kernel)?;
    let links: Vec<Link> = arguments.link.iter().copied().map(Link::from).collect();
    fstests::examine_engines(&links)?;
    let tree = Tree::find(arguments.tree.as_deref())?;
    let plans = plans(arguments, &tree, &links)?;
    let agent = Agent::build(paths, tools)?;
    let results = paths.checkout.join("target/fstests");
    make_dir(&results)?;
    let mut labs = Vec::new();
    for engines in guests(&links) {
        labs.push((
            engines,
            lab(paths, tools, &agent, engines, &links, arguments)?,
        ));
    }
    let mut tasks = Vec::new();
    for plan in &plans {
        tasks.extend(
            labs.iter()
                .map(|(engines, lab)| Task { plan, engines, lab }),
        );
    }
    let jobs = arguments.jobs.unwrap_or_else(parallel::processors);
    let run = |task: Task| task.run(&tree, &results, arguments);
    let mut done = parallel::all(tasks, jobs, run)?.into_iter();

    let mut troubles = Vec::new();
    let mut summaries = Vec::new();
    for plan in plans {
        let mut columns = Vec::new();
        for (own, own_troubles) in done.by_ref().take(labs.len()) {
            columns.extend(own);
            troubles.extend(own_troubles);
        }
        summaries.push(Summary {
            filesystem: plan.label,
            tests: plan.tests,
            columns,
        });
    }
    conclude(&summaries, troubles, &results, start.elapsed())
}

/// What is to be run of each filesystem. An error for whatever could be known to go wrong
/// before hours of tests.
fn plans(arguments: &FstestsArguments, tree: &Tree, links: &[Link]) -> Result<Vec<Plan>> {
    let section = variables_of_section(arguments)?;
    let section_kind = section.get("FSTYP").map(String::as_str);
    let clients = Client::chosen(&arguments.fs, section_kind)?;
    let selection = Selection {
        groups: arguments.group.clone(),
        tests: arguments.tests.clone(),
        exclude: arguments.exclude.clone(),
    };
    for client in &clients {
        for &link in links {
            client.on(link)?;
        }
    }
    let kinds: Vec<&str> = clients.iter().map(|client| client.kind).collect();
    selection.check(&tree.dir, &kinds)?;
    let mut plans = Vec::new();
    for client in clients {
        let mut variables = section.clone();
        variables.insert("FSTYP".to_owned(), client.kind.to_owned());
        plans.push(Plan {
            label: label(client.name, arguments.section.as_deref()),
            client,
            variables,
            tests: selection.expand(&tree.dir, client.kind)?,
        });
    }
    Ok(plans)
}

/// Shows and writes what came out; false if something is wrong.
fn conclude(
    summaries: &[Summary],
    mut troubles: Vec<String>,
    results: &Path,
    took: Duration,
) -> Result<bool> {
    let mut all = Vec::new();
    let mut regressions = 0;
    let mut verdicts = String::new();
    let mut calls = None;
    for summary in summaries {
        println!("\n{}", summary.table());
        summary.write_lists()?;
        verdicts.push_str(&summary.verdict());
        regressions += summary.regressions().len();
        troubles.extend(summary.troubles());
        let on_live = summary.columns.iter().filter(|c| c.link == Link::Live);
        calls = on_live
            .filter_map(Column::calls)
            .fold(calls, |sum, own| Some(sum.unwrap_or_default() + own));
        all.extend(summary.results());
    }
    if calls == Some(0) {
        troubles.push("no test called the Rust engine: these results say nothing of it".into());
    }
    report::write_junit(&all, took, &results.join("junit.xml"))?;
    for trouble in &troubles {
        verdicts.push_str(&format!("{trouble}\n"));
    }
    println!(
        "{verdicts}results: {} (junit.xml, *.list), took {:.0} s",
        results.display(),
        took.as_secs_f64()
    );
    Ok(regressions == 0 && troubles.is_empty())
}

/// What is to be run of one filesystem.
struct Plan {
    client: Client,
    /// Names it and what is special about it; its results have names that begin so.
    label: String,
    variables: BTreeMap<String, String>,
    tests: Vec<String>,
}

/// A filesystem on the engines of one guest.
struct Task<'a> {
    plan: &'a Plan,
    engines: &'a [Link],
    lab: &'a Lab,
}

impl Task<'_> {
    /// Runs it; a column for each engine, and what went wrong besides.
    fn run(
        self,
        tree: &Tree,
        results: &Path,
        arguments: &FstestsArguments,
    ) -> Result<(Vec<Column>, Vec<String>)> {
        let Self { plan, lab, .. } = self;
        let mut sides = Vec::new();
        for &link in self.engines {
            let dir = results.join(format!("{}-{}", plan.label, lab.name_of(link)));
            make_dir(&dir)?;
            sides.push(Side { link, dir });
        }
        let names: Vec<&str> = self.engines.iter().map(|link| link.name()).collect();
        let place = format!("{} on {}", plan.label, names.join(" and "));
        let campaign = Campaign {
            lab,
            client: plan.client.on(lab.link)?,
            tree,
            variables: plan.variables.clone(),
            limit: Duration::from_secs(arguments.limit) * arguments.kernel.slowness(),
            sides: sides.clone(),
        };
        let mut show = |link, entry: &Entry| show(&plan.label, link, entry);
        let course = campaign
            .run(&plan.tests, arguments.fresh, &mut show)
            .with_context(|| place.clone())?;
        let column = |(side, record): (Side, Record)| Column {
            link: side.link,
            entries: selected(record.entries, &plan.tests),
            dir: side.dir,
        };
        let columns = sides.into_iter().zip(course.records).map(column);
        let troubles = course.troubles.iter();
        let troubles = troubles.map(|trouble| format!("{place}: {trouble}"));
        Ok((columns.collect(), troubles.collect()))
    }
}

/// A filesystem with the options of a section is another one: its results are its own.
fn label(filesystem: &str, section: Option<&str>) -> String {
    match section {
        Some(section) => format!("{filesystem}-{section}"),
        None => filesystem.to_owned(),
    }
}

/// The engines of each guest: those that one kernel can switch between share one, so that
/// nothing but the engine differs.
fn guests(links: &[Link]) -> Vec<&[Link]> {
    match links {
        [Link::C, Link::Live] => vec![links],
        _ => links.chunks(1).collect(),
    }
}

/// What guests with these of the engines run on.
fn lab(
    paths: &Paths,
    tools: &Toolchain,
    agent: &Agent,
    engines: &[Link],
    all: &[Link],
    arguments: &FstestsArguments,
) -> Result<Lab> {
    let (agent, flavor) = (agent.clone(), arguments.kernel);
    match (engines, all) {
        ([Link::C], &[_, other]) => Lab::reference(paths, tools, agent, other, flavor),
        ([.., link], _) => Lab::prepare(paths, tools, agent, *link, flavor),
        ([], _) => bail!("no engine to run on"),
    }
}

/// A line as soon as a test is done.
fn show(filesystem: &str, link: Link, entry: &Entry) {
    let calls = match entry.calls {
        Some(calls) => format!(", {calls} calls of the Rust engine"),
        None => String::new(),
    };
    println!(
        "{filesystem} on {}: {} {} ({:.1} s{calls}) {}",
        link.name(),
        entry.test,
        entry.outcome.name(),
        entry.seconds,
        entry.remark
    );
}

/// What a section of the person's sets; nothing without one.
fn variables_of_section(arguments: &FstestsArguments) -> Result<BTreeMap<String, String>> {
    match (&arguments.config, &arguments.section) {
        (Some(file), Some(section)) => fstests::variables_of(file, section),
        _ => Ok(BTreeMap::new()),
    }
}

/// Without what earlier runs of other groups left in the same record.
fn selected(mut entries: BTreeMap<String, Entry>, tests: &[String]) -> BTreeMap<String, Entry> {
    entries.retain(|test, _| tests.contains(test));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_share_a_guest_where_a_kernel_can_have_both() {
        let (c, live, module) = (Link::C, Link::Live, Link::Module);
        assert_eq!(guests(&[c, live]), [[c, live].as_slice()]);
        assert_eq!(guests(&[c, module]), [[c], [module]]);
        assert_eq!(guests(&[live]), [[live]]);
    }
}

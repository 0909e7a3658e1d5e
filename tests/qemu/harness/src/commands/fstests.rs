// SPDX-License-Identifier: GPL-2.0

//! `fstests`: a person's fstests tree, on either engine or on both.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iomap_qemu_protocol::Link;

use crate::agent::Agent;
use crate::cli::FstestsArguments;
use crate::fstests::{self, Campaign, Client, Column, Course, Entry, Selection, Summary};
use crate::lab::Lab;
use crate::paths::{make_dir, Paths};
use crate::report;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &FstestsArguments) -> Result<bool> {
    let start = Instant::now();
    fstests::examine(&arguments.tree)?;
    let tree = arguments
        .tree
        .canonicalize()
        .with_context(|| format!("cannot find {}", arguments.tree.display()))?;
    let clients = arguments.fs.iter().map(|name| Client::by_name(name));
    let clients = clients.collect::<Result<Vec<_>>>()?;
    let selection = Selection {
        groups: arguments.group.clone(),
        tests: arguments.tests.clone(),
        exclude: arguments.exclude.clone(),
    };
    let links: Vec<Link> = arguments.link.iter().copied().map(Link::from).collect();
    for client in &clients {
        for &link in &links {
            client.on(link)?;
        }
    }
    let kinds: Vec<&str> = clients.iter().map(|client| client.kind).collect();
    selection.check(&tree, &kinds)?;
    let mut summaries = Vec::new();
    for client in clients {
        let tests = selection.expand(&tree, client.kind)?;
        let variables = variables(arguments, &client)?;
        summaries.push((client, variables, tests));
    }

    let agent = Agent::build(paths, tools)?;
    let results = paths.checkout.join("target/fstests");
    make_dir(&results)?;
    let mut columns: BTreeMap<&str, Vec<Column>> = BTreeMap::new();
    let mut troubles = Vec::new();
    for &link in &links {
        let lab = match (link, links.as_slice()) {
            (Link::C, &[_, other]) => {
                Lab::reference(paths, tools, agent.clone(), other, arguments.kernel)?
            }
            _ => Lab::prepare(paths, tools, agent.clone(), link, arguments.kernel)?,
        };
        for (client, variables, tests) in &summaries {
            let dir = results.join(format!("{}-{}", client.name, lab.engine()));
            make_dir(&dir)?;
            let campaign = Campaign {
                lab: &lab,
                client: client.on(link)?,
                tree: &tree,
                variables: variables.clone(),
                limit: Duration::from_secs(arguments.limit) * arguments.kernel.slowness(),
                dir: dir.clone(),
            };
            let Course {
                record,
                troubles: own,
            } = campaign.run(tests, arguments.fresh, &mut |entry| {
                show(client.name, link, entry);
            })?;
            let place = format!("{} on {}", client.name, link.name());
            troubles.extend(own.iter().map(|trouble| format!("{place}: {trouble}\n")));
            columns.entry(client.name).or_default().push(Column {
                link,
                entries: selected(record.entries, tests),
                dir,
            });
        }
    }

    let mut all = Vec::new();
    let mut regressions = 0;
    let mut verdicts = String::new();
    for (client, _, tests) in summaries {
        let summary = Summary {
            filesystem: client.name.to_owned(),
            tests,
            columns: columns.remove(client.name).unwrap_or_default(),
        };
        println!("\n{}", summary.table());
        summary.write_lists(&results)?;
        verdicts.push_str(&summary.verdict());
        regressions += summary.regressions().len();
        all.extend(summary.results());
    }
    report::write_junit(&all, start.elapsed(), &results.join("junit.xml"))?;
    println!(
        "{verdicts}{}results: {} (junit.xml, *.list), took {:.0} s",
        troubles.concat(),
        results.display(),
        start.elapsed().as_secs_f64()
    );
    Ok(regressions == 0 && troubles.is_empty())
}

/// A line as soon as a test is done.
fn show(filesystem: &str, link: Link, entry: &Entry) {
    println!(
        "{filesystem} on {}: {} {} ({:.1} s) {}",
        link.name(),
        entry.test,
        entry.outcome.name(),
        entry.seconds,
        entry.remark
    );
}

fn variables(arguments: &FstestsArguments, client: &Client) -> Result<BTreeMap<String, String>> {
    let mut variables = match (&arguments.config, &arguments.section) {
        (Some(file), Some(section)) => fstests::variables_of(file, section)?,
        _ => BTreeMap::new(),
    };
    variables.insert("FSTYP".to_owned(), client.kind.to_owned());
    Ok(variables)
}

/// Without what earlier runs of other groups left in the same record.
fn selected(mut entries: BTreeMap<String, Entry>, tests: &[String]) -> BTreeMap<String, Entry> {
    entries.retain(|test, _| tests.contains(test));
    entries
}

// SPDX-License-Identifier: GPL-2.0

//! Where the instructions of workloads are, and how deep the stack gets.

use std::path::Path;
use std::slice;

use anyhow::{bail, Result};
use iomap_bench_report::live::{self, Redirected};
use iomap_bench_report::stack::{self, Depth};
use iomap_qemu_protocol::{BenchSpec, Link, Measured};

use super::{labs, meta, results_dir, INSTRUCTIONS};
use crate::agent::Agent;
use crate::bench::{self, profile, Choice, Plan};
use crate::kernel::Flavor;
use crate::lab::Lab;
use crate::paths::{make_dir, Paths};
use crate::qemu::Accel;
use crate::suites::Comparison;
use crate::toolchain::Toolchain;

/// Runs workloads once more under the plugin.
pub fn profiles(paths: &Paths, tools: &Toolchain, workloads: &str) -> Result<bool> {
    let choice = Choice::of(Some(workloads), 1)?;
    let plugin = bench::build_plugin(paths, tools)?;
    let labs = labs(paths, tools, Some(Accel::Counted))?;
    for comparison in &choice.comparisons {
        let mut sides = Vec::new();
        for lab in &labs {
            sides.push(profile_of(lab, &plugin, comparison, &choice)?);
        }
        let [c, rust] = sides.as_slice() else {
            bail!("there are two engines");
        };
        let mut depths = Vec::new();
        for ((workload, c), (_, rust)) in c.iter().zip(rust) {
            println!("{}/{workload}, instructions per operation", comparison.name);
            println!("{}", profile::compare(c, rust));
            depths.push(Depth {
                workload: workload.clone(),
                c: c.depth.clone(),
                rust: rust.depth.clone(),
            });
        }
        let page = stack::page(comparison.name, &meta(&labs, INSTRUCTIONS)?, &depths);
        println!("{page}");
        let into = results_dir(paths, choice.workloads.is_none());
        bench::publish_page(comparison.name, "stack.md", &page, &into)?;
    }
    Ok(true)
}

/// Counts what livepatch's trampolines take. The kernel is that of `MODE=live`: one that
/// is built to count on has no livepatch, and what a trampoline executes is the same.
pub fn trampolines(paths: &Paths, tools: &Toolchain, workloads: &str) -> Result<bool> {
    let choice = Choice::of(Some(workloads), 1)?;
    let plugin = bench::build_plugin(paths, tools)?;
    let agent = Agent::build(paths, tools)?;
    let mut lab = Lab::prepare(paths, tools, agent, Link::Live, Flavor::Release)?;
    lab.accel = Accel::Counted;
    for comparison in &choice.comparisons {
        let profiles = profile_of(&lab, &plugin, comparison, &choice)?;
        let rows = profiles.into_iter().map(|(workload, profile)| Redirected {
            workload,
            calls: profile.redirected,
            instructions: profile.redirection(),
        });
        let page = live::page(
            comparison.name,
            &meta(slice::from_ref(&lab), INSTRUCTIONS)?,
            &rows.collect::<Vec<_>>(),
        );
        println!("{page}");
        let into = results_dir(paths, choice.workloads.is_none());
        bench::publish_page(comparison.name, "live.md", &page, &into)?;
    }
    Ok(true)
}

/// Boots an engine under the plugin: workloads by name.
fn profile_of(
    lab: &Lab,
    plugin: &Path,
    comparison: &Comparison,
    choice: &Choice,
) -> Result<Vec<(String, profile::Profile)>> {
    let dir = lab.paths.checkout.join("target/bench");
    make_dir(&dir)?;
    let raw = dir.join(format!("profile-{}.jsonl", lab.link.name()));
    let plan = Plan {
        spec: BenchSpec {
            filter: choice.workloads.clone(),
            batches: 1,
            // Rows of growing size are for who asks for them: they take their time.
            what: match choice.workloads {
                Some(_) => Measured::All,
                None => Measured::Operations,
            },
            offers: Vec::new(),
        },
        plugin: Some(format!("{},out={}", plugin.display(), raw.display())),
    };
    let collected = plan.boot(lab, comparison)?.whole()?;
    if collected.workloads.is_empty() {
        bail!(choice.without_workloads());
    }
    let symbols = symbols(lab, &collected)?;
    let operations: Vec<f64> = collected
        .workloads
        .iter()
        .map(bench::Measured::operations)
        .collect();
    let profiles = profile::read(&raw, &symbols, &operations)?;
    let names = collected.workloads.into_iter().map(|one| one.name);
    Ok(names.zip(profiles).collect())
}

/// Names for the addresses of a guest.
fn symbols(lab: &Lab, collected: &bench::Collected) -> Result<bench::Symbols> {
    let c_engine = lab.link == Link::C;
    let mut symbols = bench::Symbols::of_kernel(&lab.tools, &lab.kernel, c_engine)?;
    for (name, base) in &collected.modules {
        symbols.add_module(&lab.tools, name, lab.module_file(name)?, *base)?;
    }
    for address in &collected.trampolines {
        symbols.add_trampoline(*address);
    }
    Ok(symbols)
}

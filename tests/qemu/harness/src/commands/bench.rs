// SPDX-License-Identifier: GPL-2.0

//! `bench`: the same workloads on the C and on the Rust engine of one kernel.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{bail, Result};
use iomap_bench_report::{table, Memory, Meta, Results, Suite};
use iomap_qemu_protocol::{BenchSpec, Link, Measured};

use crate::agent::Agent;
use crate::bench::{self, profile, Choice, Plan};
use crate::cli::BenchArguments;
use crate::kernel::{Engine, Flavor};
use crate::lab::Lab;
use crate::paths::{make_dir, Paths};
use crate::qemu::Accel;
use crate::suites::Comparison;
use crate::toolchain::Toolchain;

/// In the order of tables.
const ENGINES: [Link; 2] = [Link::C, Link::Module];

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    match &arguments.profile {
        Some(workloads) => show_profile(paths, tools, workloads),
        None => count(paths, tools, arguments),
    }
}

/// Counts instructions.
fn count(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    let start = Instant::now();
    let quick = arguments.quick;
    let choice = Choice::of(
        arguments.filter.as_deref(),
        if quick { 1 } else { usize::MAX },
    )?;
    let plan = Plan {
        spec: BenchSpec {
            filter: choice.workloads.clone(),
            batches: 3,
            what: match quick {
                true => Measured::Operations,
                false => Measured::All,
            },
            offers: Vec::new(),
        },
        plugin: None,
    };
    let labs = labs(paths, tools)?;
    let mut results = Results {
        meta: meta(&labs)?,
        suites: Vec::new(),
        memory: memory(&labs)?,
    };
    let boots = if quick { 1 } else { 2 };
    let mut failures = Vec::new();
    for comparison in &choice.comparisons {
        // Hours of results are not lost by a filesystem that fails.
        let counted = count_one(&plan, &labs, comparison, boots, jobs(arguments));
        let (suite, well) = match counted {
            Ok(counted) => counted,
            Err(error) => {
                eprintln!("{}: {error:#}", comparison.name);
                failures.push(comparison.name);
                continue;
            }
        };
        if !well {
            failures.push(comparison.name);
        }
        results.suites = vec![suite];
        let into = results_dir(paths, well && choice.workloads.is_none() && !quick);
        bench::publish(&results, &into)?;
        println!("{}", table::page(&results));
        println!("Written to {}", into.display());
    }
    println!("Took {:.0} s", start.elapsed().as_secs_f64());
    if !failures.is_empty() {
        bail!("not all was measured on {}", failures.join(", "));
    }
    Ok(true)
}

/// Boots a filesystem on all engines, side by side: a guest counts the same on a busy
/// host. Whether no workload failed is the second that is returned.
fn count_one(
    plan: &Plan,
    labs: &[Lab],
    comparison: &Comparison,
    boots: usize,
    jobs: usize,
) -> Result<(Suite, bool)> {
    let collected = bench::all(labs.iter().collect(), jobs, |lab: &Lab| {
        let runs: Result<Vec<_>> = (0..boots).map(|_| plan.boot(lab, comparison)).collect();
        Ok((lab.link, runs?))
    })?;
    let mut suite = Suite {
        name: comparison.name.to_owned(),
        ..Suite::default()
    };
    let mut whole = true;
    for (link, runs) in collected {
        for run in runs {
            whole &= run.failed.is_empty();
            bench::merge(&mut suite, link, run.workloads);
        }
    }
    Ok((suite, whole))
}

/// What is kept in the repository is whole.
fn results_dir(paths: &Paths, whole: bool) -> PathBuf {
    match whole {
        true => paths.checkout.join("bench/results"),
        false => paths.checkout.join("target/bench/results"),
    }
}

/// Runs workloads once more under the plugin, and shows where their instructions
/// are.
fn show_profile(paths: &Paths, tools: &Toolchain, workloads: &str) -> Result<bool> {
    let choice = Choice::of(Some(workloads), 1)?;
    let plugin = bench::build_plugin(paths, tools)?;
    let labs = labs(paths, tools)?;
    let raw = paths.checkout.join("target/bench");
    make_dir(&raw)?;
    for comparison in &choice.comparisons {
        let mut sides = Vec::new();
        for lab in &labs {
            let raw = raw.join(format!("profile-{}.jsonl", lab.link.name()));
            let plan = Plan {
                spec: BenchSpec {
                    filter: choice.workloads.clone(),
                    batches: 1,
                    what: Measured::Operations,
                    offers: Vec::new(),
                },
                plugin: Some(format!("{},out={}", plugin.display(), raw.display())),
            };
            let collected = plan.boot(lab, comparison)?.whole()?;
            let symbols = symbols(lab, &collected)?;
            let operations: Vec<f64> = collected
                .workloads
                .iter()
                .map(bench::Measured::operations)
                .collect();
            let profiles = profile::read(&raw, &symbols, &operations)?;
            sides.push((collected.workloads, profiles));
        }
        let [(names, c), (_, rust)] = sides.as_slice() else {
            bail!("there are two engines");
        };
        for ((workload, c), rust) in names.iter().zip(c).zip(rust) {
            println!(
                "{}/{}, instructions per operation",
                comparison.name, workload.name
            );
            println!("{}", profile::compare(c, rust));
        }
    }
    Ok(true)
}

/// Kernels and modules of both engines.
fn labs(paths: &Paths, tools: &Toolchain) -> Result<Vec<Lab>> {
    let agent = Agent::build(paths, tools)?;
    let prepare = |link| {
        let mut lab = Lab::prepare(paths, tools, agent.clone(), link, Flavor::Bench)?;
        lab.accel = Accel::Counted;
        Ok(lab)
    };
    ENGINES.into_iter().map(prepare).collect()
}

fn jobs(arguments: &BenchArguments) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    arguments.jobs.unwrap_or_else(processors)
}

/// Names for the addresses of a guest.
fn symbols(lab: &Lab, collected: &bench::Collected) -> Result<bench::Symbols> {
    let c_engine = lab.link == Link::C;
    let mut symbols = bench::Symbols::of_kernel(&lab.tools, &lab.kernel, c_engine)?;
    for (name, base) in &collected.modules {
        symbols.add_module(&lab.tools, name, lab.module_file(name)?, *base)?;
    }
    Ok(symbols)
}

fn meta(labs: &[Lab]) -> Result<Meta> {
    let Some(lab) = labs.last() else {
        bail!("there are two engines");
    };
    let engine = Engine::read(&lab.paths.checkout)?.digest();
    Ok(Meta {
        kernel: lab.kernel.release()?,
        rustc: lab.tools.rustc_version.clone(),
        clang: lab.tools.clang_version.clone(),
        qemu: lab.tools.qemu_version.clone(),
        engine: engine.get(..12).unwrap_or_default().to_owned(),
        unit: "instructions".to_owned(),
    })
}

/// The engines' objects, as they were built for `labs`.
fn memory(labs: &[Lab]) -> Result<Memory> {
    let mut memory = Memory::default();
    for lab in labs {
        match lab.link {
            Link::C => memory.c = bench::c_size(&lab.tools, &lab.kernel.dir)?,
            _ => memory.rust = bench::rust_size(&lab.paths, &lab.tools)?,
        }
    }
    Ok(memory)
}

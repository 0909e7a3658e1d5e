// SPDX-License-Identifier: GPL-2.0

//! Instructions per operation, on both engines.

use std::time::Instant;

use anyhow::{bail, Result};
use iomap_bench_report::{table, Memory, Results, Suite};
use iomap_qemu_protocol::{BenchSpec, Link, Measured};

use super::{labs, meta, results_dir, INSTRUCTIONS};
use crate::bench::{self, Choice, Plan};
use crate::cli::BenchArguments;
use crate::lab::Lab;
use crate::parallel;
use crate::paths::Paths;
use crate::qemu::Accel;
use crate::suites::Comparison;
use crate::toolchain::Toolchain;

/// Counts them, and writes down what each filesystem's workloads took.
pub fn instructions(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
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
    let labs = labs(paths, tools, Some(Accel::Counted))?;
    let mut results = Results {
        meta: meta(&labs, INSTRUCTIONS)?,
        suites: Vec::new(),
        memory: memory(&labs)?,
    };
    let boots = if quick { 1 } else { 2 };
    let jobs = arguments.jobs.unwrap_or_else(parallel::processors);
    let mut failures = Vec::new();
    let mut measured = false;
    for comparison in &choice.comparisons {
        // Hours of results are not lost by a filesystem that fails.
        let counted = count_one(&plan, &labs, comparison, boots, jobs);
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
        if well && suite.workloads.is_empty() {
            // Others may have some of that name.
            continue;
        }
        measured = true;
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
    if !measured {
        bail!(choice.without_workloads());
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
    let collected = parallel::all(labs.iter().collect(), jobs, |lab: &Lab| {
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

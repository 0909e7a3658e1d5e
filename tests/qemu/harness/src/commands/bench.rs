// SPDX-License-Identifier: GPL-2.0

//! `bench`: the same workloads on the C and on the Rust engine of one kernel.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{bail, Context, Result};
use iomap_bench_report::{chart, table, Meta, Results, Suite};
use iomap_qemu_protocol::{BenchSpec, Link, Mode};

use crate::agent::Agent;
use crate::bench::{self, profile};
use crate::cli::BenchArguments;
use crate::filter::split;
use crate::kernel::Flavor;
use crate::lab::{Boot, Lab};
use crate::paths::{make_dir, Paths};
use crate::progress::Progress;
use crate::qemu::{Accel, Console};
use crate::suites;
use crate::toolchain::Toolchain;

/// What the charts of growing costs are about.
const FAMILIES: &[(&str, &str)] = &[
    ("size", "first write to a page, by the file's size in MiB"),
    ("extents", "direct read of 4 KiB, by the file's extents"),
    ("order", "overwrite of 4 KiB, by the order of the folios"),
];

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    if let Some(profile) = &arguments.profile {
        return show_profile(paths, tools, profile);
    }
    let start = Instant::now();
    let (wanted, filter) = split(arguments.filter.as_deref());
    let chosen = choose(wanted, if arguments.quick { 1 } else { usize::MAX })?;
    let plan = Plan {
        boots: if arguments.quick { 1 } else { 2 },
        spec: BenchSpec {
            filter: filter.map(str::to_owned),
            batches: 3,
            scaling: !arguments.quick,
        },
    };

    let agent = Agent::build(paths, tools)?;
    let mut results = Results::default();
    for suite in &chosen {
        results.suites.push(Suite {
            name: short(suite.name).to_owned(),
            workloads: Vec::new(),
        });
    }
    for link in [Link::C, Link::Module] {
        let mut lab = Lab::prepare(paths, tools, agent.clone(), link, Flavor::Bench)?;
        lab.accel = Accel::Counted;
        // Side by side: what a guest counts does not depend on the host's load.
        thread::scope(|scope| {
            let suites = chosen.iter().zip(&mut results.suites);
            let running: Vec<_> = suites
                .map(|(suite, into)| {
                    let (plan, lab) = (&plan, &lab);
                    scope.spawn(move || -> Result<()> {
                        for _ in 0..plan.boots {
                            let collected = plan.boot(lab, suite, None)?;
                            bench::merge(into, link, collected.workloads);
                        }
                        Ok(())
                    })
                })
                .collect();
            running.into_iter().try_for_each(|one| match one.join() {
                Ok(result) => result,
                Err(_) => bail!("a thread that counts has panicked"),
            })
        })?;
        if link == Link::C {
            results.memory.c = bench::c_size(tools, &lab.kernel.dir)?;
        } else {
            results.memory.rust = bench::rust_size(paths, tools)?;
            results.meta = meta(&lab)?;
        }
    }

    // What is kept in the repository is whole.
    let whole = filter.is_none() && wanted.is_none() && !arguments.quick;
    let into = match whole {
        true => paths.checkout.join("bench/results"),
        false => paths.checkout.join("target/bench"),
    };
    write(&results, &into)?;
    println!("{}", table::page(&results));
    println!(
        "Took {:.0} s; written to {}",
        start.elapsed().as_secs_f64(),
        into.display()
    );
    Ok(true)
}

/// At most `count` of the filesystems whose names contain `wanted`.
fn choose(wanted: Option<&str>, count: usize) -> Result<Vec<&'static suites::Suite>> {
    let fits =
        |suite: &&suites::Suite| wanted.is_none_or(|wanted| short(suite.name).contains(wanted));
    let chosen: Vec<_> = suites::BENCH.iter().filter(fits).take(count).collect();
    if chosen.is_empty() {
        bail!("no filesystem of that name is measured");
    }
    Ok(chosen)
}

/// Runs workloads once more under the plugin, and shows where their instructions
/// are.
fn show_profile(paths: &Paths, tools: &Toolchain, workloads: &str) -> Result<bool> {
    let (wanted, filter) = split(Some(workloads));
    let plugin = bench::build_plugin(paths, tools)?;
    let agent = Agent::build(paths, tools)?;
    let plan = Plan {
        boots: 1,
        spec: BenchSpec {
            filter: filter.map(str::to_owned),
            batches: 1,
            scaling: false,
        },
    };
    for suite in choose(wanted, 1)? {
        let mut sides = Vec::new();
        for link in [Link::C, Link::Module] {
            let mut lab = Lab::prepare(paths, tools, agent.clone(), link, Flavor::Bench)?;
            lab.accel = Accel::Counted;
            let raw = paths.checkout.join("target/bench");
            make_dir(&raw)?;
            let raw = raw.join(format!("profile-{}.jsonl", link.name()));
            let argument = format!("{},out={}", plugin.display(), raw.display());
            let collected = plan.boot(&lab, suite, Some(argument))?;
            let symbols = symbols(&lab, &collected)?;
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
                short(suite.name),
                workload.name
            );
            println!("{}", profile::compare(c, rust));
        }
    }
    Ok(true)
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

/// The filesystem's part of a suite's name.
fn short(suite: &str) -> &str {
    suite.strip_prefix("bench-").unwrap_or(suite)
}

fn meta(lab: &Lab) -> Result<Meta> {
    Ok(Meta {
        kernel: lab.kernel.release()?,
        rustc: lab.tools.rustc_version.clone(),
        clang: lab.tools.clang_version.clone(),
        qemu: lab.tools.qemu_version.clone(),
        unit: "instructions".to_owned(),
    })
}

/// What each guest is to do.
struct Plan {
    boots: u32,
    spec: BenchSpec,
}

impl Plan {
    fn boot(
        &self,
        lab: &Lab,
        suite: &suites::Suite,
        plugin: Option<String>,
    ) -> Result<bench::Collected> {
        let name = format!("{}-{}", suite.name, lab.link.name());
        let logs = lab.paths.checkout.join("target/bench").join(&name);
        make_dir(&logs)?;
        let mut machine = lab.assemble(&Boot {
            suite,
            mode: Mode::Bench,
            tests: Vec::new(),
            extra: serde_json::to_value(&self.spec).context("cannot write what to bench")?,
            console: Console::Log(logs.join("console.log")),
            tree: None,
        })?;
        machine.plugin = plugin;
        let mut progress = Progress::new(format!("{name}: counting"), None);
        let mut guest = lab.start(&machine, &logs)?;
        let collected = bench::collect(&mut guest, &mut progress)
            .with_context(|| format!("{name}; logs in {}", logs.display()))?;
        progress.finish();
        Ok(collected)
    }
}

fn write(results: &Results, into: &Path) -> Result<()> {
    make_dir(into)?;
    let put = |name: &str, text: &str| {
        let path = into.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    let json = serde_json::to_string_pretty(results).context("cannot write the results")?;
    put("instructions.json", &format!("{json}\n"))?;
    put("instructions.md", &table::page(results))?;
    for suite in &results.suites {
        let name = &suite.name;
        chart::ratios(suite, &results.meta.unit, &into.join(format!("{name}.svg")))?;
        for (family, title) in FAMILIES {
            let path = into.join(format!("{name}-{family}.svg"));
            chart::growth(suite, family, title, &path)?;
        }
    }
    Ok(())
}

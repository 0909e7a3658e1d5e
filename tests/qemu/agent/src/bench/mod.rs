// SPDX-License-Identifier: GPL-2.0

//! Bench mode: each workload in batches, the time stamp counter read around each.
//! Where QEMU counts instructions, that is how many there were.
//!
//! For each workload: `# begin`; `# metric <workload> ops`, the operations of a
//! batch; `control`, 1 if no engine has a part in it; `copied`, the bytes of an
//! operation that are copied, which `rep movsb` does; a `batch` for each batch, in
//! ticks; `idle_ms`, for how long the processor had nothing to do; and a KTAP result.
//! Where memory is measured, `bytes` is all that there is.

mod clone;
mod direct;
mod disk;
mod files;
mod floor;
mod fsync;
mod map;
mod measure;
mod queued;
mod read;
mod report;
mod scaling;
mod state;
mod threads;
mod write;
mod zero;

use std::fs;

use anyhow::{anyhow, Context as _, Result};
use iomap_qemu_protocol::{BenchSpec, Link, Measured, Needs, RunSpec};

use crate::kmsg::KernelLog;
use crate::live::engine;
use crate::output::Output;
use crate::sys::module;
use measure::Bench;

/// Something to measure.
struct Workload {
    name: &'static str,
    needs: Needs,
    /// No engine has a part in it: it shows what everything else costs.
    is_control: bool,
    run: fn(&mut Bench<'_>) -> Result<()>,
}

const fn workload(
    name: &'static str,
    needs: Needs,
    run: fn(&mut Bench<'_>) -> Result<()>,
) -> Workload {
    Workload {
        name,
        needs,
        is_control: false,
        run,
    }
}

const fn control(
    name: &'static str,
    needs: Needs,
    run: fn(&mut Bench<'_>) -> Result<()>,
) -> Workload {
    Workload {
        is_control: true,
        ..workload(name, needs, run)
    }
}

/// In the order of the report.
const TABLES: &[&[Workload]] = &[
    floor::WORKLOADS,
    write::WORKLOADS,
    read::WORKLOADS,
    map::WORKLOADS,
    fsync::WORKLOADS,
    zero::WORKLOADS,
    clone::WORKLOADS,
    direct::WORKLOADS,
    queued::WORKLOADS,
    report::WORKLOADS,
];

pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let wanted: BenchSpec =
        serde_json::from_value(spec.extra.clone()).context("the run does not say what to bench")?;
    disk::prepare(spec)?;
    if spec.link == Link::Live {
        report_trampolines(output)?;
    }
    report_engine(output);
    let tables = match wanted.what {
        Measured::Operations => TABLES.to_vec(),
        Measured::All => [TABLES, &[scaling::WORKLOADS, state::WORKLOADS]].concat(),
        Measured::Threads => vec![threads::WORKLOADS],
    };
    let all = || tables.iter().flat_map(|table| table.iter());
    let filter = wanted.filter.as_deref().unwrap_or_default();
    // A name that fits as a whole is meant, and none that it is a part of.
    let exact = all().any(|workload| workload.name == filter);
    let selected: Vec<&Workload> = all()
        .filter(|workload| wanted.offers.contains(&workload.needs))
        .filter(|workload| match exact {
            true => workload.name == filter,
            false => workload.name.contains(filter),
        })
        .collect();

    let mut log = KernelLog::open(spec.link)?;
    log.drain();
    output.run_all(
        &selected,
        |workload| workload.name,
        |workload| one(workload, spec, wanted.batches, output).and_then(|()| judge(&mut log)),
    );
    disk::let_go()
}

/// Where the engine's module lies, so that a profile can name its functions.
fn report_engine(output: &Output) {
    for name in [
        "iomap_rs",
        engine::NAME,
        "ext2_rs",
        "xfs",
        "ext2",
        "ext4",
        "brd",
        "null_blk",
    ] {
        if !module::is_loaded(name) {
            continue;
        }
        let file = format!("/sys/module/{name}/sections/.text");
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Some(address) = lower_half(text.trim().trim_start_matches("0x")) {
            output.metric("modules", name, address);
        }
    }
}

/// Where ftrace made the trampolines that lead to livepatch.
fn report_trampolines(output: &Output) -> Result<()> {
    let symbols =
        fs::read_to_string("/proc/kallsyms").context("cannot read the kernel's symbols")?;
    for line in symbols
        .lines()
        .filter(|line| line.contains("ftrace_trampoline"))
    {
        let digits = line.split_whitespace().next().unwrap_or_default();
        let address = lower_half(digits).with_context(|| format!("no address: {line}"))?;
        output.metric("trampolines", digits, address);
    }
    Ok(())
}

/// An address as a number that a float has room for: what all modules have in common
/// is left out.
fn lower_half(digits: &str) -> Option<f64> {
    let address = u64::from_str_radix(digits, 16).ok()?;
    Some((address & 0xffff_ffff) as f64)
}

/// A complaint of the kernel fails the workload that it comes in.
fn judge(log: &mut KernelLog) -> Result<()> {
    let messages = log.drain();
    let verdict = log.judge(messages, &[])?;
    match verdict.complaints.into_iter().next() {
        Some(complaint) => Err(anyhow!(complaint)),
        None => Ok(()),
    }
}

fn one(workload: &Workload, spec: &RunSpec, batches: u32, output: &Output) -> Result<()> {
    let mut bench = Bench::new(spec, workload.name, batches)?;
    let result = (workload.run)(&mut bench);
    let cleaned = bench.clean_up();
    result.and(cleaned)?;
    output.metric(workload.name, "control", workload.is_control.into());
    bench.report(output)
}

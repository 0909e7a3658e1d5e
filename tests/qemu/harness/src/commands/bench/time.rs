// SPDX-License-Identifier: GPL-2.0

//! Time instead of instructions, in pairs of boots.

use anyhow::{bail, Result};
use iomap_bench_report::{pairs, Results};
use iomap_qemu_protocol::{BenchSpec, Measured};

use super::{labs, meta, results_dir};
use crate::bench::{self, Choice, Plan, PAIRS};
use crate::cli::BenchArguments;
use crate::lab::Lab;
use crate::paths::Paths;
use crate::qemu::Accel;
use crate::toolchain::Toolchain;

/// What single operations take. An error without KVM.
pub fn of_operations(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    let labs = labs(paths, tools, None)?;
    if emulated(&labs) {
        bail!(
            "no wall time without KVM: QEMU's TCG translates the guest's instructions, and what \
             it takes is no measure of what a processor takes. No guest comes up on KVM here. \
             `make bench` counts instructions instead, and `make bench THREADS=1` tells how the \
             engines compare when several threads use them"
        );
    }
    let spec = BenchSpec {
        batches: 7,
        what: Measured::Operations,
        ..BenchSpec::default()
    };
    measure(paths, &labs, arguments, spec, "wall", "Wall time, on KVM.")
}

/// What operations of one to four threads take. Without KVM ratios alone mean
/// something, and not much.
pub fn of_threads(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    let labs = labs(paths, tools, None)?;
    let clock = match emulated(&labs) {
        false => "Wall time of one to four threads, on KVM with two processors.",
        true => {
            "Time of one to four threads on two processors that QEMU emulates (TCG). Ticks mean \
             nothing there; only how the engines' compare does. That tells whether one engine \
             has a lock that the other has not, and nothing about caches."
        }
    };
    let spec = BenchSpec {
        batches: 3,
        what: Measured::Threads,
        ..BenchSpec::default()
    };
    measure(paths, &labs, arguments, spec, "threads", clock)
}

/// Some guest runs without KVM.
fn emulated(labs: &[Lab]) -> bool {
    labs.iter().any(|lab| lab.accel != Accel::Kvm)
}

/// Boots pairs and writes what they say as `name`; `clock` says what was measured.
fn measure(
    paths: &Paths,
    labs: &[Lab],
    arguments: &BenchArguments,
    spec: BenchSpec,
    name: &str,
    clock: &str,
) -> Result<bool> {
    let choice = Choice::of(arguments.filter.as_deref(), usize::MAX)?;
    let plan = Plan {
        spec: BenchSpec {
            filter: choice.workloads.clone(),
            ..spec
        },
        plugin: None,
    };
    let mut results = Results {
        meta: meta(labs, "ticks of the time stamp counter per operation")?,
        ..Results::default()
    };
    let into = results_dir(paths, choice.workloads.is_none());
    let mut measured = false;
    for comparison in &choice.comparisons {
        let suite = bench::boot_pairs(&plan, labs, comparison, PAIRS)?;
        if suite.workloads.is_empty() {
            continue;
        }
        measured = true;
        results.suites = vec![suite];
        bench::publish_pairs(&results, &into, name, clock)?;
        println!("{}", pairs::page(&results, clock));
    }
    if !measured {
        bail!(choice.without_workloads());
    }
    Ok(true)
}

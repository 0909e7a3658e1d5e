// SPDX-License-Identifier: GPL-2.0

//! `bench`: the same workloads on the C and on the Rust engine of one kernel.

mod count;
mod show;
mod time;

use std::path::PathBuf;

use anyhow::{bail, Result};
use iomap_bench_report::Meta;
use iomap_qemu_protocol::Link;

use crate::agent::Agent;
use crate::cli::BenchArguments;
use crate::kernel::{Engine, Flavor};
use crate::lab::Lab;
use crate::paths::Paths;
use crate::qemu::Accel;
use crate::toolchain::Toolchain;

/// In the order of tables.
const ENGINES: [Link; 2] = [Link::C, Link::Module];

pub fn run(paths: &Paths, tools: &Toolchain, arguments: &BenchArguments) -> Result<bool> {
    if let Some(workloads) = &arguments.live {
        return show::trampolines(paths, tools, workloads);
    }
    match &arguments.profile {
        Some(workloads) => show::profiles(paths, tools, workloads),
        None if arguments.wall => time::of_operations(paths, tools, arguments),
        None if arguments.threads => time::of_threads(paths, tools, arguments),
        None => count::instructions(paths, tools, arguments),
    }
}

/// What is kept in the repository is whole.
fn results_dir(paths: &Paths, whole: bool) -> PathBuf {
    match whole {
        true => paths.checkout.join("bench/results"),
        false => paths.checkout.join("target/bench/results"),
    }
}

/// Kernels and modules of both engines. `accel`: instead of the fastest there is.
fn labs(paths: &Paths, tools: &Toolchain, accel: Option<Accel>) -> Result<Vec<Lab>> {
    let agent = Agent::build(paths, tools)?;
    let prepare = |link| {
        let mut lab = Lab::prepare(paths, tools, agent.clone(), link, Flavor::Bench)?;
        lab.accel = accel.unwrap_or(lab.accel);
        Ok(lab)
    };
    ENGINES.into_iter().map(prepare).collect()
}

/// What is counted if it is not time.
const INSTRUCTIONS: &str = "instructions";

fn meta(labs: &[Lab], unit: &str) -> Result<Meta> {
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
        unit: unit.to_owned(),
    })
}

// SPDX-License-Identifier: GPL-2.0

//! Compare mode: each workload is a fixed sequence of system calls, and all that
//! can be seen of it is taken down, for the host to hold against what another
//! engine makes of it: results, trace events, bios, and the files in the end.
//!
//! Nothing but the engine may make a difference. So the guest has one processor,
//! the disk is memory, each workload is over before the flusher's time has come, and
//! whatever changes from run to run (processes, times, addresses) is left out.

mod calls;
mod disk;
mod files;
mod record;
mod work;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::{CompareSpec, Link, RunSpec};

use crate::live::engine::Live;
use crate::output::Output;
use crate::sys::real_time;
use calls::Calls;
use record::Recorder;

/// A sequence of system calls.
struct Workload {
    name: &'static str,
    run: fn(&mut Calls<'_>) -> Result<()>,
}

const fn workload(name: &'static str, run: fn(&mut Calls<'_>) -> Result<()>) -> Workload {
    Workload { name, run }
}

/// Runs the workloads on one engine after the other, each on a disk as the host made it, and
/// leaves the filesystems on disks of their own.
pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let wanted: CompareSpec = serde_json::from_value(spec.extra.clone())
        .context("the run does not say what to compare")?;
    // Else the kernel's tasks come between, wherever the clock says that it is their
    // turn.
    real_time::run_first().context("sched_setscheduler")?;
    let selected: Vec<&Workload> = work::TABLES
        .iter()
        .flat_map(|table| table.iter())
        .filter(|workload| {
            let filter = wanted.filter.as_deref();
            filter.is_none_or(|part| workload.name.contains(part))
        })
        .collect();
    let places = CompareSpec::places(wanted.engines.len());
    for (engine, (log, left)) in wanted.engines.iter().zip(places) {
        if *engine == Link::Live && Live::loaded().is_none() {
            // It stays until the guest ends.
            let _ = Live::load()?;
        }
        let disk = disk::prepare(spec)?;
        let mut recorder = Recorder::new(spec, *engine, log, &disk)?;
        output.run_all(
            &selected,
            |workload| workload.name,
            |workload| recorder.record(workload),
        );
        drop(recorder);
        disk.save(spec, left)?;
    }
    Ok(())
}

// SPDX-License-Identifier: GPL-2.0

//! Demo mode: one filesystem's files read, written and listed by direct I/O,
//! phase by phase, with figures for the report that the host makes.
//!
//! For each phase: a KTAP result; `# metric <phase> files|bytes|seconds`; and
//! `# metric <phase> trace.<event>`, the number of the engine's trace events.

mod extents;
mod read;
mod verify;
mod write;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{anyhow, Context as _, Result};
use iomap_qemu_protocol::{DemoSpec, RunSpec};

use crate::data::mirror::Mirror;
use crate::kmsg::KernelLog;
use crate::output::Output;
use crate::trace::Tracer;
use crate::transfer::Method;

/// What the phases share.
struct Demo<'a> {
    spec: &'a RunSpec,
    output: &'a Output,
    manifest: DemoSpec,
    /// The files that were written so far.
    written: Vec<Mirror>,
}

/// How much a phase did.
#[derive(Clone, Copy, Default)]
struct Amount {
    files: usize,
    bytes: u64,
}

type Phase = fn(&mut Demo<'_>) -> Result<Amount>;

/// In the order of the report.
const PHASES: &[(&str, Phase)] = &[
    ("read", read::tree),
    ("write_sync", |demo| write::scenario(demo, Method::Sync)),
    ("write_aio", |demo| write::scenario(demo, Method::Aio)),
    ("write_uring", |demo| write::scenario(demo, Method::Uring)),
    ("verify", verify::written),
    ("extents", extents::list),
];

pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let manifest = serde_json::from_value(spec.extra.clone())
        .context("the run has no manifest for the demo")?;
    let mut demo = Demo {
        spec,
        output,
        manifest,
        written: Vec::new(),
    };
    let mut log = KernelLog::open(spec.link)?;
    log.drain();
    output.run_all(
        PHASES,
        |(name, _)| name,
        |(name, phase)| measure(&mut demo, name, *phase).and_then(|()| judge(&mut log, output)),
    );
    Ok(())
}

/// Runs a phase and reports its figures.
fn measure(demo: &mut Demo<'_>, name: &str, phase: Phase) -> Result<()> {
    let tracer = Tracer::start(&["iomap"])?;
    let started = Instant::now();
    let result = phase(demo);
    let seconds = started.elapsed().as_secs_f64();
    let events = tracer.stop()?;
    let amount = result?;

    let metric = |key: &str, value: f64| demo.output.metric(name, key, value);
    metric("files", amount.files as f64);
    metric("bytes", amount.bytes as f64);
    metric("seconds", seconds);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &events {
        *counts.entry(&event.name).or_default() += 1;
    }
    for (event, count) in counts {
        metric(&format!("trace.{event}"), count.into());
    }
    Ok(())
}

/// A complaint of the kernel fails the phase that it comes in.
fn judge(log: &mut KernelLog, output: &Output) -> Result<()> {
    match log.complaints(&[], output)?.into_iter().next() {
        Some(complaint) => Err(anyhow!(complaint)),
        None => Ok(()),
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The mode of fstests: the host's userland, seen through 9p, becomes the guest's
//! root, and the tests of an fstests tree run in it one by one.
//!
//! A test that takes too long ends the guest, after the stacks of all tasks went to
//! the kernel log: what it left behind is not fit for the tests after it. If that shows later, as
//! the next test's filesystems cannot be made or mounted, the guest ends, too, and that test
//! runs again in a new one.
//!
//! With two engines, each test runs on both before the next one begins. Switching is the
//! Rust engine's business, in either direction: it is part of what runs on that.

mod config;
mod dmesg;
mod engine;
mod one;
mod orphans;
mod other_name;
mod root;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::{FstestsRun, FstestsSpec, Link, RunSpec};

use crate::output::Output;
use crate::sanitizers;
use engine::Engine;
use one::Ended;

/// Runs the tests of `run` and reports each.
pub fn run(run: &RunSpec, output: &Output) -> Result<()> {
    let spec: FstestsSpec = serde_json::from_value(run.extra.clone())
        .context("run.json does not say how to run fstests")?;
    let parse = |name: &String| {
        FstestsRun::parse(name).with_context(|| format!("{name} is no test on an engine"))
    };
    let runs: Vec<FstestsRun> = run.tests.iter().map(parse).collect::<Result<_>>()?;
    let mut engine = Engine::of_boot(run.link)?;
    root::enter(&spec.engines)?;
    one::do_without_udev()?;
    if let Some(kernel_type) = &spec.kernel_type {
        other_name::hide(kernel_type, config::kind(run, &spec.variables)?)?;
    }
    config::prepare(run, &spec)?;
    output.line(&Line::Plan(runs.len()));
    let mut following = runs.iter().skip(1);
    let watched = sanitizers::watch_locks();
    let mut worked = false;
    for (number, one) in (1..).zip(&runs) {
        output.line(&Line::Begin(one.to_string()));
        let next = following.next().map(|next| next.engine);
        let ended = run_one(&spec, one, next, &mut engine, output)?;
        let remark = ended.remark.unwrap_or_default();
        // If none has run, no earlier test is to blame, and new disks would not help.
        if !ended.ran && worked {
            return give_up(output, &format!("{one} did not come to run: {remark}"));
        }
        worked |= ended.ran;
        output.comment(&remark);
        output.line(&Line::Result {
            number,
            name: one.to_string(),
            outcome: ended.outcome,
        });
        if watched && number < runs.len() && !sanitizers::watch_locks() {
            return give_up(output, &format!("since {one} no locks are checked"));
        }
    }
    // What the last test has lost nobody looks for any more.
    sanitizers::end()?;
    root::leave(&spec.engines)
}

/// One test on its engine; an error means that the guest is of no use any more. If the `next`
/// run is on the C engine, that serves again before this one is over.
fn run_one(
    spec: &FstestsSpec,
    one: &FstestsRun,
    next: Option<Link>,
    engine: &mut Engine,
    output: &Output,
) -> Result<Ended> {
    let name = one.to_string();
    let start = Instant::now();
    engine.switch_to(one.engine)?;
    // The host hears that the guest gets on.
    output.metric(&name, "switch_seconds", start.elapsed().as_secs_f64());
    let before = engine.calls()?;
    let limit = Duration::from_secs(spec.limit_secs);
    let ended = one::run(Path::new(&spec.tree), one, limit)?;
    if let (Some(before), Some(after)) = (before, engine.calls()?) {
        output.metric(&name, FstestsSpec::CALLS, (after - before) as f64);
    }
    if next == Some(Link::C) {
        engine
            .switch_to(Link::C)
            .with_context(|| format!("after {name}"))?;
    }
    Ok(ended)
}

/// Has the host go on in a new guest, with new disks: first with the test that runs, if one does.
fn give_up(output: &Output, reason: &str) -> Result<()> {
    output.line(&Line::Dying(reason.to_owned()));
    bail!("{reason}")
}

// SPDX-License-Identifier: GPL-2.0

//! The mode of fstests: the host's userland, seen through 9p, becomes the guest's
//! root, and the tests of an fstests tree run in it one by one.
//!
//! A test that takes too long ends the guest, after the stacks of all tasks went to
//! the kernel log: what it left behind is not fit for the tests after it.

mod config;
mod one;
mod other_name;
mod root;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::{FstestsSpec, RunSpec};

use crate::output::Output;

/// Runs the tests of `run` and reports each.
pub fn run(run: &RunSpec, output: &Output) -> Result<()> {
    let spec: FstestsSpec = serde_json::from_value(run.extra.clone())
        .context("run.json does not say how to run fstests")?;
    root::enter()?;
    if let Some(kernel_type) = &spec.kernel_type {
        other_name::hide(kernel_type, config::kind(run, &spec.variables)?)?;
    }
    config::prepare(run, &spec)?;
    let limit = Duration::from_secs(spec.limit_secs);
    output.line(&Line::Plan(run.tests.len()));
    for (index, name) in run.tests.iter().enumerate() {
        output.line(&Line::Begin(name.clone()));
        let ended = one::run(Path::new(&spec.tree), name, limit)?;
        if let Some(remark) = ended.remark {
            output.comment(&remark);
        }
        output.line(&Line::Result {
            number: index + 1,
            name: name.clone(),
            outcome: ended.outcome,
        });
    }
    root::leave()
}

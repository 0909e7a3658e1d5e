// SPDX-License-Identifier: GPL-2.0

//! Runs the tests that the host asked for, one after the other.

use std::any::Any;
use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, Context as _, Result};
use iomap_qemu_protocol::RunSpec;

use crate::case::{Case, Skip};
use crate::cases;
use crate::context::Context;
use crate::init::{mount_main, MOUNT_POINT};
use crate::kmsg::KernelLog;
use crate::output::Output;
use crate::sys::mount;

/// Writing here makes every `WARN_ON_ONCE` fire again.
const CLEAR_WARN_ONCE: &str = "/sys/kernel/debug/clear_warn_once";

/// Runs `spec.tests` and reports each; an error means that the run itself broke.
pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    let mut log = KernelLog::open(spec.link)?;
    report_start_up(&mut log, output)?;
    output.run_all(
        &spec.tests,
        |name| name,
        |name| match cases::find(name, &spec.suite) {
            Some(case) => run_case(case, spec, output, &mut log),
            None => Err(anyhow!("suite {} has no test of this name", spec.suite)),
        },
    );
    Ok(())
}

/// A bad line from before the first test is no test's fault: it fails the run.
fn report_start_up(log: &mut KernelLog, output: &Output) -> Result<()> {
    if let Some(complaint) = log.complaints(&[], output)?.first() {
        bail!("before the first test {complaint}");
    }
    Ok(())
}

fn run_case(case: &Case, spec: &RunSpec, output: &Output, log: &mut KernelLog) -> Result<()> {
    log.drain();
    // Without debugfs in the kernel a warning may show in an earlier test alone.
    let _ = fs::write(CLEAR_WARN_ONCE, "1");
    let mounts = mount::of_disks()?;
    let context = Context::new(case.name, spec, output);
    let result = catch_unwind(AssertUnwindSafe(|| (case.run)(&context)))
        .unwrap_or_else(|payload| Err(anyhow!("the test panicked: {}", panic_text(&*payload))));
    let result = result
        .and(context.clean_up())
        .and(restore_mounts(&mounts, spec));

    let skipped = matches!(&result, Err(error) if error.is::<Skip>());
    let expected = if skipped { &[] } else { case.expect_log };
    let complaints = log.complaints(expected, output)?;
    match (result, complaints.is_empty()) {
        (result, true) => result,
        (Ok(()), false) => Err(anyhow!(complaints.join("\n"))),
        (Err(error), false) => Err(anyhow!("{error:#}\n{}", complaints.join("\n"))),
    }
}

/// What a test could not unmount or mount again fails it, and not the next one.
fn restore_mounts(before: &[PathBuf], spec: &RunSpec) -> Result<()> {
    let mut left = mount::of_disks()?;
    for target in before {
        match left.iter().position(|found| found == target) {
            Some(place) => {
                left.remove(place);
            }
            None if target == Path::new(MOUNT_POINT) => {
                mount_main(spec)?;
                bail!("the test has left the main disk unmounted");
            }
            None => bail!("the test has left {} unmounted", target.display()),
        }
    }
    // What was mounted last is on top.
    for target in left.iter().rev() {
        mount::unmount(target).context("the test has left a mount")?;
    }
    if !left.is_empty() {
        bail!("the test has left mounts: {left:?}");
    }
    Ok(())
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Process 1: brings the guest up, does what `/run.json` says, powers off.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::{Link, Mode, RunSpec};
use rustix::system::{reboot, RebootCommand};

use crate::disk::Disk;
use crate::output::Output;
use crate::sys::{module, mount};
use crate::{bench, compare, demo, fstests, live, pmem, recovery, runner, sanitizers, shell};

/// Where the main disk is mounted.
pub const MOUNT_POINT: &str = "/mnt";

/// What every program of the guest expects to find.
const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
];

/// Never returns: process 1 must not.
pub fn run() -> ! {
    match guest() {
        Ok(()) => rustix::fs::sync(),
        // No sync: what a test hangs in may hold that, too, and nobody looks at the disks.
        // Without a console of its own this shows on the kernel's.
        Err(error) => eprintln!("agent: {error:#}"),
    }
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        eprintln!("agent: cannot power off: {error}");
    }
    loop {
        std::thread::park();
    }
}

fn guest() -> Result<()> {
    mount_pseudo_filesystems()?;
    let output = Output::open()?;
    output.line(&Line::Version);
    let result = bring_up().and_then(|spec| work(&spec, &output));
    match &result {
        Ok(()) => output.line(&Line::End),
        // No `# end`: the host must not take this for a finished run.
        Err(error) => output.comment(&format!("the guest failed: {error:#}")),
    }
    result
}

fn mount_pseudo_filesystems() -> Result<()> {
    for (kind, target) in MOUNTS {
        fs::create_dir_all(target).with_context(|| format!("cannot make {target}"))?;
        mount::mount(Path::new(kind), Path::new(target), kind, "")?;
    }
    fs::create_dir_all(MOUNT_POINT).with_context(|| format!("cannot make {MOUNT_POINT}"))
}

fn bring_up() -> Result<RunSpec> {
    let text = fs::read_to_string(RunSpec::PATH)
        .with_context(|| format!("cannot read {}", RunSpec::PATH))?;
    let spec: RunSpec =
        serde_json::from_str(&text).with_context(|| format!("cannot parse {}", RunSpec::PATH))?;
    for entry in &spec.modules {
        let (path, parameters) = entry.split_once(' ').unwrap_or((entry, ""));
        module::load(Path::new(path), parameters)?;
    }
    if spec.link == Link::Live {
        live::engine::settle()?;
    }
    if spec.dax {
        pmem::fill(&spec)?;
    }
    // A bench mounts a copy of the main disk in memory, and so does a comparison.
    if !matches!(spec.mode, Mode::Bench | Mode::Compare) {
        mount_main(&spec)?;
    }
    Ok(spec)
}

/// Mounts the main disk, if there is a filesystem on it.
pub fn mount_main(spec: &RunSpec) -> Result<()> {
    let Some(kind) = &spec.fs else {
        return Ok(());
    };
    let (device, options) = if spec.dax {
        (pmem::device(), pmem::mount_options(kind))
    } else {
        (Disk::of_run(spec, "main")?.path(), "")
    };
    mount::mount(&device, Path::new(MOUNT_POINT), kind, options)
}

/// Unmounts the main disk and mounts it again. No file of it may be open.
pub fn remount_main(spec: &RunSpec) -> Result<()> {
    mount::unmount(Path::new(MOUNT_POINT))?;
    mount_main(spec)
}

/// Writes everything back and lets go of the main disk, so that the host finds
/// a clean image.
fn unmount_main(spec: &RunSpec) -> Result<()> {
    if spec.fs.is_none() || spec.mode == Mode::Bench {
        return Ok(());
    }
    mount::unmount(Path::new(MOUNT_POINT))?;
    if spec.dax {
        pmem::save(spec)?;
    }
    Ok(())
}

fn work(spec: &RunSpec, output: &Output) -> Result<()> {
    match spec.mode {
        Mode::Test => {
            sanitizers::begin()?;
            runner::run(spec, output)?;
        }
        Mode::Demo if spec.link == Link::Live => live::demo::run(spec, output)?,
        Mode::Demo => demo::run(spec, output)?,
        Mode::Fstests => return fstests::run(spec, output),
        Mode::Bench => bench::run(spec, output)?,
        Mode::Compare => return compare::run(spec, output),
        Mode::Shell => shell::run(spec, output)?,
        Mode::Recovery => recovery::run(spec, output)?,
        Mode::Probe => output.line(&Line::Plan(0)),
    }
    unmount_main(spec)?;
    if spec.mode == Mode::Test {
        // The last unmount may lose something, too.
        sanitizers::end()?;
        sanitizers::tell_of_locks()?;
    }
    Ok(())
}

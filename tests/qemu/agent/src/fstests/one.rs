// SPDX-License-Identifier: GPL-2.0

//! One test of fstests: started by its own `check`, watched, judged by what that
//! leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _, Result};
use iomap_qemu_protocol::ktap::Outcome;
use iomap_qemu_protocol::FstestsRun;

use super::{config, root};

/// The host's programs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// fstests and libdevmapper would wait for udev, which nobody runs here: fstests with the
/// host's `udevadm wait`, which does not give up. The device mapper makes its nodes itself.
const UDEVADM: &str = "/usr/local/sbin/udevadm";

/// How often a test that runs is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// Commands to the kernel (Documentation/admin-guide/sysrq.rst): the stacks of
/// blocked tasks, of the CPUs, of all tasks.
const STACKS: &[&str] = &["w", "l", "t"];

/// How it ended, and what there is to say about it.
pub struct Ended {
    pub outcome: Outcome,
    pub remark: Option<String>,
}

/// Lets nothing wait for udev, of all that tests start.
pub fn do_without_udev() -> Result<()> {
    root::add_program(UDEVADM, "#!/bin/sh\nexit 0\n")
}

/// Runs a test on the engine that serves. An error means that the guest is of no use
/// any more.
pub fn run(tree: &Path, one: &FstestsRun, limit: Duration) -> Result<Ended> {
    let started = Instant::now();
    let mut check = start(tree, one)?;
    let succeeded = loop {
        if let Some(status) = check.try_wait().context("cannot wait for check")? {
            break status.success();
        }
        if started.elapsed() > limit {
            dump_stacks();
            bail!("{one} did not end within {} s", limit.as_secs());
        }
        thread::sleep(PAUSE);
    };
    let left = |suffix: &str| left_behind(one, suffix);
    if let Ok(reason) = fs::read_to_string(left("notrun")) {
        let reason = reason.trim().to_owned();
        return Ok(Ended {
            outcome: Outcome::Skipped { reason },
            remark: None,
        });
    }
    if succeeded {
        let millis = u64::try_from(started.elapsed().as_millis()).ok();
        return Ok(Ended {
            outcome: Outcome::Passed { millis },
            remark: None,
        });
    }
    let found = ["out.bad", "dmesg", "full"]
        .into_iter()
        .filter(|suffix| left(suffix).exists());
    let remark = format!("failed; it left: {}", found.collect::<Vec<_>>().join(", "));
    Ok(Ended {
        outcome: Outcome::Failed,
        remark: Some(remark),
    })
}

fn start(tree: &Path, one: &FstestsRun) -> Result<Child> {
    let log = left_behind(one, "check.log");
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // From an earlier run they would be taken for this one's.
    for suffix in ["notrun", "out.bad", "dmesg", "full"] {
        let _ = fs::remove_file(left_behind(one, suffix));
    }
    let log = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = log.try_clone().context("cannot share the log")?;
    Command::new("./check")
        .arg(&one.test)
        .current_dir(tree)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("TERM", "dumb")
        .env("HOST_OPTIONS", config::file(one.engine))
        .env("DM_DISABLE_UDEV", "1")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("cannot start {}/check", tree.display()))
}

/// A file about a test in the directory of results.
fn left_behind(one: &FstestsRun, suffix: &str) -> PathBuf {
    root::results(one.engine).join(format!("{}.{suffix}", one.test))
}

fn dump_stacks() {
    let _ = fs::write("/proc/sys/kernel/sysrq", "1");
    for command in STACKS {
        let _ = fs::write("/proc/sysrq-trigger", command);
    }
}

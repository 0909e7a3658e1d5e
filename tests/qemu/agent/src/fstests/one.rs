// SPDX-License-Identifier: GPL-2.0

//! One test of fstests: started by its own `check`, watched, judged by what that
//! leaves behind.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _, Result};
use iomap_qemu_protocol::ktap::Outcome;
use iomap_qemu_protocol::{FstestsRun, FstestsSpec};
use rustix::process::Pid;

use super::{config, dmesg, orphans, root};

/// The host's programs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// fstests and libdevmapper would wait for udev, which nobody runs here: fstests with the
/// host's `udevadm wait`, which does not give up. The device mapper makes its nodes itself.
const UDEVADM: &str = "/usr/local/sbin/udevadm";

/// How often a test that runs is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// What tests and `check` leave if there is something to look at.
const EVIDENCE: &[&str] = &["out.bad", "dmesg", "kmemleak", "full"];

/// So many lines of `check` tell why it gave up.
const LAST_LINES: usize = 3;

/// Commands to the kernel (Documentation/admin-guide/sysrq.rst): the stacks of
/// blocked tasks, of the CPUs, of all tasks.
const STACKS: &[&str] = &["w", "l", "t"];

/// How it ended, and what there is to say about it.
pub struct Ended {
    pub outcome: Outcome,
    pub remark: Option<String>,
    /// `check` has come to run the test: before, it makes and mounts filesystems.
    pub ran: bool,
}

/// Lets nothing wait for udev, of all that tests start.
pub fn do_without_udev() -> Result<()> {
    root::add_program(UDEVADM, "#!/bin/sh\nexit 0\n")
}

/// Runs a test on the engine that serves. An error means that the guest is of no use
/// any more.
pub fn run(tree: &Path, one: &FstestsRun, limit: Duration) -> Result<Ended> {
    let started = Instant::now();
    let check = Pid::from_child(&start(tree, one)?);
    let succeeded = loop {
        if let Some(succeeded) = orphans::reap(check)? {
            break succeeded;
        }
        if started.elapsed() > limit {
            dump_stacks();
            bail!("{one} {} {} s", FstestsSpec::TOO_LONG, limit.as_secs());
        }
        thread::sleep(PAUSE);
    };
    let left = |suffix: &str| left_behind(one, suffix);
    dmesg::close(one, left)?;
    let said = [left("check.log"), left("out.bad")].map(|file| text_of(&file));
    if !dmesg::is_told(&said) {
        let _ = fs::remove_file(left("dmesg"));
    }
    let [log, _] = &said;
    let ran = was_run(&one.test, log);
    if let Some(reason) = why_not_run(&left("notrun"))? {
        return Ok(Ended {
            outcome: Outcome::Skipped { reason },
            remark: None,
            ran,
        });
    }
    // It succeeds, too, if there is no such test.
    if succeeded && ran {
        let millis = u64::try_from(started.elapsed().as_millis()).ok();
        return Ok(Ended {
            outcome: Outcome::Passed { millis },
            remark: None,
            ran,
        });
    }
    let found = EVIDENCE
        .iter()
        .copied()
        .filter(|suffix| left(suffix).exists());
    let remark = why_failed(&found.collect::<Vec<_>>(), log);
    Ok(Ended {
        outcome: Outcome::Failed,
        remark: Some(remark),
        ran,
    })
}

/// Whether `check`, which has written that log, has run the test.
fn was_run(test: &str, log: &str) -> bool {
    let mut of_runs = log.lines().filter_map(|line| line.strip_prefix("Ran:"));
    of_runs.any(|tests| tests.split_whitespace().any(|other| other == test))
}

/// Nothing if there is no such file.
fn text_of(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}

/// What stands in the file that a test leaves which cannot run here; nothing without one. Whatever
/// it is, that test has not passed.
fn why_not_run(notrun: &Path) -> Result<Option<String>> {
    match fs::read(notrun) {
        Ok(text) => Ok(Some(String::from_utf8_lossy(&text).trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", notrun.display())),
    }
}

/// What there is to look at; or what `check` said last, which has given up if the test has
/// left nothing.
fn why_failed(found: &[&str], log: &str) -> String {
    if !found.is_empty() {
        return format!("failed; it left: {}", found.join(", "));
    }
    let lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines.get(lines.len().saturating_sub(LAST_LINES)..);
    format!(
        "failed, and left nothing; check said: {}",
        last.unwrap_or_default().join(" / ")
    )
}

fn start(tree: &Path, one: &FstestsRun) -> Result<Child> {
    let log = left_behind(one, "check.log");
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // From an earlier run they would be taken for this one's.
    for suffix in EVIDENCE.iter().chain(&["notrun"]) {
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

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn a_reason_in_any_letters_is_one() -> Result<()> {
        let file = env::temp_dir().join(format!("notrun-{}", process::id()));
        fs::write(&file, b"needs f\xfcr\n")?;
        let reason = why_not_run(&file);
        fs::remove_file(&file)?;
        assert_eq!(reason?.as_deref(), Some("needs f\u{fffd}r"));
        assert_eq!(why_not_run(&file)?, None);
        assert!(why_not_run(&env::temp_dir()).is_err());
        Ok(())
    }

    #[test]
    fn check_tells_what_it_has_run() {
        let log = "FSTYP -- xfs\n\ngeneric/001  2s\nRan: generic/001\nPassed all 1 tests\n";
        assert!(was_run("generic/001", log));
        assert!(!was_run("generic/00", log));
        let busy = "mkfs.xfs: /dev/vdb contains a mounted filesystem\n\
                    check: failed to mkfs $SCRATCH_DEV\nInterrupted!\nPassed all 0 tests\n";
        assert!(!was_run("generic/001", busy));
    }

    #[test]
    fn if_check_gives_up_it_has_the_last_word() {
        let log = "FSTYP -- xfs\nMKFS_OPTIONS -- -f\n\nour local mkfs routine ...\n\
                   no space\ncheck: failed to mkfs $SCRATCH_DEV\n\n";
        assert_eq!(
            why_failed(&["dmesg", "full"], log),
            "failed; it left: dmesg, full"
        );
        assert_eq!(
            why_failed(&[], log),
            "failed, and left nothing; check said: our local mkfs routine ... / no space / \
             check: failed to mkfs $SCRATCH_DEV"
        );
    }
}

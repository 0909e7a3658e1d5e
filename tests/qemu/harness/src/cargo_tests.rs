// SPDX-License-Identifier: GPL-2.0

//! The host's own cargo tests, run as part of `make test` and counted with the rest.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::paths::{make_dir, Paths};
use crate::process::tail_of;
use crate::toolchain::Toolchain;
use crate::tracker::{TestResult, Verdict};

/// A workspace whose tests belong to ours.
struct Workspace {
    /// The suite that its tests are listed under.
    name: &'static str,
    dir: PathBuf,
    arguments: &'static [&'static str],
}

/// Runs all of them; with a filter those whose names contain it.
pub fn run(
    paths: &Paths,
    tools: &Toolchain,
    filter: Option<&str>,
    emit: &mut dyn FnMut(TestResult),
) -> Result<()> {
    let workspaces = [
        Workspace {
            name: "engine",
            dir: paths.checkout.join("tests/host"),
            arguments: &[],
        },
        Workspace {
            name: "ext2",
            dir: paths.checkout.join("tests/host_ext2"),
            arguments: &[],
        },
        Workspace {
            name: "harness",
            dir: paths.qemu_tests(),
            // The release build of the libraries is there already.
            arguments: &["--workspace", "--release", "--bins", "--lib"],
        },
    ];
    for workspace in workspaces {
        if workspace.dir.join("Cargo.toml").is_file() {
            run_one(paths, tools, &workspace, filter, emit)?;
        }
    }
    Ok(())
}

fn run_one(
    paths: &Paths,
    tools: &Toolchain,
    workspace: &Workspace,
    filter: Option<&str>,
    emit: &mut dyn FnMut(TestResult),
) -> Result<()> {
    let start = Instant::now();
    let dir = paths.results().join(workspace.name);
    make_dir(&dir)?;
    let log_path = dir.join("cargo.log");
    let mut log =
        File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let stderr = log
        .try_clone()
        .context("cannot duplicate a file descriptor")?;
    let mut cargo = tools.command("cargo");
    cargo
        .current_dir(&workspace.dir)
        .args(["test", "--locked", "--no-fail-fast", "--color", "never"])
        .args(workspace.arguments)
        .env("RUSTC", &tools.rustc)
        .args(filter)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr);
    let mut child = cargo.spawn().context("cannot run cargo")?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut failed = false;
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what cargo says")?;
        writeln!(log, "{line}").with_context(|| format!("cannot write {}", log_path.display()))?;
        if let Some((test, verdict)) = parse(&line) {
            failed |= verdict == Verdict::Failed;
            emit(result(workspace.name, test, verdict, &log_path));
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    // Something else went wrong, such as a test that does not compile.
    if !status.success() && !failed {
        let mut result = result(workspace.name, "cargo_test", Verdict::Failed, &log_path);
        result.seconds = start.elapsed().as_secs_f64();
        result.details.push(tail_of(&log_path));
        emit(result);
    }
    Ok(())
}

fn result(suite: &str, test: &str, verdict: Verdict, log: &Path) -> TestResult {
    let details = match verdict {
        Verdict::Failed => vec![format!("the whole log: {}", log.display())],
        _ => Vec::new(),
    };
    TestResult {
        name: format!("{suite}/{test}"),
        verdict,
        seconds: 0.0,
        details,
    }
}

/// `test kernel::config::tests::x ... ok`
fn parse(line: &str) -> Option<(&str, Verdict)> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let verdict = match outcome.split(',').next()? {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        "ignored" => Verdict::Skipped("ignored".into()),
        _ => return None,
    };
    // "... - should panic" follows the name of such a test.
    let name = name.split(" - ").next()?;
    Some((name, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_told_from_others() {
        assert_eq!(parse("test a::b ... ok"), Some(("a::b", Verdict::Passed)));
        assert_eq!(
            parse("test a::b - should panic ... FAILED"),
            Some(("a::b", Verdict::Failed))
        );
        assert_eq!(
            parse("test slow ... ignored, takes an hour"),
            Some(("slow", Verdict::Skipped("ignored".into())))
        );
        assert_eq!(parse("test result: ok. 9 passed; 0 failed"), None);
        assert_eq!(parse("running 3 tests"), None);
    }
}

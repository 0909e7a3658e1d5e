// SPDX-License-Identifier: GPL-2.0

//! Running host programs so that a failure says what, why and where to look.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{bail, Context, Result};

use crate::paths::make_dir;

/// How much of a log is shown when something failed.
const TAIL_LINES: usize = 20;

/// Runs a program and returns what it wrote to standard output.
pub fn output_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        // Some tell what is wrong in the one, some in the other.
        let said = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
        let said: Vec<String> = said.iter().map(|text| tail(text.trim())).collect();
        bail!(
            "{name} failed ({}): {}",
            output.status,
            said.join("\n").trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program with its output in a log file, whose end is part of the error.
pub fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let status = spawn_logged(command, log)?;
    if !status.success() {
        bail!(failure(command, status, log));
    }
    Ok(())
}

fn spawn_logged(command: &mut Command, log: &Path) -> Result<ExitStatus> {
    if let Some(dir) = log.parent() {
        make_dir(dir)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let stderr = file
        .try_clone()
        .context("cannot duplicate a file descriptor")?;
    command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(stderr)
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))
}

/// The words for a program that failed: how, the end of its log, the log's place.
pub fn failure(command: &Command, status: ExitStatus, log: &Path) -> String {
    let name = command.get_program().to_string_lossy();
    format!(
        "{name} failed ({status}):\n{}\nthe whole log: {}",
        tail_of(log),
        log.display()
    )
}

/// The last lines of a file; empty if there is no such file.
pub fn tail_of(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    tail(String::from_utf8_lossy(&bytes).trim_end())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_end_of_the_log_and_its_path() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("x.log");
        let mut command = Command::new("sh");
        command.args(["-c", "for i in $(seq 30); do echo line $i; done; exit 3"]);
        let message = run_logged(&mut command, &log)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(message.contains("line 30") && message.contains("line 11"));
        assert!(!message.contains("line 10\n"));
        assert!(message.contains(&log.display().to_string()));
        Ok(())
    }

    #[test]
    fn a_missing_program_is_named() {
        let message = output_of(&mut Command::new("/no/such/program"))
            .err()
            .map(|error| error.to_string());
        assert_eq!(message.as_deref(), Some("cannot run /no/such/program"));
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The log of `script_fs`: what the engine called, in order.

use std::fmt;

use anyhow::{bail, ensure, Context as _, Result};

/// One line: the name of a hook and what went in and out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    pub fn name(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub fn field(&self, key: &str) -> Result<&str> {
        self.0
            .split(' ')
            .filter_map(|word| word.split_once('='))
            .find_map(|(found, value)| (found == key).then_some(value))
            .with_context(|| format!("no {key}= in log line: {self}"))
    }

    /// True if the line has the name and every field of `wanted`; fields that
    /// `wanted` leaves out may be anything.
    fn matches(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_whitespace();
        wanted.next() == Some(self.name())
            && wanted.all(|field| self.0.split(' ').any(|word| word == field))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes the log apart and checks what must hold in whatever a test does.
pub fn parse(text: &str) -> Result<Vec<Line>> {
    let lines: Vec<Line> = text.lines().map(|line| Line(line.to_owned())).collect();
    for line in &lines {
        if line.name() == "overflow" {
            bail!("the log of script_fs is full");
        }
        if line.name() == "begin" {
            ensure!(
                line.field("zeroed")? == "1",
                "iomap_begin got mappings that are not zeroed: {line}"
            );
            ensure!(
                line.field("iter")? == "1",
                "the mapping is not embedded in a matching iomap_iter: {line}"
            );
        }
    }
    Ok(lines)
}

/// Compares a log with what is wanted, line by line: nothing may be missing,
/// more, or in another order.
pub fn compare(lines: &[Line], wanted: &[&str]) -> Result<()> {
    for (index, line) in lines.iter().enumerate() {
        let Some(&pattern) = wanted.get(index) else {
            bail!(
                "line {} of the log is too much: {line}\n{}",
                index + 1,
                join(lines)
            );
        };
        ensure!(
            line.matches(pattern),
            "line {} of the log is not \"{pattern}\" but: {line}\n{}",
            index + 1,
            join(lines)
        );
    }
    if let Some(missing) = wanted.get(lines.len()) {
        bail!("the log ends before \"{missing}\"\n{}", join(lines));
    }
    Ok(())
}

fn join(lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    format!("whole log:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "begin pos=0 len=512 zeroed=1 iter=1 ret=0\nend pos=0 written=-1\n";

    #[test]
    fn fields_that_are_not_asked_for_do_not_matter() -> Result<()> {
        compare(&parse(LOG)?, &["begin len=512", "end written=-1"])
    }

    #[test]
    fn every_line_counts() -> Result<()> {
        let lines = parse(LOG)?;
        assert!(compare(&lines, &["begin"]).is_err());
        assert!(compare(&lines, &["begin", "end", "end"]).is_err());
        assert!(compare(&lines, &["end", "begin"]).is_err());
        assert!(compare(&lines, &["begin len=51", "end"]).is_err());
        Ok(())
    }

    #[test]
    fn dirty_mappings_are_found() {
        assert!(parse("begin pos=0 zeroed=0 iter=1 ret=0").is_err());
        assert!(parse("begin pos=0 zeroed=1 iter=0 ret=0").is_err());
    }

    #[test]
    fn values_are_read() -> Result<()> {
        let lines = parse(LOG)?;
        let end = lines.last().context("no line")?;
        assert_eq!(end.field("written")?, "-1");
        assert!(end.field("ret").is_err());
        Ok(())
    }
}

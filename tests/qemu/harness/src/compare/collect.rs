// SPDX-License-Identifier: GPL-2.0

//! A guest in compare mode, followed to its end, and what it wrote to its log disk.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::ktap::{Line, Outcome};
use iomap_qemu_protocol::Transcript;

use crate::progress::Progress;
use crate::qemu::{Event, Guest};

/// How long a guest may be silent: a workload says nothing until it is done.
const PATIENCE: Duration = Duration::from_secs(300);

/// Follows the guest until it ends. Tells which workloads could not be taken down, and why;
/// an error if the guest died.
pub fn collect(guest: &mut Guest, progress: &mut Progress) -> Result<Vec<String>> {
    let mut running = "its start".to_owned();
    let (mut said, mut failed) = (Vec::new(), Vec::new());
    let mut ended = false;
    loop {
        match guest.next(PATIENCE) {
            Event::Line(Line::Begin(name)) => {
                running = name;
                said.clear();
            }
            Event::Line(Line::Result {
                name,
                outcome: Outcome::Failed,
                ..
            }) => {
                progress.advance();
                failed.push(format!("{name} failed: {}", said.join("; ")));
            }
            Event::Line(Line::Result { .. }) => progress.advance(),
            Event::Line(Line::Comment(text)) => said.push(text),
            Event::Line(Line::End) => ended = true,
            Event::Line(_) => {}
            Event::Exited if ended => return Ok(failed),
            Event::Exited => bail!("the guest died in {running}; it said: {}", said.join("; ")),
            Event::Silent => bail!("the guest hung in {running}"),
        }
    }
}

/// The transcripts on a log disk, in the order of the workloads.
pub fn read_transcripts(disk: &Path) -> Result<Vec<Transcript>> {
    let file = File::open(disk).with_context(|| format!("cannot open {}", disk.display()))?;
    parse(BufReader::new(file)).with_context(|| format!("cannot read {}", disk.display()))
}

/// One line of JSON for each; zeros come behind the last.
fn parse(mut from: impl BufRead) -> Result<Vec<Transcript>> {
    let mut text = Vec::new();
    from.read_until(0, &mut text).context("cannot read")?;
    let lines = text.split(|byte| matches!(byte, 0 | b'\n'));
    let whole = lines.filter(|line| !line.is_empty());
    whole
        .map(|line| serde_json::from_slice(line).context("no transcript"))
        .collect()
}

/// The transcripts of both sides by workload, in the first side's order. Either may be missing.
pub fn pairs<'a>(
    one: &'a [Transcript],
    two: &'a [Transcript],
) -> Vec<(&'a str, Option<&'a Transcript>, Option<&'a Transcript>)> {
    let of = |name: &str, side: &'a [Transcript]| side.iter().find(|it| it.workload == name);
    let only_two = two.iter().filter(|it| of(&it.workload, one).is_none());
    one.iter()
        .chain(only_two)
        .map(|it| {
            (
                it.workload.as_str(),
                of(&it.workload, one),
                of(&it.workload, two),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_paired_by_name() {
        let side = |names: &[&str]| -> Vec<Transcript> {
            let transcript = |name: &&str| Transcript {
                workload: (*name).to_owned(),
                ..Transcript::default()
            };
            names.iter().map(transcript).collect()
        };
        let (one, two) = (side(&["a", "b", "d"]), side(&["b", "c", "d"]));
        let found = pairs(&one, &two);
        let found: Vec<_> = found
            .iter()
            .map(|(name, one, two)| {
                let same = one.is_none_or(|it| it.workload == *name)
                    && two.is_none_or(|it| it.workload == *name);
                (*name, one.is_some(), two.is_some(), same)
            })
            .collect();
        let expected = [
            ("a", true, false, true),
            ("b", true, true, true),
            ("d", true, true, true),
            ("c", false, true, true),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn transcripts_end_where_zeros_begin() -> Result<()> {
        let disk = b"{\"workload\":\"a\",\"streams\":{\"calls\":[\"1 fsync\"]}}\n\n\n\
                     {\"workload\":\"b\",\"streams\":{}}\n\0\0\0garbage";
        let found = parse(disk.as_slice())?;
        let names: Vec<&str> = found.iter().map(|one| one.workload.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(parse([0; 512].as_slice())?.is_empty());
        assert!(parse(b"half a li".as_slice()).is_err());
        Ok(())
    }
}

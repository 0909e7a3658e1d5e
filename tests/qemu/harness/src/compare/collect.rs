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

/// Follows the guest until it ends. An error if a workload could not be taken down,
/// or the guest died.
pub fn collect(guest: &mut Guest, progress: &mut Progress) -> Result<()> {
    let mut running = "its start".to_owned();
    let mut said = Vec::new();
    let mut ended = false;
    loop {
        match guest.next(PATIENCE) {
            Event::Line(Line::Begin(name)) => running = name,
            Event::Line(Line::Result {
                name,
                outcome: Outcome::Failed,
                ..
            }) => bail!("{name} failed: {}", said.join("; ")),
            Event::Line(Line::Result { .. }) => progress.advance(),
            Event::Line(Line::Comment(text)) => said.push(text),
            Event::Line(Line::End) => ended = true,
            Event::Line(_) => {}
            Event::Exited if ended => return Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

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

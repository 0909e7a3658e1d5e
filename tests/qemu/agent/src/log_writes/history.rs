// SPDX-License-Identifier: GPL-2.0

//! What was written to a file, write by write, and what it may hold after a crash.

use std::ops::Range;

use anyhow::{bail, ensure, Context as _, Result};

use crate::data::pattern::{self, Stamp};
use crate::sys::buffer::AlignedBuf;

/// Words of a pattern are this long.
const WORD: usize = 8;

/// A file that only grows.
pub struct History {
    /// The number of the file, which marks its data.
    file: u8,
    writes: Vec<Range<usize>>,
}

impl History {
    pub fn new(file: u8) -> Self {
        Self {
            file,
            writes: Vec::new(),
        }
    }

    pub fn file(&self) -> u8 {
        self.file
    }

    /// How many writes there were.
    pub fn writes(&self) -> usize {
        self.writes.len()
    }

    /// How long the file can be.
    pub fn most(&self) -> usize {
        end(&self.writes)
    }

    /// Takes one more write down; the caller does it.
    pub fn write(&mut self, range: Range<usize>) -> Result<AlignedBuf> {
        let mut bytes = AlignedBuf::new(range.len()).context("no memory")?;
        self.stamp(self.writes.len())
            .fill(&mut bytes, range.start as u64);
        self.note(range);
        Ok(bytes)
    }

    /// Takes one more write down of a file that others have written.
    pub fn note(&mut self, range: Range<usize>) {
        self.writes.push(range);
    }

    /// Can the file hold this if the first `synced` writes are on the disk for certain?
    /// Of each later one any part may be there. What nobody wrote is zero.
    pub fn verify(&self, synced: usize, found: &[u8]) -> Result<()> {
        let (sure, maybe) = self
            .writes
            .split_at_checked(synced)
            .context("more is synced than written")?;
        let (least, most) = (end(sure), self.most());
        ensure!(
            (least..=most).contains(&found.len()),
            "{} bytes, not {least} to {most}",
            found.len()
        );
        let mut expected = vec![0; found.len()];
        for (number, range) in sure.iter().enumerate() {
            let stamp = self.stamp(number);
            if let Some(bytes) = expected.get_mut(range.clone()) {
                stamp.fill(bytes, range.start as u64);
            }
        }
        for (number, range) in (synced..).zip(maybe) {
            accept(&mut expected, found, range, self.stamp(number));
        }
        let differs = expected.iter().zip(found).position(|(a, b)| a != b);
        let Some(at) = differs else {
            return Ok(());
        };
        // The word says more than the byte.
        let word = at - at % WORD..(at - at % WORD + WORD).min(found.len());
        let (Some(expected), Some(found)) = (expected.get(word.clone()), found.get(word.clone()))
        else {
            bail!("a difference at {at}");
        };
        pattern::compare(expected, found, word.start as u64)
            .with_context(|| format!("{synced} of {} writes are synced", self.writes.len()))
    }

    fn stamp(&self, number: usize) -> Stamp {
        Stamp {
            file: self.file,
            // The first has number 1.
            generation: u32::try_from(number + 1).unwrap_or(u32::MAX),
        }
    }
}

/// Expects what was found wherever that write explains it.
fn accept(expected: &mut [u8], found: &[u8], range: &Range<usize>, stamp: Stamp) {
    let range = range.start..range.end.min(found.len());
    let (Some(expected), Some(found)) = (expected.get_mut(range.clone()), found.get(range.clone()))
    else {
        return;
    };
    if expected == found {
        return;
    }
    let mut written = vec![0; found.len()];
    stamp.fill(&mut written, range.start as u64);
    for ((expected, found), written) in expected.iter_mut().zip(found).zip(written) {
        if *found == written {
            *expected = written;
        }
    }
}

fn end(writes: &[Range<usize>]) -> usize {
    writes.iter().map(|range| range.end).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(history: &mut History, bytes: &mut Vec<u8>, range: Range<usize>) -> Result<()> {
        let data = history.write(range.clone())?;
        bytes.resize(bytes.len().max(range.end), 0);
        bytes[range].copy_from_slice(&data);
        Ok(())
    }

    #[test]
    fn what_is_synced_is_there_and_later_writes_may_be() -> Result<()> {
        let mut history = History::new(3);
        let mut bytes = Vec::new();
        written(&mut history, &mut bytes, 100..1000)?;
        let first = bytes.clone();
        written(&mut history, &mut bytes, 900..2000)?;
        history.verify(1, &first)?;
        history.verify(1, &bytes)?;
        history.verify(2, &bytes)?;
        assert!(history.verify(2, &first).is_err());
        // Half of the second one.
        let mut torn = bytes.clone();
        torn[900..950].copy_from_slice(&first[900..950]);
        torn[1500..].fill(0);
        history.verify(1, &torn)?;
        assert!(history.verify(2, &torn).is_err());
        Ok(())
    }

    #[test]
    fn stale_data_is_found_wherever_it_is() -> Result<()> {
        let mut history = History::new(3);
        let mut bytes = Vec::new();
        written(&mut history, &mut bytes, 100..1000)?;
        for at in [0, 99, 100, 999] {
            let mut stale = bytes.clone();
            stale[at] = pattern::STALE;
            assert!(history.verify(0, &stale).is_err(), "at {at}");
        }
        Ok(())
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Which generation each sector of a file holds, or may hold while it is written.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{bail, Result};

use crate::data::pattern::{Stamp, Word};
use crate::fs::SECTOR;

const FILE: u8 = 78;
const WORD: usize = 8;
/// Bytes of a word that do not say its generation.
const PLACE: u64 = 0xFF00_0000_FFFF_FFFF;

/// Every sector has one writer, who takes turns between data (even generations)
/// and zeros (odd ones).
pub struct Ledger {
    sectors: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    started: AtomicU32,
    completed: AtomicU32,
}

/// The generations that a read of one sector may return.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    last: u32,
}

impl Ledger {
    pub fn new(length: usize) -> Self {
        let sectors = (0..length / SECTOR).map(|_| Entry::default()).collect();
        Self { sectors }
    }

    /// The writer begins to fill whole sectors at `offset`; `bytes` become what is
    /// to be written.
    pub fn begin_data(&self, bytes: &mut [u8], offset: usize) {
        for (index, sector) in bytes.chunks_mut(SECTOR).enumerate() {
            let at = offset + index * SECTOR;
            let generation = self.begin(at, false);
            stamp(generation).fill(sector, at as u64);
        }
    }

    pub fn begin_zeros(&self, offset: usize, length: usize) {
        for at in (offset..offset + length).step_by(SECTOR) {
            self.begin(at, true);
        }
    }

    fn begin(&self, at: usize, zeros: bool) -> u32 {
        let Some(entry) = self.sectors.get(at / SECTOR) else {
            return 0;
        };
        let next = entry.completed.load(Ordering::SeqCst) + 1;
        let generation = next + u32::from((next % 2 == 1) != zeros);
        entry.started.store(generation, Ordering::SeqCst);
        generation
    }

    /// What was begun has reached the file.
    pub fn complete(&self, offset: usize, length: usize) {
        for entry in self.entries(offset, length) {
            let started = entry.started.load(Ordering::SeqCst);
            entry.completed.store(started, Ordering::SeqCst);
        }
    }

    fn entries(&self, offset: usize, length: usize) -> &[Entry] {
        let first = offset / SECTOR;
        let range = first..first + length / SECTOR;
        self.sectors.get(range).unwrap_or_default()
    }

    /// Has `read` read whole sectors at `offset` and checks them: nothing is older
    /// than what was complete before, nothing newer than what has begun after.
    pub fn check(
        &self,
        bytes: &mut [u8],
        offset: usize,
        read: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let load = |entry: &Entry| entry.completed.load(Ordering::SeqCst);
        let entries = self.entries(offset, bytes.len());
        let first: Vec<u32> = entries.iter().map(load).collect();
        read(bytes)?;
        for (index, (sector, entry)) in bytes.chunks(SECTOR).zip(entries).enumerate() {
            let span = Span {
                first: first.get(index).copied().unwrap_or_default(),
                last: entry.started.load(Ordering::SeqCst),
            };
            span.check(sector, offset + index * SECTOR)?;
        }
        Ok(())
    }
}

impl Span {
    fn check(self, sector: &[u8], offset: usize) -> Result<()> {
        for (index, bytes) in sector.chunks_exact(WORD).enumerate() {
            let at = offset + index * WORD;
            let word = bytes.try_into().map(u64::from_le_bytes)?;
            if !self.allows(word, at) {
                bail!(
                    "at {at} there is {word:#018x} ({}) instead of generation {} to {}",
                    Word::parse(word),
                    self.first,
                    self.last
                );
            }
        }
        Ok(())
    }

    fn allows(self, word: u64, at: usize) -> bool {
        let mut place = [0; WORD];
        stamp(0).fill(&mut place, at as u64);
        let place = u64::from_le_bytes(place);
        if self.first == self.last {
            let zeros = self.first % 2 == 1 || self.first == 0;
            let expected = if zeros {
                0
            } else {
                place | u64::from(self.first) << 32
            };
            return word == expected;
        }
        // Stores go byte by byte: a word may have something of each.
        (0..WORD).all(|byte| {
            let mask = 0xFF << (8 * byte);
            mask & PLACE == 0 || word & mask == 0 || word & mask == place & mask
        })
    }
}

fn stamp(generation: u32) -> Stamp {
    Stamp {
        file: FILE,
        generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ledger: &Ledger, from: &[u8]) -> Result<()> {
        let mut bytes = vec![0; from.len()];
        ledger.check(&mut bytes, SECTOR, |bytes| {
            bytes.copy_from_slice(from);
            Ok(())
        })
    }

    #[test]
    fn what_is_complete_must_be_there() {
        let ledger = Ledger::new(4 * SECTOR);
        let mut data = vec![0; SECTOR];
        let old = data.clone();
        ledger.begin_data(&mut data, SECTOR);
        assert!(read(&ledger, &old).is_ok() && read(&ledger, &data).is_ok());
        ledger.complete(SECTOR, SECTOR);
        assert!(read(&ledger, &old).is_err() && read(&ledger, &data).is_ok());
        ledger.begin_zeros(SECTOR, SECTOR);
        ledger.complete(SECTOR, SECTOR);
        assert!(read(&ledger, &old).is_ok() && read(&ledger, &data).is_err());
    }

    #[test]
    fn what_belongs_elsewhere_is_refused() {
        let ledger = Ledger::new(4 * SECTOR);
        let mut data = vec![0; SECTOR];
        ledger.begin_data(&mut data, 2 * SECTOR);
        ledger.begin_data(&mut vec![0; SECTOR], SECTOR);
        assert!(read(&ledger, &data).is_err());
    }
}

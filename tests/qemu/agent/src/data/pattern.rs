// SPDX-License-Identifier: GPL-2.0

//! Contents that tell where they belong: each aligned word of a file carries the
//! number of the file, a generation and the word's own place, so that whatever
//! is found in the wrong place says where it came from.

use std::fmt;

use anyhow::{bail, ensure, Result};

const WORD: u64 = 8;

/// Byte that free space of a disk is filled with, to find what leaks from it.
pub const STALE: u8 = 0xA5;

/// Which file, and the how-manieth contents of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Neither 0 nor [`STALE`].
    pub file: u8,
    pub generation: u32,
}

/// What one word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub stamp: Stamp,
    /// Where in the file it belongs, in bytes.
    pub offset: u64,
}

impl Stamp {
    /// Fills `bytes`, which stand at `offset` of the file, any offset.
    pub fn fill(self, bytes: &mut [u8], offset: u64) {
        let mut position = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let within = (position % WORD) as usize;
            let word = self.word(position).to_le_bytes();
            let word = word.get(within..).unwrap_or_default();
            let length = word.len().min(rest.len());
            let (head, tail) = rest.split_at_mut(length);
            head.copy_from_slice(word.get(..length).unwrap_or_default());
            position += length as u64;
            rest = tail;
        }
    }

    /// File in 8 bits, generation in 24, number of the word in 32.
    fn word(self, offset: u64) -> u64 {
        u64::from(self.file) << 56
            | u64::from(self.generation & 0xFF_FFFF) << 32
            | (offset / WORD) & 0xFFFF_FFFF
    }
}

impl Word {
    pub fn parse(word: u64) -> Self {
        let stamp = Stamp {
            file: (word >> 56) as u8,
            generation: (word >> 32) as u32 & 0xFF_FFFF,
        };
        Self {
            stamp,
            offset: (word & 0xFFFF_FFFF) * WORD,
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stamp: Stamp { file, generation },
            offset,
        } = self;
        write!(f, "file {file}, generation {generation}, offset {offset}")
    }
}

/// Compares what was read at `offset` with what should be there.
pub fn compare(expected: &[u8], found: &[u8], offset: u64) -> Result<()> {
    ensure!(
        expected.len() == found.len(),
        "{} bytes at {offset} instead of {}",
        found.len(),
        expected.len()
    );
    if expected == found {
        return Ok(());
    }
    let differs = |(a, b): (&u8, &u8)| a != b;
    let pairs = || expected.iter().zip(found);
    let first = pairs().position(differs).unwrap_or(0);
    let count = pairs().filter(|&pair| differs(pair)).count();
    let at = offset + first as u64;
    bail!(
        "{count} of {} bytes at {offset} differ, the first at {at}: expected {}, found {}",
        expected.len(),
        describe(expected, offset, at),
        describe(found, offset, at)
    );
}

/// Says what the word around `at` is.
fn describe(bytes: &[u8], offset: u64, at: u64) -> String {
    let start = (at - at % WORD).saturating_sub(offset) as usize;
    let word = bytes
        .get(start..)
        .and_then(|rest| rest.first_chunk())
        .map(|chunk| u64::from_le_bytes(*chunk));
    match word {
        None => "the end".to_owned(),
        Some(0) => "zeros".to_owned(),
        Some(word) if word == u64::from_le_bytes([STALE; 8]) => "stale data of the disk".to_owned(),
        Some(word) => format!("{word:#018x} ({})", Word::parse(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        file: 7,
        generation: 3,
    };

    #[test]
    fn pieces_fit_together_at_any_offset() {
        let mut whole = vec![0; 100];
        STAMP.fill(&mut whole, 4096);
        for cut in 0..100 {
            let mut pieces = vec![0; 100];
            let (head, tail) = pieces.split_at_mut(cut);
            STAMP.fill(head, 4096);
            STAMP.fill(tail, 4096 + cut as u64);
            assert_eq!(pieces, whole);
        }
    }

    #[test]
    fn a_word_says_where_it_belongs() {
        let word = Word {
            stamp: STAMP,
            offset: 8 << 20,
        };
        assert_eq!(Word::parse(STAMP.word(word.offset + 5)), word);
    }

    #[test]
    fn a_difference_is_explained() {
        let mut expected = vec![0; 64];
        STAMP.fill(&mut expected, 512);
        let mut found = expected.clone();
        assert!(compare(&expected, &found, 512).is_ok());
        found[16..24].fill(STALE);
        let text = match compare(&expected, &found, 512) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(text.contains("the first at 528"), "{text}");
        assert!(text.contains("stale data"), "{text}");
    }
}

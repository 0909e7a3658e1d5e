// SPDX-License-Identifier: GPL-2.0

//! Numbers for tests that try many things: the same in every run, but for seeds that
//! are to be new.

use std::fs::File;
use std::io::Read;

use anyhow::{Context as _, Result};

/// A seed that is new in every run.
pub fn fresh_seed() -> Result<u32> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(u32::from_ne_bytes(bytes))
}

/// A small generator (xorshift64); the seed is not 0.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    /// Offset and length of a range below `limit`, both multiples of `unit`; the
    /// length is `unit` at least and `longest` at most.
    pub fn range(&mut self, limit: usize, longest: usize, unit: usize) -> (usize, usize) {
        let length = (1 + self.below(longest / unit)) * unit;
        let offset = self.below((limit - length) / unit + 1) * unit;
        (offset, length)
    }
}

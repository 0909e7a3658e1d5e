// SPDX-License-Identifier: GPL-2.0

//! Bitmaps, scanned word by word.
//!
//! Relies on nothing: this file also compiles on the host. Readers need no
//! lock; who changes bits holds one against other writers. Stands for
//! `bitmap_set()`, `bitmap_clear()`, `find_next_bit()` and
//! `find_next_zero_bit()`.

use crate::sync::{AtomicUsize, Ordering::Relaxed};

const BITS: usize = usize::BITS as usize;

/// Bits `from..to` of the word that holds bits `base..base + BITS`.
#[inline]
const fn mask(base: usize, from: usize, to: usize) -> usize {
    let low = from.saturating_sub(base);
    let high = to.saturating_sub(base);
    if low >= BITS || low >= high {
        return 0;
    }
    let below_high = if high >= BITS {
        usize::MAX
    } else {
        (1 << high) - 1
    };
    below_high & (usize::MAX << low)
}

/// Words that hold bits `from..to`, each with the number of its first bit.
#[inline]
fn words(
    all: &[AtomicUsize],
    from: usize,
    to: usize,
) -> impl Iterator<Item = (usize, &AtomicUsize)> {
    let first = from / BITS;
    let end = to.div_ceil(BITS).min(all.len());
    // As large as the number of bits, which is that of words in memory.
    let mut next = first.wrapping_mul(BITS);
    let used = all.get(first..end).unwrap_or(&[]);
    used.iter().map(move |word| {
        let base = next;
        next = next.wrapping_add(BITS);
        (base, word)
    })
}

/// Bits that may change under a reader.
#[derive(Clone, Copy)]
pub struct Bits<'a>(&'a [AtomicUsize]);

impl<'a> Bits<'a> {
    /// Reads `words`; bits past them count as clear.
    #[inline]
    pub fn new(words: &'a [AtomicUsize]) -> Self {
        Self(words)
    }

    /// The first bit of `from..to` for which `flip ^ bit` is set; `to` if there
    /// is none.
    #[inline]
    fn find(self, from: usize, to: usize, flip: usize) -> usize {
        for (base, word) in words(self.0, from, to) {
            let found = (word.load(Relaxed) ^ flip) & mask(base, from, to);
            if found != 0 {
                return base.wrapping_add(found.trailing_zeros() as usize);
            }
        }
        to
    }

    /// The first bit of `from..to` that is set; `to` if there is none.
    #[inline]
    pub fn next_set(self, from: usize, to: usize) -> usize {
        self.find(from, to, 0)
    }

    /// The first bit of `from..to` that is clear; `to` if there is none.
    #[inline]
    pub fn next_clear(self, from: usize, to: usize) -> usize {
        self.find(from, to, usize::MAX)
    }

    /// Whether all bits of `from..to` are set.
    #[inline]
    pub fn all_set(self, from: usize, to: usize) -> bool {
        self.next_clear(from, to) >= to
    }
}

/// Bits that the holder alone changes.
pub struct BitsMut<'a>(&'a [AtomicUsize]);

impl<'a> BitsMut<'a> {
    /// Changes `words`. The caller holds the lock that keeps others from doing
    /// so.
    #[inline]
    pub fn new(words: &'a [AtomicUsize]) -> Self {
        Self(words)
    }

    /// To read.
    #[inline]
    pub fn bits(&self) -> Bits<'a> {
        Bits(self.0)
    }

    #[inline]
    fn change(&mut self, from: usize, to: usize, set: bool) {
        for (base, word) in words(self.0, from, to) {
            let mask = mask(base, from, to);
            let old = word.load(Relaxed);
            word.store(if set { old | mask } else { old & !mask }, Relaxed);
        }
    }

    /// Sets bits `from..to`.
    #[inline]
    pub fn set(&mut self, from: usize, to: usize) {
        self.change(from, to, true);
    }

    /// Clears bits `from..to`.
    #[inline]
    pub fn clear(&mut self, from: usize, to: usize) {
        self.change(from, to, false);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Bitmaps, scanned word by word.
//!
//! Relies on nothing: this file also compiles on the host. Readers need no
//! lock; who changes bits holds one against other writers. Stands for
//! `bitmap_set()`, `bitmap_clear()`, `find_next_bit()` and
//! `find_next_zero_bit()`.

use crate::sync::{AtomicUsize, Ordering::Relaxed};

const BITS: usize = usize::BITS as usize;

/// The first bit of the word that bit `at` lies in.
#[inline]
const fn word_start(at: usize) -> usize {
    at & !(BITS - 1)
}

/// The bits of that word from `at` on.
#[inline]
const fn from_bit(at: usize) -> usize {
    usize::MAX << (at % BITS)
}

/// The bits of that word up to `at`, itself included.
#[inline]
const fn up_to_bit(at: usize) -> usize {
    usize::MAX >> (BITS - 1 - at % BITS)
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
        let mut base = word_start(from);
        let mut wanted = from_bit(from);
        while base < to {
            let Some(word) = self.0.get(base / BITS) else {
                break;
            };
            let found = (word.load(Relaxed) ^ flip) & wanted;
            if found != 0 {
                // What is found may lie behind `to`, in the same word.
                return to.min(base.wrapping_add(found.trailing_zeros() as usize));
            }
            wanted = usize::MAX;
            base = base.wrapping_add(BITS);
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
        if from >= to {
            return true;
        }
        let end = to.wrapping_sub(1);
        let (first, last) = (from / BITS, end / BITS);
        let clear = |word: &AtomicUsize| !word.load(Relaxed);
        let (head, tail) = (from_bit(from), up_to_bit(end));
        if first == last {
            let word = self.0.get(first);
            return word.is_some_and(|word| clear(word) & head & tail == 0);
        }
        let Some([start, middle @ .., end]) = self.0.get(first..=last) else {
            return false;
        };
        clear(start) & head == 0
            && clear(end) & tail == 0
            && middle.iter().all(|word| clear(word) == 0)
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
        let mut base = word_start(from);
        let mut mask = from_bit(from);
        while base < to {
            let Some(word) = self.0.get(base / BITS) else {
                break;
            };
            let left = to.wrapping_sub(base);
            if left < BITS {
                mask &= !from_bit(left);
            }
            let old = word.load(Relaxed);
            word.store(if set { old | mask } else { old & !mask }, Relaxed);
            mask = usize::MAX;
            base = base.wrapping_add(BITS);
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

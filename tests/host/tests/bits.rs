// SPDX-License-Identifier: GPL-2.0

//! `folio_state/bits.rs`: bitmaps, against a `Vec<bool>`.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use iomap_rs::folio_state::bits::{Bits, BitsMut};
use proptest::prelude::*;

const WORD: usize = usize::BITS as usize;

/// Words that hold `bits`; what is behind the last of them is set to `rest`.
fn words(bits: &[bool], rest: bool) -> Vec<AtomicUsize> {
    bits.chunks(WORD)
        .map(|chunk| {
            let bit = |n: usize| usize::from(chunk.get(n).copied().unwrap_or(rest)) << n;
            AtomicUsize::new((0..WORD).map(bit).sum())
        })
        .collect()
}

/// The bits that `words` hold.
fn bits(words: &[AtomicUsize]) -> Vec<bool> {
    let bit = |n: usize| words[n / WORD].load(Relaxed) >> (n % WORD) & 1 != 0;
    (0..words.len() * WORD).map(bit).collect()
}

/// The first of `range` that is `wanted`, bit by bit.
fn next(bits: &[bool], range: Range<usize>, wanted: bool) -> usize {
    let end = range.end;
    range
        .clone()
        .find(|&n| bits[n] == wanted)
        .unwrap_or(end.max(range.start).min(end))
}

/// Whether all functions that read agree with the bits one by one.
fn check_reads(model: &[bool], words: &[AtomicUsize], range: Range<usize>) {
    let found = Bits::new(words);
    let Range { start, end } = range.clone();
    assert_eq!(
        found.next_set(start, end),
        next(model, range.clone(), true),
        "next set of {range:?} in {model:?}"
    );
    assert_eq!(
        found.next_clear(start, end),
        next(model, range.clone(), false),
        "next clear of {range:?} in {model:?}"
    );
    assert_eq!(
        found.all_set(start, end),
        model[range.clone()].iter().all(|&bit| bit),
        "all of {range:?} in {model:?}"
    );
}

/// A run of ones in zeros, and of zeros in ones, at every place of three words,
/// looked for in every range.
#[test]
fn every_run_is_found_from_everywhere() {
    const BITS: usize = 2 * WORD + 3;
    let places = [
        0,
        1,
        5,
        WORD - 1,
        WORD,
        WORD + 1,
        2 * WORD - 1,
        2 * WORD,
        BITS - 1,
        BITS,
    ];
    for ones in [true, false] {
        for &from in &places {
            for &to in places.iter().filter(|&&to| to >= from) {
                let model: Vec<_> = (0..BITS).map(|n| (from..to).contains(&n) == ones).collect();
                for rest in [false, true] {
                    let words = words(&model, rest);
                    for start in 0..=BITS {
                        for &end in places.iter().filter(|&&end| end >= start) {
                            check_reads(&model, &words, start..end);
                        }
                    }
                }
            }
        }
    }
}

/// What is changed is what was asked for, and no other bit.
#[test]
fn every_range_is_set_and_cleared_alone() {
    const BITS: usize = 2 * WORD;
    for start in 0..=BITS {
        for end in start..=BITS {
            for before in [false, true] {
                let words = words(&[before; BITS], before);
                let mut change = BitsMut::new(&words);
                if before {
                    change.clear(start, end);
                } else {
                    change.set(start, end);
                }
                let expected: Vec<_> = (0..BITS)
                    .map(|n| (start..end).contains(&n) != before)
                    .collect();
                assert_eq!(bits(&words), expected, "{start}..{end} of {before}");
            }
        }
    }
}

/// Numbers beyond the bitmap read as clear bits, and change nothing.
#[test]
fn what_is_not_there_is_clear() {
    let words = words(&[true; WORD], true);
    let found = Bits::new(&words);
    assert!(found.all_set(0, WORD));
    assert_eq!(found.next_set(WORD, usize::MAX), usize::MAX);
    BitsMut::new(&words).clear(WORD, usize::MAX);
    assert!(found.all_set(0, WORD));
    BitsMut::new(&words).clear(WORD - 1, usize::MAX);
    assert!(!found.all_set(0, WORD));
    assert!(found.all_set(0, WORD - 1));
}

/// An empty range has no bit: none is found and none changed.
#[test]
#[allow(clippy::reversed_empty_ranges)]
fn an_empty_range_has_nothing() {
    let words = words(&[true; WORD], true);
    for (start, end) in [(0, 0), (7, 7), (9, 3), (WORD, WORD)] {
        assert_eq!(Bits::new(&words).next_set(start, end), end);
        assert!(Bits::new(&words).all_set(start, end));
        BitsMut::new(&words).clear(start, end);
    }
    assert_eq!(bits(&words), [true; WORD]);
}

/// A change and a look.
#[derive(Clone, Debug)]
enum Step {
    Set(Range<usize>),
    Clear(Range<usize>),
    Read(Range<usize>),
}

fn steps(bits: usize) -> impl Strategy<Value = Vec<Step>> {
    let range = (0..=bits, 0..=bits).prop_map(|(a, b)| a.min(b)..a.max(b));
    let step = (range, 0..3).prop_map(|(range, kind)| match kind {
        0 => Step::Set(range),
        1 => Step::Clear(range),
        _ => Step::Read(range),
    });
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn any_changes_are_as_bit_by_bit(
        (count, steps) in (1usize..400).prop_flat_map(|count| (Just(count), steps(count))),
    ) {
        let mut model = vec![false; count];
        let words = words(&model, false);
        for step in steps {
            match step {
                Step::Set(range) => {
                    BitsMut::new(&words).set(range.start, range.end);
                    model[range].fill(true);
                }
                Step::Clear(range) => {
                    BitsMut::new(&words).clear(range.start, range.end);
                    model[range].fill(false);
                }
                Step::Read(range) => check_reads(&model, &words, range),
            }
            prop_assert_eq!(&bits(&words)[..count], &model[..]);
        }
    }
}

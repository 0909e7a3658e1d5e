// SPDX-License-Identifier: GPL-2.0

//! `plan/known.rs`: nothing is said to be known that was not learned, or that was
//! forgotten.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use ext2_rs::plan::known::{Known, Stretch};
use proptest::prelude::*;

fn stretch(block: u32, first: u32, count: u32) -> Stretch {
    Stretch {
        block,
        first,
        count,
    }
}

#[test]
fn what_is_learned_is_known() {
    let known = Known::new();
    assert_eq!(known.get(0), None);
    known.learn(stretch(100, 5000, 10));
    assert_eq!(known.get(99), None);
    assert_eq!(known.get(100), Some(stretch(100, 5000, 10)));
    assert_eq!(known.get(109), Some(stretch(109, 5009, 1)));
    assert_eq!(known.get(110), None);
    known.forget();
    assert_eq!(known.get(100), None);
}

#[test]
fn what_goes_on_is_joined() {
    let known = Known::new();
    known.learn(stretch(0, 700, 1));
    known.learn(stretch(1, 701, 1));
    known.prefer(2, stretch(2, 702, 3));
    assert_eq!(known.get(0), Some(stretch(0, 700, 5)));
    // Behind it in the file, but elsewhere on the device.
    known.prefer(5, stretch(5, 900, 1));
    assert_eq!(known.get(0), None);
    assert_eq!(known.get(5), Some(stretch(5, 900, 1)));
}

#[test]
fn less_does_not_replace_more_unless_it_is_preferred() {
    let known = Known::new();
    known.learn(stretch(0, 700, 8));
    known.learn(stretch(50, 900, 1));
    assert_eq!(known.get(3), Some(stretch(3, 703, 5)));
    known.learn(stretch(50, 900, 9));
    assert_eq!(known.get(3), None);
    assert_eq!(known.get(58), Some(stretch(58, 908, 1)));
    known.prefer(3, stretch(3, 703, 1));
    assert_eq!(known.get(58), None);
}

/// All pointers are scanned no more often than there were as many lookups, at 64
/// pointers for each.
#[test]
fn scans_are_paid_for() {
    let known = Known::new();
    let scans = (0..160).filter(|_| known.missed(0, 1024)).count();
    assert_eq!(scans, 10);
    // Elsewhere one has to pay anew.
    assert!(!known.missed(1024, 1024));
}

/// A file whose block `n` is at `place(n)`: pieces of several lengths.
fn place(block: u32) -> u32 {
    1000 + block + block / 7 * 3 + block / 64 * 100
}

fn piece(block: u32, count: u32) -> Stretch {
    let goes_on = (0..count).take_while(|&step| place(block + step) == place(block) + step);
    stretch(block, place(block), goes_on.count() as u32)
}

proptest! {
    /// Whatever is learned in whatever order: what is known is right.
    #[test]
    fn all_that_is_known_is_right(
        steps in proptest::collection::vec((0u32..5000, 1u32..100, 0u8..20), 1..200),
    ) {
        let known = Known::new();
        let mut model = BTreeMap::new();
        for (block, count, kind) in steps {
            match kind {
                0 => {
                    known.forget();
                    model.clear();
                }
                1..=10 => known.learn(piece(block, count)),
                _ => known.prefer(block, piece(block, count)),
            }
            if kind != 0 {
                let learned = piece(block, count);
                for step in 0..learned.count {
                    model.insert(block + step, learned.first + step);
                }
            }
            for block in 0..5200 {
                if let Some(found) = known.get(block) {
                    prop_assert_eq!(found.block, block);
                    prop_assert!(found.count > 0);
                    for step in 0..found.count {
                        prop_assert_eq!(model.get(&(block + step)), Some(&(found.first + step)));
                    }
                }
            }
        }
    }
}

/// Who looks while others learn sees one stretch or the other, never parts of both.
#[test]
fn stretches_are_seen_as_a_whole() {
    let known = Known::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (known, done) = (&known, &done);
            scope.spawn(move || {
                for round in 0..300_000u32 {
                    let block = (round * 7 + writer) % 1000;
                    known.prefer(block, stretch(block, block * 3, 1 + block % 5));
                    if round % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        let mut seen = 0u32;
        let mut block = 0;
        while !done.load(Ordering::Relaxed) || seen == 0 {
            block = (block + 1) % 1000;
            if let Some(found) = known.get(block) {
                // Within a stretch that starts up to four blocks before.
                let right = (0..5).any(|before| {
                    let Some(start) = block.checked_sub(before) else {
                        return false;
                    };
                    before < 1 + start % 5 && found.first == start * 3 + before
                });
                assert!(right, "{found:?}");
                seen += 1;
            }
        }
    });
}

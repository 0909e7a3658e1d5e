// SPDX-License-Identifier: GPL-2.0

//! `plan/bitmap.rs`, against a model that has a bool per bit.

use ext2_rs::plan::bitmap::{clear, count_zeros, find_run, find_zero, set, Already};
use proptest::prelude::*;
use std::ops::Range;

fn bits(bitmap: &[u8]) -> Vec<bool> {
    bitmap
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
        .collect()
}

/// All maximal runs of free bits in a range.
fn runs(used: &[bool], within: Range<u32>) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for bit in within {
        if used.get(bit as usize).copied().unwrap_or(true) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == bit => run.end += 1,
            _ => runs.push(bit..bit + 1),
        }
    }
    runs
}

fn model(used: &[bool], within: Range<u32>, goal: u32, wanted: u32) -> Option<Range<u32>> {
    let goal = if within.contains(&goal) {
        goal
    } else {
        within.start
    };
    // Runs end at the goal, whose bit starts another one.
    let mut order = runs(used, goal..within.end);
    order.extend(runs(used, within.start..goal));
    let cut = |run: &Range<u32>| run.start..run.end.min(run.start + wanted);
    if wanted == 0 {
        return None;
    }
    let at_goal = order.iter().find(|run| run.start == goal);
    let long = order.iter().find(|run| run.len() >= wanted as usize);
    let longest = order.iter().map(ExactSizeIterator::len).max();
    let longest = order.iter().find(|run| Some(run.len()) == longest);
    at_goal.or(long).or(longest).map(cut)
}

fn check(bitmap: &[u8], within: Range<u32>, goal: u32, wanted: u32) {
    let used = bits(bitmap);
    assert_eq!(
        find_run(bitmap, within.clone(), goal, wanted),
        model(&used, within.clone(), goal, wanted),
        "{bitmap:x?} {within:?} goal {goal} wanted {wanted}"
    );
    let first = runs(&used, within.clone()).first().map(|run| run.start);
    assert_eq!(find_zero(bitmap, within), first);
}

#[test]
fn the_goal_counts_more_than_the_length() {
    let bitmap = [0b1110_1111, 0];
    assert_eq!(find_run(&bitmap, 0..16, 4, 8), Some(4..5));
    assert_eq!(find_run(&bitmap, 0..16, 0, 8), Some(8..16));
    assert_eq!(find_run(&bitmap, 0..8, 0, 8), Some(4..5));
}

#[test]
fn every_small_bitmap_is_as_the_model() {
    for map in 0..=u8::MAX {
        for start in 0..8 {
            for end in start..10 {
                for goal in 0..10 {
                    for wanted in 0..5 {
                        check(&[map], start..end, goal, wanted);
                    }
                }
            }
        }
    }
}

/// Changes are all or nothing, and tell what was so before.
#[test]
fn every_small_change_is_as_the_model() {
    for map in 0..=u16::MAX {
        let map = map.wrapping_mul(40_503).to_le_bytes();
        let range = u32::from(map[0] % 16)..u32::from(map[0] % 16) + u32::from(map[1] % 9);
        for value in [false, true] {
            let before = bits(&map);
            let mut after = map;
            let result = if value {
                set(&mut after, range.clone())
            } else {
                clear(&mut after, range.clone())
            };
            let outside = range.end > 16;
            let already = range
                .clone()
                .find(|&bit| before.get(bit as usize).is_some_and(|bit| *bit == value));
            match already {
                Some(bit) => assert_eq!(result, Err(Already(bit))),
                None => assert_eq!(result.is_err(), outside, "{range:?}"),
            }
            for (bit, was) in before.into_iter().enumerate() {
                let changed = result.is_ok() && range.contains(&(bit as u32));
                assert_eq!(bits(&after)[bit], if changed { value } else { was });
            }
        }
    }
}

proptest! {
    #[test]
    fn large_bitmaps_are_as_the_model(
        bitmap in proptest::collection::vec(
            prop_oneof![3 => Just(0xffu8), 3 => Just(0u8), 1 => any::<u8>()], 0..70),
        start in 0u32..300,
        length in 0u32..400,
        goal in 0u32..600,
        wanted in 0u32..200,
    ) {
        check(&bitmap, start..start + length, goal, wanted);
        let bits = bits(&bitmap);
        let zeros = bits.iter().take(length as usize).filter(|bit| !**bit).count();
        prop_assert_eq!(count_zeros(&bitmap, length) as usize, zeros);
    }

    #[test]
    fn changes_of_whole_runs_are_as_the_model(
        mut bitmap in proptest::collection::vec(any::<u8>(), 1..300),
        goal in 0u32..2400,
        wanted in 1u32..300,
    ) {
        let before = bitmap.clone();
        let end = bitmap.len() as u32 * 8;
        if let Some(run) = find_run(&bitmap, 0..end, goal, wanted) {
            set(&mut bitmap, run.clone()).unwrap();
            prop_assert_eq!(set(&mut bitmap, run.clone()), Err(Already(run.start)));
            let free = count_zeros(&before, end) - run.len() as u32;
            prop_assert_eq!(count_zeros(&bitmap, end), free);
            clear(&mut bitmap, run.clone()).unwrap();
            prop_assert_eq!(clear(&mut bitmap, run.clone()), Err(Already(run.start)));
            prop_assert_eq!(bitmap, before);
        }
    }
}

/// Nothing panics whatever is asked.
#[test]
fn ranges_outside_are_in_use() {
    let bitmap = [0; 8];
    assert_eq!(find_run(&bitmap, 64..u32::MAX, 70, 5), None);
    assert_eq!(find_zero(&bitmap, 60..u32::MAX), Some(60));
    assert_eq!(find_run(&bitmap, 0..u32::MAX, 62, u32::MAX), Some(62..64));
    assert_eq!(set(&mut [0; 8], 60..65), Err(Already(64)));
    assert_eq!(
        clear(&mut [0xff; 8], u32::MAX - 1..u32::MAX),
        Err(Already(u32::MAX - 1))
    );
    assert_eq!(count_zeros(&bitmap, 100), 64);
}

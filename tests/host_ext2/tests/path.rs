// SPDX-License-Identifier: GPL-2.0

//! `plan/path.rs`, against a counter with a digit per level.

use ext2_rs::plan::path::{blocks_below, depth_below, max_size, Cut, Path, DIRECT};
use proptest::prelude::*;

const SIZES: [u32; 3] = [10, 11, 12];

/// The first block under each pointer of the inode that leads to pointers, and the
/// first that no file has.
fn borders(block_bits: u32) -> [u64; 4] {
    let pointers = u64::from(1u32 << block_bits) / 4;
    let double = 12 + pointers;
    let triple = double + pointers * pointers;
    [12, double, triple, triple + pointers * pointers * pointers]
}

/// The next way, as a counter counts: the last digit up, carrying to the left, and
/// to the next pointer of the inode when all digits are through.
fn successor(offsets: &[u32], block_bits: u32) -> Vec<u32> {
    let pointers = (1 << block_bits) / 4;
    let (root, digits) = offsets.split_first().unwrap();
    let mut digits = digits.to_vec();
    for digit in digits.iter_mut().rev() {
        *digit += 1;
        if *digit < pointers {
            return [&[*root], &digits[..]].concat();
        }
        *digit = 0;
    }
    let depth = depth_below(root + 1) as usize;
    [&[root + 1], &vec![0; depth][..]].concat()
}

fn offsets(block: u64, block_bits: u32) -> Option<Vec<u32>> {
    let path = Path::to(u32::try_from(block).unwrap(), block_bits)?;
    Some(path.offsets().to_vec())
}

#[test]
fn ways_count_up() {
    for bits in SIZES {
        let [.., end] = borders(bits);
        assert_eq!(offsets(0, bits), Some(vec![0]));
        let ranges = borders(bits).map(|at| at.saturating_sub(3000)..at + 3000);
        for block in ranges.into_iter().flatten().filter(|at| at + 1 < end) {
            let next = successor(&offsets(block, bits).unwrap(), bits);
            assert_eq!(offsets(block + 1, bits), Some(next), "{block} {bits}");
        }
        assert_eq!(offsets(end, bits), None);
        assert_eq!(offsets(u64::from(u32::MAX), bits), None);
    }
}

/// C's ext2_max_size() gives these.
#[test]
fn the_largest_file_is_that_of_c() {
    assert_eq!(max_size(10), 17_247_252_480);
    assert_eq!(max_size(11), 275_415_851_008);
    assert_eq!(max_size(12), 2_196_873_666_560);
    for bits in SIZES {
        let [.., end] = borders(bits);
        assert!(max_size(bits) >> bits <= end);
    }
}

/// A block from everywhere in the tree, often near a border.
fn blocks(bits: u32) -> impl Strategy<Value = u32> {
    let [single, double, triple, end] = borders(bits);
    let near = move |at: u64| at.saturating_sub(2100)..(at + 2100).min(end);
    prop_oneof![
        near(single),
        near(double),
        near(triple),
        near(end - 1),
        0..end
    ]
    .prop_map(|block| block as u32)
}

fn sized() -> impl Strategy<Value = (u32, u32, u32)> {
    (10u32..=12).prop_flat_map(|bits| (Just(bits), blocks(bits), blocks(bits)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn ways_lead_back((bits, block, _) in sized()) {
        let offsets = offsets(block.into(), bits).unwrap();
        let root = offsets[0];
        let depth = depth_below(root);
        prop_assert_eq!(offsets.len() as u32, depth + 1);
        let base = match depth {
            0 => u64::from(root),
            depth => borders(bits)[depth as usize - 1],
        };
        let below = offsets[1..].iter().rev().enumerate().map(|(level, offset)| {
            u64::from(*offset) * blocks_below(level as u32, bits)
        });
        prop_assert_eq!(base + below.sum::<u64>(), u64::from(block));
    }

    /// Within a leaf only the last step differs; behind it another one does.
    #[test]
    fn leaves_end_where_they_are_said_to((bits, block, _) in sized()) {
        let path = Path::to(block, bits).unwrap();
        let left = path.left_in_leaf();
        prop_assert!(left >= 1);
        let (last, before) = path.offsets().split_last().unwrap();
        let end = Path::to(block + left - 1, bits).unwrap();
        let (end_last, end_before) = end.offsets().split_last().unwrap();
        prop_assert_eq!(end_last - last, left - 1);
        prop_assert_eq!(before, end_before);
        if let Some(next) = Path::to(block + left, bits) {
            let (_, next_before) = next.offsets().split_last().unwrap();
            prop_assert!(before.is_empty() && block + left == DIRECT || before != next_before);
        }
    }

    /// A block is dead if it is not before the first dead one, whichever way the
    /// levels say it, and no block of pointers is kept for nothing.
    #[test]
    fn cuts_are_where_they_should_be((bits, first, block) in sized()) {
        let levels: Vec<_> = Cut::at(first, bits).unwrap().levels().collect();
        let way = offsets(block.into(), bits).unwrap();
        let mut dead = None;
        for (level, offset) in levels.iter().zip(&way) {
            if *offset >= level.dead_from {
                dead = Some(true);
                break;
            }
            if level.through != Some(*offset) {
                dead = Some(false);
                break;
            }
        }
        prop_assert_eq!(dead, Some(block >= first), "{:?} {:?}", levels, way);
        for (nth, level) in levels.iter().enumerate() {
            prop_assert_eq!(level.through.is_some(), nth + 1 < levels.len());
            prop_assert!(nth == 0 || level.dead_from > 0);
            let root = offsets(first.into(), bits).unwrap()[0];
            prop_assert_eq!(level.depth, depth_below(root) - nth as u32);
        }
    }
}

#[test]
fn cutting_all_off_is_one_level() {
    for bits in SIZES {
        let level = Cut::at(0, bits).unwrap().levels().next().unwrap();
        assert_eq!((level.through, level.dead_from), (None, 0));
        // A whole subtree goes, and its root with it.
        for (first, root) in borders(bits).into_iter().zip(12..15) {
            let levels: Vec<_> = Cut::at(first as u32, bits).unwrap().levels().collect();
            assert_eq!(levels.len(), 1);
            assert_eq!((levels[0].through, levels[0].dead_from), (None, root));
        }
    }
}

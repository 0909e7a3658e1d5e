// SPDX-License-Identifier: GPL-2.0

//! `folio_state/ranges.rs`, byte by byte.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;

use iomap_rs::folio_state::{
    bits::{Bits, BitsMut},
    ranges::{to_read, touched, whole},
};
use proptest::prelude::*;

/// Blocks of a small folio: bytes of 4, which keeps all cases countable.
const BITS: u32 = 2;
const BLOCK: usize = 1 << BITS;

/// The blocks that have a byte in `bytes`.
fn blocks_with(bytes: Range<usize>) -> BTreeSet<usize> {
    bytes.map(|byte| byte / BLOCK).collect()
}

#[test]
fn what_is_touched_has_a_byte() {
    for start in 0..40 {
        for end in 0..40 {
            let found = touched(&(start..end), BITS).collect();
            assert_eq!(blocks_with(start..end), found, "{start}..{end}");
        }
    }
}

#[test]
fn what_is_whole_has_all_its_bytes() {
    for start in 0..40 {
        for end in 0..40 {
            let all = |block: &usize| {
                (block * BLOCK..(block + 1) * BLOCK).all(|byte| (start..end).contains(&byte))
            };
            let expected: BTreeSet<_> = (0..12).filter(all).collect();
            let found = whole(&(start..end), BITS).collect();
            assert_eq!(expected, found, "{start}..{end}");
        }
    }
}

/// Numbers that no folio has.
#[test]
fn the_largest_numbers_do_no_harm() {
    let blocks = touched(&(usize::MAX - 1..usize::MAX), 12);
    assert_eq!(blocks, usize::MAX >> 12..(usize::MAX >> 12) + 1);
    assert!(whole(&(usize::MAX - 1..usize::MAX), 12).is_empty());
    assert_eq!(touched(&(0..usize::MAX), 0), 0..usize::MAX);
    assert_eq!(whole(&(0..usize::MAX), 0), 0..usize::MAX);
}

/// RD-4 to RD-6 by what they say of each byte. [`None`] if nothing is to be read.
fn by_bytes(bytes: Range<usize>, eof: i64, uptodate: Option<&[bool]>) -> Option<Range<usize>> {
    let is_uptodate = |byte: usize| uptodate.is_some_and(|blocks| blocks[byte / BLOCK]);
    let start = bytes.clone().find(|&byte| !is_uptodate(byte))?;
    let end = (start..bytes.end)
        .find(|&byte| is_uptodate(byte))
        .unwrap_or(bytes.end);
    // RD-6: the byte before the end of the file, if it ends in the range, is the
    // last of its block to be in the same piece.
    let ends_here = eof >= 1 && (bytes.start as i64..bytes.end as i64).contains(&eof);
    if !ends_here {
        return Some(start..end);
    }
    let last_block = (eof as usize - 1) / BLOCK;
    if start / BLOCK > last_block {
        return Some(start..end);
    }
    Some(start..end.min((last_block + 1) * BLOCK))
}

/// The piece that the engine finds; [`None`] if it is empty.
fn found(bytes: Range<usize>, eof: i64, uptodate: Option<&[bool]>) -> Option<Range<usize>> {
    let words = [AtomicUsize::new(0)];
    for (block, _) in uptodate
        .unwrap_or(&[])
        .iter()
        .enumerate()
        .filter(|(_, &is)| is)
    {
        BitsMut::new(&words).set(block, block + 1);
    }
    let bits = uptodate.map(|_| Bits::new(&words));
    let piece = to_read(bytes, eof, BITS, bits);
    (!piece.is_empty()).then_some(piece)
}

/// RD-4, RD-5, RD-6: every range of a folio of five blocks, by every set of
/// uptodate blocks and every end of the file.
#[test]
fn every_piece_of_a_small_folio_is_right() {
    const BLOCKS: usize = 5;
    for set in 0..1 << BLOCKS {
        let uptodate: Vec<_> = (0..BLOCKS).map(|block| set >> block & 1 != 0).collect();
        for start in 0..BLOCKS * BLOCK {
            for end in start + 1..=BLOCKS * BLOCK {
                for eof in -2..=(BLOCKS * BLOCK) as i64 + 2 {
                    assert_eq!(
                        found(start..end, eof, Some(&uptodate)),
                        by_bytes(start..end, eof, Some(&uptodate)),
                        "{start}..{end}, file ends at {eof}, {uptodate:?}"
                    );
                }
            }
        }
    }
}

/// RD-4, RD-6: of a folio without a state, nothing is known to be uptodate.
#[test]
fn every_piece_without_a_state_is_right() {
    for start in 0..12 {
        for end in start + 1..=12 {
            for eof in -2..16 {
                assert_eq!(
                    found(start..end, eof, None),
                    by_bytes(start..end, eof, None),
                    "{start}..{end}, file ends at {eof}"
                );
            }
        }
    }
}

/// RD-7: piece by piece all is read, once, that was not uptodate, and the walk
/// ends.
#[test]
fn pieces_cover_what_is_missing_once() {
    const BLOCKS: usize = 5;
    for set in 0..1 << BLOCKS {
        let uptodate: Vec<_> = (0..BLOCKS).map(|block| set >> block & 1 != 0).collect();
        for eof in 0..=(BLOCKS * BLOCK) as i64 {
            let end = BLOCKS * BLOCK;
            let mut read = Vec::new();
            let mut next = 3;
            while let Some(piece) = found(next..end, eof, Some(&uptodate)) {
                assert!(piece.start >= next);
                next = piece.end;
                read.extend(piece);
            }
            let missing: Vec<_> = (3..end).filter(|byte| !uptodate[byte / BLOCK]).collect();
            assert_eq!(read, missing, "file ends at {eof}, {uptodate:?}");
        }
    }
}

/// RD-6: blocks behind the end of the file are not read together with those in
/// front of it, whatever the sizes.
#[test]
fn a_file_of_no_bytes_splits_nothing() {
    assert_eq!(to_read(0..4096, 0, 9, None), 0..4096);
    assert_eq!(to_read(0..4096, -4096, 9, None), 0..4096);
    assert_eq!(to_read(0..4096, 1, 9, None), 0..512);
    assert_eq!(to_read(0..4096, 4096, 9, None), 0..4096);
    assert_eq!(to_read(0..4096, i64::MAX, 9, None), 0..4096);
    assert_eq!(to_read(0..4096, i64::MIN, 9, None), 0..4096);
}

proptest! {
    /// Larger folios and blocks, ranges that start and end anywhere.
    #[test]
    fn a_piece_is_in_the_range_and_not_uptodate(
        block_bits in 9u32..17,
        uptodate in proptest::collection::vec(any::<bool>(), 1..128),
        places in any::<(u32, u32)>(),
        eof in any::<i32>(),
    ) {
        let size = uptodate.len() << block_bits;
        let (a, b) = (places.0 as usize % size, places.1 as usize % size);
        let bytes = a.min(b)..a.max(b) + 1;
        let words: Vec<_> = (0..2).map(|_| AtomicUsize::new(0)).collect();
        for (block, &is) in uptodate.iter().enumerate() {
            if is {
                BitsMut::new(&words).set(block, block + 1);
            }
        }
        let piece = to_read(bytes.clone(), eof.into(), block_bits, Some(Bits::new(&words)));
        prop_assert!(bytes.start <= piece.start && piece.end <= bytes.end);
        for block in touched(&piece, block_bits) {
            prop_assert!(!uptodate[block]);
        }
        for block in touched(&(bytes.start..piece.start), block_bits) {
            let split = block == piece.start >> block_bits && !piece.is_empty();
            prop_assert!(uptodate[block] || split);
        }
    }
}

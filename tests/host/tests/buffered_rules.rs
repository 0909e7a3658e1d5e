// SPDX-License-Identifier: GPL-2.0

//! `buffered/rules.rs`: what a write brings in first, what it tries, and what is
//! left of it if it fails.

use std::ops::Range;

use iomap_rs::buffered::rules::{fill, left_behind, Chunks, Fill};
use proptest::prelude::*;

use crate::edges::offsets;

/// All ranges in `0..end` that are not empty.
fn ranges(end: usize) -> impl Iterator<Item = Range<usize>> {
    (0..end).flat_map(move |a| (a + 1..=end).map(move |b| a..b))
}

/// BW-14, byte by byte: afterwards each byte of the piece is written, zeroed or
/// read, and nothing is zeroed that is written.
#[test]
fn every_byte_of_a_piece_comes_from_somewhere() {
    for piece in ranges(8) {
        for bytes in ranges(8) {
            for zeros in [false, true] {
                let others: Vec<_> = piece.clone().filter(|byte| !bytes.contains(byte)).collect();
                let found = fill(&piece, &bytes, zeros, false);
                match found {
                    Fill::Nothing => assert!(others.is_empty(), "{piece:?} {bytes:?}"),
                    Fill::Zero(before, behind) => {
                        assert!(zeros);
                        let zeroed: Vec<_> = before.chain(behind).collect();
                        assert_eq!(zeroed, others, "{piece:?} {bytes:?}");
                    }
                    Fill::Read => assert!(!zeros && !others.is_empty(), "{piece:?} {bytes:?}"),
                    Fill::Refuse => panic!("refused {piece:?} {bytes:?}"),
                }
            }
        }
    }
}

/// BW-14: what is written over wholly is not waited for.
#[test]
fn a_piece_that_is_written_over_is_not_read() {
    assert_eq!(
        fill(&(512..1024), &(512..1024), false, false),
        Fill::Nothing
    );
    assert_eq!(fill(&(512..1024), &(0..4096), false, false), Fill::Nothing);
    assert_eq!(fill(&(512..1024), &(513..1024), false, false), Fill::Read);
    assert_eq!(fill(&(512..1024), &(512..1023), false, false), Fill::Read);
}

/// US-3, BW-17: unsharing needs all of it, and blocks without data are none that
/// could be shared.
#[test]
fn unsharing_reads_all_and_refuses_zeros() {
    for piece in ranges(5) {
        for bytes in ranges(5) {
            assert_eq!(fill(&piece, &bytes, false, true), Fill::Read);
            assert_eq!(fill(&piece, &bytes, true, true), Fill::Refuse);
        }
    }
}

/// BW-18, byte by byte: what is at or behind both the position and the end of the
/// file goes.
#[test]
fn what_a_failed_write_left_behind_the_file() {
    for size in 0..8 {
        for pos in 0..8 {
            for len in 0..8 {
                let left = pos..pos + len as i64;
                let expected: Vec<_> = left.filter(|&byte| byte >= size).collect();
                let found = left_behind(size, pos, len).unwrap_or(0..0);
                assert_eq!(
                    found.collect::<Vec<_>>(),
                    expected,
                    "{len} at {pos} of {size}"
                );
            }
        }
    }
}

/// BW-3: up to the end of a folio of the largest size, wherever it starts.
#[test]
fn a_chunk_ends_with_the_folio() {
    for pos in 0..40 {
        for left in 0..40 {
            let expected = (pos..pos + left)
                .take_while(|byte| byte / 8 == pos / 8)
                .count();
            let found = Chunks::new(8).next(pos as i64, left);
            assert_eq!(found, expected, "{left} at {pos}");
        }
    }
}

/// BW-24: what was reached is what is tried next, once.
#[test]
fn less_is_tried_where_memory_vanished() {
    let mut chunks = Chunks::new(64 << 10);
    assert_eq!(chunks.next(0, 100_000), 64 << 10);
    chunks.retry(5000, 4096);
    assert_eq!(chunks.next(0, 100_000), 5000);
    assert_eq!(chunks.next(5000, 95_000), (32 << 10) - 5000);
}

/// BW-24: nothing was reached: half as much, but a page at least.
#[test]
fn chunks_are_halved_down_to_a_page() {
    let mut chunks = Chunks::new(32 << 10);
    for expected in [16 << 10, 8 << 10, 4 << 10, 4 << 10, 4 << 10] {
        chunks.retry(0, 4096);
        assert_eq!(chunks.next(0, usize::MAX), expected);
    }
}

proptest! {
    /// No position and no length breaks arithmetic; what is left behind is part of
    /// what was written, or that cut at the largest position.
    #[test]
    fn no_number_breaks_a_rule(size in offsets(), pos in offsets(), len in any::<usize>()) {
        if let Some(left) = left_behind(size, pos, len) {
            prop_assert!(left.start < left.end);
            prop_assert!(left.start >= size && left.start >= pos);
        }
        let mut chunks = Chunks::new(1 << 21);
        prop_assert!(chunks.next(pos, len) <= 1 << 21);
    }

    /// A write with a memory that vanishes now and then gets to its end, without a
    /// chunk of nothing.
    #[test]
    fn a_write_gets_on(
        faults in proptest::collection::vec(0usize..5000, 0..20),
        start in 0i64..100_000,
        len in 1usize..200_000,
    ) {
        let mut chunks = Chunks::new(64 << 10);
        let (mut pos, mut left) = (start, len);
        let mut faults = faults.into_iter();
        while left > 0 {
            let bytes = chunks.next(pos, left);
            prop_assert!(bytes > 0 && bytes <= left);
            match faults.next() {
                Some(reached) if reached < bytes => chunks.retry(reached, 4096),
                _ => {
                    pos += bytes as i64;
                    left -= bytes;
                }
            }
        }
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `folio_state/pending.rs`: the counts, in one task. `models/` has them among
//! several.

use iomap_rs::folio_state::pending::{Reading, Writing};
use proptest::prelude::*;

/// RD-19: the count is of bytes, not of pieces.
#[test]
fn the_last_byte_ends_the_read() {
    let mut reading = Reading::NONE;
    assert!(!reading.any());
    reading.add(512);
    reading.add(1024);
    assert!(reading.any());
    assert!(!reading.sub(1024));
    assert!(reading.sub(512));
    assert!(!reading.any());
}

/// WB-6: while the submitter is at it, nothing ends.
#[test]
fn writeback_does_not_end_under_the_submitter() {
    let writing = Writing::new();
    assert!(writing.begin());
    writing.add(4096);
    assert!(!writing.sub(4096));
    assert_eq!(writing.count(), 1);
    assert!(writing.end());
    assert_eq!(writing.count(), 0);
}

/// WB-6: a submitter that wrote nothing ends what it began.
#[test]
fn writeback_of_nothing_ends_with_the_submitter() {
    let writing = Writing::default();
    assert!(writing.begin());
    assert!(writing.end());
}

/// WB-6: what was pending before is noticed.
#[test]
fn a_second_submitter_is_noticed() {
    let writing = Writing::new();
    assert!(writing.begin());
    assert!(!writing.begin());
}

proptest! {
    /// Pieces as large as a folio may be, in any order.
    #[test]
    fn exactly_one_end_is_the_last(
        pieces in proptest::collection::vec((any::<u32>(), 1usize..1 << 22), 1..50),
    ) {
        let mut reading = Reading::NONE;
        let writing = Writing::new();
        prop_assert!(writing.begin());
        for (_, bytes) in &pieces {
            reading.add(*bytes);
            writing.add(*bytes);
        }
        prop_assert!(!writing.end());
        let mut ends = pieces;
        ends.sort();
        let last = ends.len() - 1;
        for (nth, (_, bytes)) in ends.into_iter().enumerate() {
            prop_assert_eq!(reading.sub(bytes), nth == last);
            prop_assert_eq!(writing.sub(bytes), nth == last);
        }
    }
}

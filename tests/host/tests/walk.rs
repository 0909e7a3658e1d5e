// SPDX-License-Identifier: GPL-2.0

//! `iter/advance.rs` and `mapping.rs` together: whole walks over a range, the
//! way `iter.rs` makes them, against a queue of bytes of which each turn takes
//! some.

use std::collections::VecDeque;

use iomap_rs::{
    iter::advance::{advance, check, Next, Progress},
    mapping::{served, Kind, MapFlags},
};
use proptest::prelude::*;

/// What the body of a walk does.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// All that the mapping serves.
    All,
    /// So much, even if the mapping serves less.
    Bytes(u64),
    Stop,
    Fail,
}

/// One mapping, in relation to the position that it is asked for, and what is
/// done with it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Bytes that it has in front of the position.
    before: u64,
    /// Bytes that it has from the position on; with none it is of no use.
    after: u64,
    /// The same of its source, if it has one.
    source_after: Option<u64>,
    /// It is outdated by the time the body has run.
    stale: bool,
    does: Does,
}

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At this position, with so many bytes left.
    Done {
        pos: u64,
        left: u64,
    },
    Failed,
    TooMuch,
    /// The mapping cannot be used.
    Refused,
}

/// Bytes dealt with, in order, and the end.
type Walk = (Vec<u64>, End);

/// After all turns of a script: whatever is left, at once.
const REST: Turn = Turn {
    before: 0,
    after: 1 << 40,
    source_after: None,
    stale: false,
    does: Does::All,
};

/// Walks with the engine's decisions. `None` if the walk asks for more mappings
/// than a script and its rest can have.
fn engine(start: u64, len: u64, turns: &[Turn]) -> Option<Walk> {
    let (mut pos, mut len) = (start as i64, len);
    let mut bytes = Vec::new();
    for turn in turns.iter().copied().chain([REST]) {
        let offset = (pos - turn.before as i64).max(0);
        let map = |after: u64| {
            let length = (pos - offset) as u64 + after;
            check(pos, offset, length, Kind::Mapped as u16, MapFlags::NONE)
        };
        let Ok(extent) = map(turn.after) else {
            return Some((bytes, End::Refused));
        };
        let source_end = match turn.source_after.map(map) {
            None => None,
            Some(Ok(source)) => Some(source.end()),
            Some(Err(_)) => return Some((bytes, End::Refused)),
        };

        let serves = served(pos, len, extent.end(), source_end);
        let progress = match turn.does {
            Does::All => Progress::Bytes(serves),
            Does::Bytes(count) => Progress::Bytes(count),
            Does::Stop => Progress::Stop,
            Does::Fail => Progress::Failed(()),
        };
        let before = pos as u64;
        let end = match advance(pos, len, serves, turn.stale, progress) {
            Next::Failed(()) => return Some((bytes, End::Failed)),
            Next::TooMuch => return Some((bytes, End::TooMuch)),
            Next::Map { pos: to, len: left } => {
                (pos, len) = (to, left);
                None
            }
            Next::Done { pos: to, len: left } => {
                pos = to;
                let pos = pos as u64;
                Some(End::Done { pos, left })
            }
        };
        bytes.extend(before..pos as u64);
        if let Some(end) = end {
            return Some((bytes, end));
        }
    }
    None
}

/// The same, by taking single bytes off a queue.
fn model(start: u64, len: u64, turns: &[Turn]) -> Walk {
    let mut queue: VecDeque<u64> = (start..start + len).collect();
    let mut taken = Vec::new();
    for turn in turns.iter().copied().chain([REST]) {
        let reach = turn.after.min(turn.source_after.unwrap_or(u64::MAX));
        if reach == 0 {
            return (taken, End::Refused);
        }
        let serves = queue.len().min(reach as usize);
        let takes = match turn.does {
            Does::All => serves,
            Does::Bytes(count) => count as usize,
            Does::Stop => 0,
            Does::Fail => return (taken, End::Failed),
        };
        if takes > serves {
            return (taken, End::TooMuch);
        }
        taken.extend(queue.drain(..takes));
        if queue.is_empty() || (takes == 0 && !turn.stale) {
            break;
        }
    }
    let left = queue.len() as u64;
    let pos = queue.front().copied().unwrap_or(start + len);
    (taken, End::Done { pos, left })
}

/// Compares the two, and checks what is to be seen without a model.
fn check_walk(start: u64, len: u64, turns: &[Turn]) {
    let Some((bytes, end)) = engine(start, len, turns) else {
        panic!("[{start}, +{len}) does not end by {turns:?}");
    };
    // Each byte once, in order, none left out.
    let count = bytes.len() as u64;
    let in_order = bytes.iter().copied().eq(start..start + count);
    assert!(in_order, "{bytes:?} by {turns:?}");
    assert!(count <= len, "{bytes:?} of {len} by {turns:?}");
    if let End::Done { pos, left } = end {
        assert_eq!(pos, start + count, "{turns:?}");
        assert_eq!(pos + left, start + len, "{turns:?}");
    }
    assert_eq!(
        (bytes, end),
        model(start, len, turns),
        "[{start}, +{len}) by {turns:?}"
    );
}

/// IT-7: a mapping that turns stale again and again costs turns, nothing else.
#[test]
fn stale_mappings_lose_no_byte() {
    let stale = |does| Turn {
        stale: true,
        after: 3,
        does,
        ..REST
    };
    let mut turns = vec![stale(Does::Bytes(0)); 1000];
    turns.extend([stale(Does::Bytes(2)), stale(Does::Stop)]);
    let (bytes, end) = engine(5, 9, &turns).expect("an end");
    assert!(bytes.into_iter().eq(5..14));
    assert_eq!(end, End::Done { pos: 14, left: 0 });
}

/// IT-11: of two mappings the shorter one says how far it goes.
#[test]
fn a_short_source_shortens_the_turn() {
    let turn = Turn {
        after: 8,
        source_after: Some(3),
        does: Does::Bytes(4),
        ..REST
    };
    let (_, end) = engine(0, 8, &[turn]).expect("an end");
    assert_eq!(end, End::TooMuch);
}

/// Every script of two turns over a few bytes.
#[test]
fn every_small_walk_is_as_the_model() {
    let does = [
        Does::All,
        Does::Bytes(0),
        Does::Bytes(1),
        Does::Bytes(2),
        Does::Stop,
        Does::Fail,
    ];
    let mut turns = Vec::new();
    for before in [0, 2] {
        for after in 0..4 {
            for source_after in [None, Some(0), Some(1), Some(2)] {
                for stale in [false, true] {
                    turns.extend(does.map(|does| Turn {
                        before,
                        after,
                        source_after,
                        stale,
                        does,
                    }));
                }
            }
        }
    }
    for len in 0..4 {
        for first in &turns {
            for second in &turns {
                check_walk(1, len, &[*first, *second]);
            }
        }
    }
}

fn turn() -> impl Strategy<Value = Turn> {
    let does = prop_oneof![
        4 => Just(Does::All),
        6 => (0u64..12).prop_map(Does::Bytes),
        1 => Just(Does::Stop),
        1 => Just(Does::Fail),
    ];
    // A mapping of no use ends the walk, so there are few of them.
    let after = || prop_oneof![30 => 1u64..24, 1 => Just(0)];
    (
        0u64..24,
        after(),
        proptest::option::of(after()),
        any::<bool>(),
        does,
    )
        .prop_map(|(before, after, source_after, stale, does)| Turn {
            before,
            after,
            source_after,
            stale,
            does,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_walk_is_as_the_model(
        start in prop_oneof![0u64..32, Just(i64::MAX as u64 - 100)],
        len in 0u64..100,
        turns in proptest::collection::vec(turn(), 0..40),
    ) {
        check_walk(start, len, &turns);
    }
}

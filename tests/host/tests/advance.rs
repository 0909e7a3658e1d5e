// SPDX-License-Identifier: GPL-2.0

//! `iter/advance.rs`: one decision at a time. `walk.rs` has whole walks.

use iomap_rs::{
    iter::advance::{advance, check, Defect, Next, Progress},
    mapping::{Kind, MapFlags},
};
use proptest::prelude::*;

use crate::edges::{lengths, offsets};

type Step = Next<&'static str>;

/// 4 of 10 bytes from position 100 on are served.
fn step(stale: bool, progress: Progress<&'static str>) -> Step {
    advance(100, 10, 4, stale, progress)
}

/// IT-6.
#[test]
fn progress_moves_on() {
    let next = Next::Map { pos: 104, len: 6 };
    assert_eq!(step(false, Progress::Bytes(4)), next);
}

/// IT-6: the body may do less than the mapping serves.
#[test]
fn short_progress_maps_again_from_there() {
    let next = Next::Map { pos: 101, len: 9 };
    assert_eq!(step(false, Progress::Bytes(1)), next);
}

/// IT-6, IT-13.
#[test]
fn no_progress_ends_the_walk() {
    let done = Next::Done { pos: 100, len: 10 };
    assert_eq!(step(false, Progress::Bytes(0)), done);
    assert_eq!(step(false, Progress::Stop), done);
}

/// IT-6, IT-13: whether the mapping is stale or not.
#[test]
fn an_error_ends_the_walk() {
    for stale in [false, true] {
        assert_eq!(step(stale, Progress::Failed("why")), Next::Failed("why"));
    }
}

/// IT-6.
#[test]
fn more_than_was_served_is_refused() {
    for stale in [false, true] {
        assert_eq!(step(stale, Progress::Bytes(5)), Next::TooMuch);
        assert_eq!(step(stale, Progress::Bytes(u64::MAX)), Next::TooMuch);
    }
}

/// IT-7.
#[test]
fn a_stale_mapping_is_mapped_again() {
    let all = Next::Map { pos: 100, len: 10 };
    assert_eq!(step(true, Progress::Bytes(0)), all);
    assert_eq!(step(true, Progress::Stop), all);
    let rest = Next::Map { pos: 103, len: 7 };
    assert_eq!(step(true, Progress::Bytes(3)), rest);
}

/// IT-6: also under a stale mapping.
#[test]
fn the_end_of_the_range_ends_the_walk() {
    for stale in [false, true] {
        let next: Step = advance(100, 4, 4, stale, Progress::Bytes(4));
        assert_eq!(next, Next::Done { pos: 104, len: 0 });
    }
}

/// IT-14: an empty request has been mapped once, and that is that.
#[test]
fn an_empty_range_ends_the_walk() {
    for stale in [false, true] {
        let next: Step = advance(100, 0, 0, stale, Progress::Bytes(0));
        assert_eq!(next, Next::Done { pos: 100, len: 0 });
    }
}

/// The C function with its single signed number for what the body did: negative
/// for an error, 0 for nothing. `None` where it warns.
fn as_in_c(pos: u64, len: u64, served: u64, stale: bool, processed: i64) -> Option<Step> {
    let at = |pos: u64, len| Next::Done {
        pos: pos as i64,
        len,
    };
    if processed < 0 {
        return Some(Next::Failed("why"));
    }
    let left: Vec<u64> = (pos..pos + len).skip(processed as usize).collect();
    match (processed as u64, left.first()) {
        (0, _) if !stale => Some(at(pos, len)),
        (bytes, _) if bytes > served => None,
        (_, None) => Some(at(pos + len, 0)),
        (_, Some(&first)) => Some(Next::Map {
            pos: first as i64,
            len: left.len() as u64,
        }),
    }
}

#[test]
fn every_small_step_is_as_in_c() {
    for pos in 0..4 {
        for len in 0..8 {
            for served in 0..=len {
                for processed in -1..10 {
                    for stale in [false, true] {
                        let ways = match processed {
                            -1 => vec![Progress::Failed("why")],
                            0 => vec![Progress::Stop, Progress::Bytes(0)],
                            n => vec![Progress::Bytes(n as u64)],
                        };
                        let expected = as_in_c(pos, len, served, stale, processed);
                        for way in ways {
                            let next = advance(pos as i64, len, served, stale, way);
                            assert_eq!(
                                next,
                                expected.unwrap_or(Next::TooMuch),
                                "[{pos}, +{len}), {served} served, stale {stale}, {way:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Any answer of a filesystem, good or bad.
#[derive(Clone, Copy, Debug)]
struct Answer {
    pos: i64,
    offset: i64,
    length: u64,
    kind: u16,
    flags: MapFlags,
}

/// An answer without a defect.
const GOOD: Answer = Answer {
    pos: 6,
    offset: 4,
    length: 4,
    kind: Kind::Mapped as u16,
    flags: MapFlags::NONE,
};

impl Answer {
    fn check(self) -> Result<(i64, u64), Defect> {
        check(self.pos, self.offset, self.length, self.kind, self.flags)
            .map(|extent| (extent.offset(), extent.length()))
    }

    /// All that is wrong with it, told in 128 bits.
    fn defects(self) -> Vec<Defect> {
        let (pos, offset) = (i128::from(self.pos), i128::from(self.offset));
        let end = offset + i128::from(self.length);
        [
            (self.length == 0, Defect::Empty),
            (offset < 0 || end > u64::MAX.into(), Defect::Overflow),
            (offset > pos, Defect::OffsetPastPos),
            (self.length > 0 && end <= pos, Defect::NotCoveringPos),
            (self.flags.bits() & 0x200 != 0, Defect::Stale),
            (self.kind > 4, Defect::UnknownType),
        ]
        .into_iter()
        .filter_map(|(wrong, defect)| wrong.then_some(defect))
        .collect()
    }
}

/// IT-10, and an unknown type.
#[test]
fn each_defect_has_its_name() {
    assert_eq!(GOOD.check(), Ok((4, 4)));
    let cases = [
        (Answer { length: 0, ..GOOD }, Defect::Empty),
        (Answer { offset: 7, ..GOOD }, Defect::OffsetPastPos),
        (Answer { length: 2, ..GOOD }, Defect::NotCoveringPos),
        (Answer { length: 1, ..GOOD }, Defect::NotCoveringPos),
        (
            Answer {
                offset: -1,
                length: 20,
                ..GOOD
            },
            Defect::Overflow,
        ),
        (
            Answer {
                length: u64::MAX - 3,
                ..GOOD
            },
            Defect::Overflow,
        ),
        (
            Answer {
                flags: MapFlags::STALE.with(MapFlags::NEW),
                ..GOOD
            },
            Defect::Stale,
        ),
        (Answer { kind: 5, ..GOOD }, Defect::UnknownType),
        (
            Answer {
                kind: u16::MAX,
                ..GOOD
            },
            Defect::UnknownType,
        ),
    ];
    for (answer, defect) in cases {
        assert_eq!(answer.check(), Err(defect), "{answer:?}");
        assert_eq!(answer.defects(), [defect], "{answer:?}");
    }
}

/// The first and the last byte of a mapping are its own; flags other than the
/// stale one, and the kind, do not matter.
#[test]
fn good_answers_pass() {
    for pos in 4..8 {
        for kind in 0..=4 {
            for bits in (0..=u16::MAX).filter(|bits| bits & 0x200 == 0) {
                let flags = MapFlags::from_bits(bits);
                let answer = Answer {
                    pos,
                    kind,
                    flags,
                    ..GOOD
                };
                assert_eq!(answer.check(), Ok((4, 4)), "{answer:?}");
            }
        }
    }
    // A whole block, of which i64::MAX is the middle.
    let last = Answer {
        pos: i64::MAX - 1,
        offset: i64::MAX - 2047,
        length: 4096,
        ..GOOD
    };
    assert_eq!(last.check(), Ok((i64::MAX - 2047, 4096)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What passes has no defect; what does not, has the one that is named.
    #[test]
    fn check_finds_what_is_wrong(
        pos in offsets().prop_filter("a file offset", |pos| *pos >= 0),
        offset in offsets(),
        length in lengths(),
        kind in prop_oneof![0u16..6, any::<u16>()],
        bits in prop_oneof![Just(0u16), any::<u16>()],
    ) {
        let flags = MapFlags::from_bits(bits);
        let answer = Answer { pos, offset, length, kind, flags };
        let defects = answer.defects();
        match answer.check() {
            Ok(extent) => {
                prop_assert_eq!(extent, (offset, length));
                prop_assert_eq!(defects, []);
            }
            Err(defect) => prop_assert!(
                defects.contains(&defect),
                "{defect:?} is none of {defects:?}"
            ),
        }
    }

    #[test]
    fn no_number_makes_it_panic(
        pos in offsets(),
        offset in offsets(),
        len in lengths(),
        served in lengths(),
        done in lengths(),
        stale: bool,
    ) {
        let served = served.min(len);
        let next: Step = advance(pos, len, served, stale, Progress::Bytes(done));
        // Whatever comes next, it is not more than there was.
        let left = match next {
            Next::Map { len, .. } | Next::Done { len, .. } => len,
            _ => 0,
        };
        prop_assert!(left <= len);
        prop_assert!(check(pos, offset, len, 2, MapFlags::NONE).is_ok() == (
            offset >= 0 && pos >= offset && len > 0 && len <= u64::MAX - offset as u64
                && pos as u64 - (offset as u64) < len
        ));
    }
}

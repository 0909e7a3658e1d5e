// SPDX-License-Identifier: GPL-2.0

//! Whole writes: the state from the start over all pieces to the end.

use iomap_rs::{
    direct::plan::{
        self, after_data, finisher, plan_read, plan_write, submitted, Finisher, Piece, State,
    },
    mapping::{Kind, MapFlags},
};
use proptest::prelude::*;

use super::{pieces::OVERWRITE, reference::Request};

/// What the issuer of a write asks for.
#[derive(Clone, Copy, Debug)]
struct Issue {
    caller_completes: bool,
    dsync: bool,
    full_sync: bool,
}

impl Issue {
    /// All there are.
    fn all() -> impl Iterator<Item = Self> {
        (0..1 << 3).map(|n: u32| Self {
            caller_completes: n & 1 != 0,
            dsync: n & 2 != 0,
            full_sync: n & 4 != 0,
        })
    }

    fn engine(self) -> State {
        plan::write(self.caller_completes, self.dsync, self.full_sync)
    }

    fn reference(self) -> Request {
        Request::start(self.caller_completes, self.dsync, self.full_sync)
    }
}

/// What became of a request: its state at the end, and for each piece whether
/// its data was written with FUA and whether blocks were zeroed.
type Outcome = (State, Vec<(bool, bool)>);

fn engine(issue: Issue, pieces: &[Piece]) -> Outcome {
    let mut state = issue.engine();
    let mut bios = Vec::new();
    for piece in pieces {
        let plan = plan_write(state, *piece);
        state = after_data(plan.state, plan.fua);
        bios.push((plan.fua, plan.zero));
    }
    (submitted(state), bios)
}

fn reference(issue: Issue, pieces: &[Piece]) -> Outcome {
    let mut request = issue.reference();
    let mut bios = Vec::new();
    for piece in pieces {
        let piece = request.piece(*piece);
        request.data_bio(piece);
        bios.push((piece.fua, piece.zero));
    }
    request.submitted();
    (request.state(), bios)
}

fn check(issue: Issue, pieces: &[Piece]) {
    let outcome = engine(issue, pieces);
    assert_eq!(outcome, reference(issue, pieces), "{issue:?} {pieces:?}");

    // What a user relies on, told without the state in between.
    let (state, bios) = outcome;
    let all_fua = bios.iter().all(|(fua, _)| *fua);
    let syncs = issue.dsync && (issue.full_sync || !all_fua);
    assert_eq!(
        state.contains(State::NEED_SYNC),
        syncs,
        "{issue:?} {pieces:?}"
    );
    let any = |held: fn(&Piece) -> bool| pieces.iter().any(held);
    assert_eq!(
        state.contains(State::UNWRITTEN),
        any(|piece| piece.kind == Kind::Unwritten),
        "{issue:?} {pieces:?}"
    );
    assert_eq!(
        state.contains(State::COW),
        any(|piece| piece.flags.contains(MapFlags::SHARED)),
        "{issue:?} {pieces:?}"
    );
    if pieces.is_empty() {
        // Without a bio the submitter itself runs the end.
        return;
    }
    // Whoever cannot sleep, must not have to.
    match finisher(state, false) {
        Finisher::Completion => panic!("{issue:?} {pieces:?}"),
        Finisher::Issuer => {
            let zeroed = bios.iter().any(|(_, zero)| *zero);
            assert!(!syncs && !zeroed, "{issue:?} {pieces:?}");
            assert!(
                !any(|piece| piece.pos >= piece.i_size),
                "{issue:?} {pieces:?}"
            );
        }
        Finisher::Worker => {}
    }
}

/// Every piece that is any different for the plan.
fn pieces() -> Vec<Piece> {
    let mut pieces = Vec::new();
    for kind in [Kind::Mapped, Kind::Unwritten] {
        for bits in 0..8 {
            for pos in [0, OVERWRITE.i_size] {
                for writes_through in [false, true] {
                    pieces.push(Piece {
                        kind,
                        flags: MapFlags::from_bits(bits),
                        pos,
                        writes_through,
                        ..OVERWRITE
                    });
                }
            }
        }
    }
    pieces
}

/// DIO-3: the end of a read runs where its last bio ends, and it may poll.
#[test]
fn a_read_has_nothing_to_do_at_its_end() {
    let state = submitted(plan_read(plan::READ).state);
    assert_eq!(state, State::INLINE_COMP);
    assert_eq!(finisher(state, false), Finisher::Completion);
    assert_eq!(finisher(state, true), Finisher::Worker);
}

/// DIO-5.
#[test]
fn a_write_starts_with_what_its_issuer_wants() {
    let sync = State::NEED_SYNC;
    assert_eq!(plan::write(false, false, false), State::NONE);
    assert_eq!(plan::write(true, false, false), State::CALLER_COMP);
    let through = sync.with(State::WRITE_THROUGH);
    assert_eq!(plan::write(false, true, false), through);
    // FUA does not write metadata.
    assert_eq!(plan::write(false, true, true), sync);
    for issue in Issue::all() {
        assert_eq!(issue.engine(), issue.reference().state(), "{issue:?}");
    }
}

/// DIO-13: a bio without FUA spoils it for all that follow.
#[test]
fn one_bio_without_fua_costs_a_flush() {
    let dsync = Issue {
        caller_completes: false,
        dsync: true,
        full_sync: false,
    };
    let dirty = Piece {
        flags: MapFlags::DIRTY,
        ..OVERWRITE
    };
    let (state, bios) = engine(dsync, &[OVERWRITE, dirty, OVERWRITE]);
    assert_eq!(bios, [(true, false), (false, false), (false, false)]);
    assert_eq!(state, State::NEED_SYNC);
}

/// DIO-14: all through the cache; also if nothing went to the device at all.
#[test]
fn no_flush_after_writes_with_fua() {
    let dsync = Issue {
        caller_completes: false,
        dsync: true,
        full_sync: false,
    };
    for count in 0..3 {
        let (state, _) = engine(dsync, &vec![OVERWRITE; count]);
        assert_eq!(state, State::WRITE_THROUGH);
    }
}

#[test]
fn every_request_of_two_pieces_is_as_in_the_reference() {
    let pieces = pieces();
    for issue in Issue::all() {
        check(issue, &[]);
        for first in &pieces {
            check(issue, &[*first]);
            for second in &pieces {
                check(issue, &[*first, *second]);
            }
        }
    }
}

fn requests() -> impl Strategy<Value = (Issue, Vec<Piece>)> {
    let issues: Vec<_> = Issue::all().collect();
    // Mostly what keeps FUA going, or the first piece decides it all.
    let piece = prop_oneof![
        6 => Just(OVERWRITE),
        1 => proptest::sample::select(pieces()),
    ];
    (
        proptest::sample::select(issues),
        proptest::collection::vec(piece, 0..12),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn every_request_is_as_in_the_reference((issue, pieces) in requests()) {
        check(issue, &pieces);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The plan for a single piece of a request, by all that it depends on.

use iomap_rs::{
    direct::plan::{plan_read, plan_write, Piece, Plan, State},
    mapping::{Kind, MapFlags},
};

use super::reference::Request;

/// An overwrite in the middle of a file, on a device that writes through.
pub const OVERWRITE: Piece = Piece {
    kind: Kind::Mapped,
    flags: MapFlags::NONE,
    pos: 4096,
    i_size: 65536,
    writes_through: true,
};

/// A write with O_DSYNC, whose end may be left to the issuer.
const DSYNC: State = State::NEED_SYNC
    .with(State::WRITE_THROUGH)
    .with(State::CALLER_COMP);

/// Every state with every piece: both kinds, every set of flags that have a
/// name, and positions around the end of the file.
fn for_all(mut check: impl FnMut(Request, Piece)) {
    let named = [0, 1, 2, 3, 4, 5, 8, 9, 12];
    let flags: Vec<_> = (0..1 << named.len())
        .map(|n: u16| {
            let bits = named.iter().enumerate();
            let bits = bits.map(|(nth, bit)| (n >> nth & 1) << bit);
            MapFlags::from_bits(bits.sum())
        })
        .collect();
    for request in Request::all() {
        for &flags in &flags {
            for kind in [Kind::Mapped, Kind::Unwritten] {
                for writes_through in [false, true] {
                    for pos in [511, 512, 513] {
                        let piece = Piece {
                            kind,
                            flags,
                            pos,
                            i_size: 512,
                            writes_through,
                        };
                        check(request, piece);
                    }
                }
            }
        }
    }
}

#[test]
fn every_piece_is_as_in_the_reference() {
    for_all(|before, piece| {
        let mut after = before;
        let bios = after.piece(piece);
        let expected = Plan {
            state: after.state(),
            fua: bios.fua,
            zero: bios.zero,
        };
        assert_eq!(
            plan_write(before.state(), piece),
            expected,
            "{before:?} {piece:?}"
        );
    });
}

/// DIO-12: what the mapping is otherwise does not matter to a read.
#[test]
fn reads_change_nothing() {
    for request in Request::all() {
        let state = request.state();
        let expected = Plan {
            state,
            fua: false,
            zero: false,
        };
        assert_eq!(plan_read(state), expected);
    }
}

/// DIO-13, by what must not be true.
#[test]
fn fua_is_for_pure_overwrites_that_want_it() {
    let spoilers = MapFlags::NEW.with(MapFlags::SHARED).with(MapFlags::DIRTY);
    for_all(|before, piece| {
        let fua = plan_write(before.state(), piece).fua;
        let spoilt = piece.kind != Kind::Mapped
            || piece.flags.intersects(spoilers)
            || !before.write_through
            || !piece.writes_through;
        assert_eq!(fua, !spoilt, "{before:?} {piece:?}");
    });
}

/// A piece adds what `end_io` is to know and takes away the issuer's part; the
/// rest of the state is others' to change.
#[test]
fn a_piece_changes_no_more_than_it_may() {
    let gained = State::UNWRITTEN.with(State::COW);
    for_all(|before, piece| {
        let before = before.state();
        let after = plan_write(before, piece).state;
        let upper = before.with(gained);
        let lower = before.without(State::CALLER_COMP);
        assert!(upper.contains(after), "{before:?} {after:?}");
        assert!(after.contains(lower), "{before:?} {after:?}");
    });
}

/// DIO-12.
#[test]
fn unwritten_and_new_blocks_are_zeroed_around_the_data() {
    let zero = |kind, flags| {
        let piece = Piece {
            kind,
            flags,
            ..OVERWRITE
        };
        plan_write(State::NONE, piece).zero
    };
    assert!(zero(Kind::Unwritten, MapFlags::NONE));
    assert!(zero(Kind::Mapped, MapFlags::NEW));
    assert!(!zero(Kind::Mapped, MapFlags::NONE));
    assert!(!zero(Kind::Mapped, MapFlags::SHARED.with(MapFlags::DIRTY)));
}

/// DIO-12: flags of one piece stay for all of the request.
#[test]
fn end_io_is_told_of_every_piece() {
    let unwritten = Piece {
        kind: Kind::Unwritten,
        ..OVERWRITE
    };
    let shared = Piece {
        flags: MapFlags::SHARED,
        ..OVERWRITE
    };
    let state = plan_write(State::NONE, unwritten).state;
    let state = plan_write(state, shared).state;
    let state = plan_write(state, OVERWRITE).state;
    assert_eq!(state, State::UNWRITTEN.with(State::COW));
}

/// DIO-15: what a task has to do at the end, is not for the issuer.
#[test]
fn the_issuer_ends_pure_overwrites_only() {
    let keeps = |state, piece| plan_write(state, piece).state.contains(State::CALLER_COMP);
    assert!(keeps(State::CALLER_COMP, OVERWRITE));
    assert!(keeps(DSYNC, OVERWRITE));
    // No FUA, so the device's cache has to be flushed.
    let slow = Piece {
        writes_through: false,
        ..OVERWRITE
    };
    assert!(!keeps(DSYNC, slow));
    // Nobody asked for a flush.
    assert!(keeps(State::CALLER_COMP, slow));
    let unwritten = Piece {
        kind: Kind::Unwritten,
        ..OVERWRITE
    };
    assert!(!keeps(State::CALLER_COMP, unwritten));
}

/// DIO-15: by where the piece starts, not by where it ends.
#[test]
fn the_issuer_does_not_set_a_new_file_size() {
    for (pos, kept) in [(65535, true), (65536, false), (65537, false)] {
        let piece = Piece { pos, ..OVERWRITE };
        let state = plan_write(State::CALLER_COMP, piece).state;
        assert_eq!(state.contains(State::CALLER_COMP), kept, "{pos}");
    }
}

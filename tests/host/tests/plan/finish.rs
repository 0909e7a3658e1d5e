// SPDX-License-Identifier: GPL-2.0

//! Who polls, who runs the end of a request, and what it comes to.

use iomap_rs::direct::plan::{
    after_data, clip_to_size, finisher, may_poll, submitted, Finisher, State,
};
use proptest::prelude::*;

use super::reference::Request;

/// C's numbers; the first two are part of its interface.
#[test]
fn the_state_has_the_bits_of_c() {
    let bits = [
        (State::UNWRITTEN, 0),
        (State::COW, 1),
        (State::CALLER_COMP, 26),
        (State::INLINE_COMP, 27),
        (State::WRITE_THROUGH, 28),
        (State::NEED_SYNC, 29),
    ];
    for (flag, bit) in bits {
        assert_eq!(flag.bits(), 1 << bit);
        assert_eq!(State::from_bits(1 << bit), flag);
    }
}

/// DIO-16.
#[test]
fn only_a_request_without_a_worker_is_polled() {
    for request in Request::all() {
        let polls = request.inline_comp || request.caller_comp;
        assert_eq!(may_poll(request.state()), polls, "{request:?}");
    }
}

/// DIO-31: errors are for a task, which the bio's completion is not.
#[test]
fn the_end_runs_where_it_can() {
    for request in Request::all() {
        for failed in [false, true] {
            let expected = match (request.inline_comp && !failed, request.caller_comp) {
                (true, _) => Finisher::Completion,
                (false, true) => Finisher::Issuer,
                (false, false) => Finisher::Worker,
            };
            assert_eq!(
                finisher(request.state(), failed),
                expected,
                "{request:?}, failed {failed}"
            );
        }
    }
}

/// DIO-13, DIO-14: nothing but the flag in question changes.
#[test]
fn write_through_lasts_as_long_as_fua_does() {
    for before in Request::all() {
        let state = before.state();
        assert_eq!(after_data(state, true), state);
        let spoilt = Request {
            write_through: false,
            ..before
        };
        assert_eq!(after_data(state, false), spoilt.state());

        let need_sync = before.need_sync && !before.write_through;
        let expected = Request {
            need_sync,
            ..before
        };
        assert_eq!(submitted(state), expected.state());
    }
}

/// DIO-32, byte by byte.
#[test]
fn reads_count_up_to_the_end_of_the_file() {
    for i_size in 0..20 {
        for pos in 0..=i_size {
            for bytes in 0..30 {
                let inside = (pos..pos + bytes).filter(|byte| *byte < i_size).count();
                assert_eq!(clip_to_size(false, pos, bytes, i_size), inside as i64);
                assert_eq!(clip_to_size(true, pos, bytes, i_size), bytes);
            }
        }
    }
}

proptest! {
    #[test]
    fn reads_count_as_in_128_bits(pos in 0..i64::MAX, bytes in 0..=i64::MAX, more in 0..=i64::MAX) {
        // A request that starts at the end of the file or later reads nothing.
        // C's sum wraps for a file of i64::MAX bytes; the engine's does not.
        let i_size = pos.saturating_add(more);
        let until = (i128::from(pos) + i128::from(bytes)).min(i_size.into());
        let expected = until - i128::from(pos);
        prop_assert_eq!(i128::from(clip_to_size(false, pos, bytes, i_size)), expected);
        prop_assert_eq!(clip_to_size(true, pos, bytes, i_size), bytes);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! Numbers at which arithmetic breaks, if it does, amid all others.

use proptest::prelude::*;

/// File offsets: any, but often near the smallest, zero and the largest.
pub fn offsets() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        0i64..64,
        -64i64..0,
        (0i64..64).prop_map(|n| i64::MAX - n),
        (0i64..64).prop_map(|n| i64::MIN + n),
    ]
}

/// Lengths and addresses: any, but often near zero, the largest file size and
/// the largest number.
pub fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0u64..64,
        (0u64..128).prop_map(|n| i64::MAX as u64 - 64 + n),
        (0u64..64).prop_map(|n| u64::MAX - n),
    ]
}

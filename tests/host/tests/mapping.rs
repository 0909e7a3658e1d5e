// SPDX-License-Identifier: GPL-2.0

//! `mapping.rs`: kinds, flags and extents against arithmetic in 128 bits, where
//! nothing overflows, and against counting byte by byte.

use iomap_rs::mapping::{sector, served, Extent, Kind, MapFlags, OpFlags, NULL_ADDR};
use proptest::prelude::*;

use crate::edges::{lengths, offsets};

/// The numbers of `<linux/iomap.h>`, put down here once more.
#[test]
fn kinds_have_the_numbers_of_c() {
    let kinds = [
        Kind::Hole,
        Kind::Delalloc,
        Kind::Mapped,
        Kind::Unwritten,
        Kind::Inline,
    ];
    for (number, kind) in (0u16..).zip(kinds) {
        assert_eq!(kind as u16, number);
        assert_eq!(Kind::try_from(number), Ok(kind));
    }
    assert_eq!(NULL_ADDR, u64::MAX);
}

#[test]
fn every_other_number_is_no_kind() {
    for raw in 5..=u16::MAX {
        assert_eq!(Kind::try_from(raw), Err(raw));
    }
}

#[test]
fn mapping_flags_have_the_bits_of_c() {
    let bits = [
        (MapFlags::NEW, 0x1),
        (MapFlags::DIRTY, 0x2),
        (MapFlags::SHARED, 0x4),
        (MapFlags::MERGED, 0x8),
        (MapFlags::BUFFER_HEAD, 0x10),
        (MapFlags::XATTR, 0x20),
        (MapFlags::SIZE_CHANGED, 0x100),
        (MapFlags::STALE, 0x200),
        (MapFlags::PRIVATE, 0x1000),
    ];
    for (flag, bit) in bits {
        assert_eq!(flag.bits(), bit);
    }
    assert_eq!(MapFlags::NONE.bits(), 0);
    assert_eq!(MapFlags::default(), MapFlags::NONE);
}

#[test]
fn operation_flags_have_the_bits_of_c() {
    let bits = [
        (OpFlags::WRITE, 0x1),
        (OpFlags::ZERO, 0x2),
        (OpFlags::REPORT, 0x4),
        (OpFlags::FAULT, 0x8),
        (OpFlags::DIRECT, 0x10),
        (OpFlags::NOWAIT, 0x20),
        (OpFlags::OVERWRITE_ONLY, 0x40),
        (OpFlags::UNSHARE, 0x80),
        (OpFlags::DAX, 0x100),
    ];
    for (flag, bit) in bits {
        assert_eq!(flag.bits(), bit);
    }
    assert_eq!(OpFlags::NONE.bits(), 0);
}

/// A filesystem keeps flags of its own in the bits that the engine does not
/// name: none may get lost.
#[test]
fn flags_round_trip_with_unknown_bits() {
    for bits in 0..=u16::MAX {
        assert_eq!(MapFlags::from_bits(bits).bits(), bits);
        assert_eq!(OpFlags::from_bits(bits.into()).bits(), bits.into());
    }
    assert_eq!(OpFlags::from_bits(u32::MAX).bits(), u32::MAX);
}

/// The set operations, told bit by bit.
fn check_sets(a: u16, b: u16) {
    let (left, right) = (MapFlags::from_bits(a), MapFlags::from_bits(b));
    let has = |bits: u16, n: u32| bits >> n & 1 == 1;

    assert_eq!(
        left.contains(right),
        (0..16).all(|n| has(a, n) || !has(b, n))
    );
    assert_eq!(
        left.intersects(right),
        (0..16).any(|n| has(a, n) && has(b, n))
    );
    for n in 0..16 {
        let (in_a, in_b) = (has(a, n), has(b, n));
        assert_eq!(has(left.with(right).bits(), n), in_a || in_b);
        assert_eq!(has(left.with_if(true, right).bits(), n), in_a || in_b);
        assert_eq!(has(left.with_if(false, right).bits(), n), in_a);
        assert_eq!(has(left.without(right).bits(), n), in_a && !in_b);
    }
}

#[test]
fn flags_are_sets() {
    for a in 0..64 {
        for b in 0..64 {
            check_sets(a, b);
        }
    }
}

#[test]
fn extents_end_at_u64_max_at_the_latest() {
    let largest = i64::MAX as u64;
    let good = [
        (0, 1),
        (0, u64::MAX),
        (1, u64::MAX - 1),
        (i64::MAX, 1),
        // What i64::MAX is when rounded up to a block, and as far as it goes.
        (i64::MAX - 4095, 4096),
        (i64::MAX, u64::MAX - largest),
    ];
    for (offset, length) in good {
        let extent = Extent::new(offset, length).expect("an extent");
        assert_eq!((extent.offset(), extent.length()), (offset, length));
        assert_eq!(extent.end(), offset as u64 + length);
    }
    let bad = [
        // Empty.
        (0, 0),
        (i64::MAX, 0),
        // Before the file.
        (-1, 1),
        (-1, u64::MAX),
        (i64::MIN, 1),
        // Past 64 bits.
        (1, u64::MAX),
        (i64::MAX, u64::MAX - largest + 1),
        (i64::MAX, u64::MAX),
    ];
    for (offset, length) in bad {
        assert_eq!(Extent::new(offset, length), None, "{offset} {length}");
    }
}

/// IT-11, counted byte by byte.
#[test]
fn served_ends_with_the_first_of_request_mapping_and_source() {
    for pos in 0..12 {
        for len in 0..12 {
            for end in 0..24 {
                for source_end in (0..24).map(Some).chain([None]) {
                    let bytes = (pos..pos + len)
                        .take_while(|&byte| byte < end && source_end.is_none_or(|s| byte < s))
                        .count();
                    assert_eq!(
                        served(pos as i64, len, end, source_end),
                        bytes as u64,
                        "[{pos}, +{len}) of a mapping to {end}, source to {source_end:?}"
                    );
                }
            }
        }
    }
}

/// A sector has 512 bytes and starts with the device, not with the mapping.
#[test]
fn sectors_are_counted_on_the_device() {
    assert_eq!(sector(0, 0, 0), 0);
    assert_eq!(sector(4096, 0, 0), 8);
    assert_eq!(sector(4096, 8192, 8192), 8);
    assert_eq!(sector(4096, 8192, 8192 + 512), 9);
    // An odd start, and a position inside of a sector.
    assert_eq!(sector(511, 0, 0), 0);
    assert_eq!(sector(511, 0, 1), 1);
    assert_eq!(sector(1024, 0, 511), 2);
}

proptest! {
    #[test]
    fn all_flags_are_sets(a: u16, b: u16) {
        check_sets(a, b);
    }

    #[test]
    fn extents_are_as_in_128_bits(offset in offsets(), length in lengths(), pos in offsets()) {
        let end = i128::from(offset) + i128::from(length);
        let fits = offset >= 0 && length > 0 && end <= i128::from(u64::MAX);
        let extent = Extent::new(offset, length);
        prop_assert_eq!(extent.is_some(), fits);
        if let Some(extent) = extent {
            prop_assert_eq!(extent.offset(), offset);
            prop_assert_eq!(extent.length(), length);
            prop_assert_eq!(i128::from(extent.end()), end);
            let inside = offset <= pos && i128::from(pos) < end;
            prop_assert_eq!(extent.covers(pos), inside);
            prop_assert!(extent.covers(offset));
        }
    }

    #[test]
    fn served_is_as_in_128_bits(
        pos in offsets().prop_filter("a file offset", |pos| *pos >= 0),
        len in lengths(),
        end in lengths(),
        source_end in proptest::option::of(lengths()),
    ) {
        let pos_wide = i128::from(pos);
        let until = (pos_wide + i128::from(len))
            .min(end.into())
            .min(source_end.unwrap_or(u64::MAX).into());
        let expected = (until - pos_wide).max(0);
        prop_assert_eq!(i128::from(served(pos, len, end, source_end)), expected);
    }

    #[test]
    fn sectors_are_as_in_128_bits(addr in lengths(), offset in 0..=i64::MAX, into in lengths()) {
        // Both the file and the device have the byte.
        let into = into.min((i64::MAX - offset) as u64).min(u64::MAX - addr);
        let pos = offset + into as i64;
        let byte = u128::from(addr) + u128::from(into);
        prop_assert_eq!(u128::from(sector(addr, offset, pos)), byte / 512);
    }

    /// What a filesystem answers may be nonsense: that is no reason to panic.
    #[test]
    fn no_number_makes_it_panic(
        pos in offsets(),
        offset in offsets(),
        a in lengths(),
        b in lengths(),
        c in lengths(),
    ) {
        sector(a, offset, pos);
        prop_assert!(served(pos, a, b, Some(c)) <= a);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `writeback/rules.rs`: what goes into one ioend, what is merged, and where a
//! file ends in a folio.

use iomap_rs::{
    mapping::{Kind, MapFlags},
    writeback::rules::{can_append, can_merge, cut_at, to_write, Summary, ToWrite, MAX_FOLIOS},
};
use proptest::prelude::*;

use crate::edges::{lengths, offsets};

/// 8 KiB at 1 MiB in the file, at sector 1000.
const OPEN: Summary = Summary {
    kind: Kind::Mapped as u16,
    flags: MapFlags::NONE,
    offset: 1 << 20,
    size: 8192,
    sector: 1000,
};

/// What goes on where [`OPEN`] ends.
const NEXT: Summary = Summary {
    kind: Kind::Mapped as u16,
    flags: MapFlags::NONE,
    offset: (1 << 20) + 8192,
    size: 4096,
    sector: 1016,
};

/// Where [`OPEN`]'s bio ends.
const END_SECTOR: u64 = 1016;

/// WB-12.
#[test]
fn what_goes_on_is_appended() {
    assert!(can_append(&OPEN, END_SECTOR, 1, &NEXT));
}

/// WB-12: in the file, and on the device.
#[test]
fn what_does_not_go_on_is_not_appended() {
    for by in [-8192, -1, 1, 4096] {
        let elsewhere = Summary {
            offset: NEXT.offset + by,
            ..NEXT
        };
        assert!(!can_append(&OPEN, END_SECTOR, 1, &elsewhere), "{by}");
    }
    for sector in [0, 1015, 1017, 2000] {
        let elsewhere = Summary { sector, ..NEXT };
        assert!(!can_append(&OPEN, END_SECTOR, 1, &elsewhere), "{sector}");
    }
}

/// WB-12: the sector is that of the bio, since the ioend may be cut at the end of
/// the file.
#[test]
fn the_end_of_the_bio_counts() {
    let cut = Summary { size: 8000, ..OPEN };
    assert!(!can_append(&cut, END_SECTOR, 1, &NEXT));
    let behind_the_cut = Summary {
        offset: OPEN.offset + 8000,
        ..NEXT
    };
    assert!(can_append(&cut, END_SECTOR, 1, &behind_the_cut));
}

/// WB-12.
#[test]
fn an_ioend_has_so_many_folios() {
    assert!(can_append(&OPEN, END_SECTOR, MAX_FOLIOS - 1, &NEXT));
    assert!(!can_append(&OPEN, END_SECTOR, MAX_FOLIOS, &NEXT));
    assert!(!can_append(&OPEN, END_SECTOR, u32::MAX, &NEXT));
}

/// All that an ioend is besides its place: each kind, with each flag that has a
/// name, on or off.
fn natures() -> impl Iterator<Item = (u16, MapFlags)> {
    let named = [0, 1, 2, 3, 4, 5, 8, 9, 12];
    (0..5).flat_map(move |kind| {
        named
            .into_iter()
            .map(move |bit| (kind, MapFlags::from_bits(1 << bit)))
            .chain([(kind, MapFlags::NONE)])
    })
}

/// WB-12: type and SHARED; nothing else that a mapping says.
#[test]
fn kinds_and_shared_blocks_are_kept_apart() {
    for (kind, flags) in natures() {
        for (next_kind, next_flags) in natures() {
            let open = Summary {
                kind,
                flags,
                ..OPEN
            };
            let next = Summary {
                kind: next_kind,
                flags: next_flags,
                ..NEXT
            };
            let shared = |flags: MapFlags| flags.bits() & 1 << 2 != 0;
            let expected = kind == next_kind && shared(flags) == shared(next_flags);
            assert_eq!(
                can_append(&open, END_SECTOR, 1, &next),
                expected,
                "{open:?} {next:?}"
            );
        }
    }
}

/// WB-20: SHARED and whether it is unwritten; other kinds are alike.
#[test]
fn ioends_of_like_blocks_are_merged() {
    for (kind, flags) in natures() {
        for (next_kind, next_flags) in natures() {
            let first = Summary {
                kind,
                flags,
                ..OPEN
            };
            let next = Summary {
                kind: next_kind,
                flags: next_flags,
                ..NEXT
            };
            let shared = |flags: MapFlags| flags.bits() & 1 << 2 != 0;
            let expected = (kind == 3) == (next_kind == 3) && shared(flags) == shared(next_flags);
            assert_eq!(can_merge(&first, &next), expected, "{first:?} {next:?}");
        }
    }
}

/// WB-20.
#[test]
fn ioends_that_adjoin_are_merged() {
    assert!(can_merge(&OPEN, &NEXT));
    for by in [-4096, -1, 1, 4096] {
        let elsewhere = Summary {
            offset: NEXT.offset + by,
            ..NEXT
        };
        assert!(!can_merge(&OPEN, &elsewhere), "{by}");
    }
    for sector in [0, 1015, 1017] {
        assert!(!can_merge(&OPEN, &Summary { sector, ..NEXT }), "{sector}");
    }
    assert!(!can_merge(&NEXT, &OPEN));
}

/// WB-20: by whole sectors of what was written.
#[test]
fn an_ioend_cut_in_a_sector_adjoins_nothing_in_the_file() {
    let cut = Summary { size: 8000, ..OPEN };
    assert!(!can_merge(&cut, &NEXT));
}

/// WB-14: byte by byte, the ones before the end of the file count.
#[test]
fn an_ioend_is_cut_at_the_end_of_the_file() {
    for offset in 0..6 {
        for size in 0..6 {
            for end in 0..14 {
                let expected = (offset..offset + size).filter(|&pos| pos < end).count() as u64;
                let found = cut_at(offset, size as u64, end);
                assert_eq!(found, expected, "{size} at {offset}, up to {end}");
            }
        }
    }
}

/// WB-5: byte by byte.
#[test]
fn what_of_a_folio_is_in_the_file() {
    for pos in (0..40).step_by(8) {
        for i_size in 0..50 {
            let in_file = (pos..pos + 8).filter(|&byte| byte < i_size).count();
            let expected = match in_file {
                8 => ToWrite::Whole,
                0 => ToWrite::Nothing,
                bytes => ToWrite::UpTo(bytes),
            };
            assert_eq!(to_write(pos, 8, i_size), expected, "{pos} of {i_size}");
        }
    }
}

proptest! {
    /// No number of a hostile filesystem, or of a file as large as can be, makes
    /// arithmetic overflow, or a size grow.
    #[test]
    fn no_number_breaks_a_rule(
        first in (any::<u16>(), any::<u16>(), offsets(), lengths(), any::<u64>()),
        next in (any::<u16>(), any::<u16>(), offsets(), lengths(), any::<u64>()),
        end_sector in any::<u64>(),
        folios in any::<u32>(),
        end in offsets(),
    ) {
        let summary = |(kind, flags, offset, size, sector)| Summary {
            kind,
            flags: MapFlags::from_bits(flags),
            offset,
            size,
            sector,
        };
        let (first, next) = (summary(first), summary(next));
        let _ = can_append(&first, end_sector, folios, &next);
        let _ = can_merge(&first, &next);
        prop_assert!(cut_at(first.offset, first.size, end) <= first.size);
        let _ = to_write(first.offset, 1 << 21, end);
    }

    /// Pieces that are appended, then merged, cover the file without a gap.
    #[test]
    fn a_chain_of_appended_pieces_has_no_gap(
        sizes in proptest::collection::vec(1u64..256, 1..40),
    ) {
        let mut open = Summary { size: 0, ..OPEN };
        let mut end_sector = open.sector;
        for blocks in sizes {
            let next = Summary {
                offset: open.offset + open.size as i64,
                size: blocks * 512,
                sector: end_sector,
                ..OPEN
            };
            prop_assert!(can_append(&open, end_sector, 0, &next));
            prop_assert!(can_merge(&open, &next));
            open.size += next.size;
            end_sector += blocks;
        }
    }
}

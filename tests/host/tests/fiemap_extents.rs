// SPDX-License-Identifier: GPL-2.0

//! `report/fiemap_extents.rs`: what a caller of FIEMAP finds in its array.

use iomap_rs::{
    mapping::{Kind, MapFlags},
    report::fiemap_extents::{Delay, Reported},
};
use proptest::prelude::*;

/// Extents that differ in all that they have.
fn extents(count: u64) -> Vec<Reported> {
    let kinds = [Kind::Mapped, Kind::Unwritten, Kind::Delalloc, Kind::Inline];
    (0..count)
        .map(|n| Reported {
            logical: n as i64 * 8192,
            physical: n * 100,
            length: 4096 + n,
            kind: kinds[n as usize % kinds.len()],
            flags: MapFlags::from_bits(n as u16),
        })
        .collect()
}

/// The user's array: takes what fits, and says when there is no room for more.
struct Array {
    room: usize,
    entries: Vec<(Reported, bool)>,
}

impl Array {
    /// Returns whether the array is full.
    fn add(&mut self, extent: Reported, last: bool) -> bool {
        if self.entries.len() < self.room {
            self.entries.push((extent, last));
        }
        self.entries.len() == self.room
    }
}

/// Extents by way of a [`Delay`] into an array of `room` entries, as
/// `report/fiemap.rs` does it.
fn report(extents: &[Reported], room: usize) -> Vec<(Reported, bool)> {
    let mut array = Array {
        room,
        entries: Vec::new(),
    };
    let mut delay = Delay::default();
    for extent in extents {
        if let Some(before) = delay.push(*extent) {
            if array.add(before, false) {
                break;
            }
        }
    }
    if let Some(last) = delay.finish() {
        array.add(last, true);
    }
    array.entries
}

/// FM-2.
#[test]
fn nothing_pushed_nothing_last() {
    assert_eq!(Delay::default().finish(), None);
}

/// FM-2.
#[test]
fn one_extent_is_the_last() {
    let mut delay = Delay::default();
    let extent = extents(1)[0];
    assert_eq!(delay.push(extent), None);
    assert_eq!(delay.finish(), Some(extent));
}

/// FM-2.
#[test]
fn each_extent_waits_for_the_next() {
    let all = extents(3);
    let mut delay = Delay::default();
    assert_eq!(delay.push(all[0]), None);
    assert_eq!(delay.push(all[1]), Some(all[0]));
    assert_eq!(delay.push(all[2]), Some(all[1]));
    assert_eq!(delay.finish(), Some(all[2]));
}

/// FM-2: equal extents are extents of their own.
#[test]
fn nothing_is_merged() {
    let extent = extents(1)[0];
    let mut delay = Delay::default();
    assert_eq!(delay.push(extent), None);
    assert_eq!(delay.push(extent), Some(extent));
    assert_eq!(delay.finish(), Some(extent));
}

/// FM-4: as many as fit, and the file's last extent is marked if it is there,
/// and no other.
#[test]
fn the_array_has_the_first_extents_and_marks_the_last() {
    for count in 0..12 {
        let all = extents(count as u64);
        for room in 1..14 {
            let expected: Vec<_> = all
                .iter()
                .enumerate()
                .take(room)
                .map(|(n, extent)| (*extent, n + 1 == count))
                .collect();
            assert_eq!(report(&all, room), expected, "{count} into {room}");
        }
    }
}

proptest! {
    /// FM-2: what comes out is what went in, one behind.
    #[test]
    fn nothing_is_lost_or_changed(
        numbers in proptest::collection::vec(any::<(i64, u64, u64, u16)>(), 0..40),
    ) {
        let all: Vec<_> = numbers
            .into_iter()
            .map(|(logical, physical, length, bits)| Reported {
                logical,
                physical,
                length,
                kind: Kind::Mapped,
                flags: MapFlags::from_bits(bits),
            })
            .collect();
        let mut delay = Delay::default();
        let mut out = Vec::new();
        for (pushed, extent) in all.iter().enumerate() {
            out.extend(delay.push(*extent));
            prop_assert_eq!(out.len(), pushed);
        }
        out.extend(delay.finish());
        prop_assert_eq!(out, all);
    }
}

// SPDX-License-Identifier: GPL-2.0

//! `report/swap_extents.rs`, against a model that looks at each page of the
//! device: does it lie in a run, is there still room for it.

use iomap_rs::report::swap_extents::{Collector, Pages};
use proptest::prelude::*;

/// 1 << SHIFT bytes make a page of these tests.
const SHIFT: u32 = 2;
const PAGE: u64 = 1 << SHIFT;

#[derive(Clone, Copy, Debug)]
struct Map {
    addr: u64,
    offset: i64,
    length: u64,
}

/// What came of a swap file's mappings.
#[derive(Debug, PartialEq, Eq)]
struct Area {
    extents: Vec<Pages>,
    pages: u64,
    /// Meaningless if there are no pages.
    span: Option<u64>,
}

fn engine(maps: &[Map], shift: u32, max_pages: u64) -> Area {
    let mut collector = Collector::new(shift, max_pages);
    let mut extents: Vec<Pages> = maps
        .iter()
        .filter_map(|map| collector.push(map.addr, map.offset, map.length))
        .collect();
    extents.extend(collector.finish());
    Area {
        extents,
        pages: collector.pages(),
        span: (collector.pages() > 0).then(|| collector.span()),
    }
}

/// Bytes of the device in the order of the file, split where they do not go on,
/// with the file offset that each run starts at.
fn runs(maps: &[Map]) -> Vec<(i64, Vec<u64>)> {
    let mut runs: Vec<(i64, Vec<u64>)> = Vec::new();
    for map in maps {
        for byte in map.addr..map.addr + map.length {
            let first_of_map = byte == map.addr;
            match runs.last_mut() {
                Some((_, run)) if run.last() == Some(&(byte.wrapping_sub(1))) => run.push(byte),
                // Only the first byte of a mapping can start a run.
                _ => {
                    assert!(first_of_map);
                    runs.push((map.offset, vec![byte]));
                }
            }
        }
    }
    runs
}

fn model(maps: &[Map], max_pages: u64) -> Area {
    let mut area = Area {
        extents: Vec::new(),
        pages: 0,
        span: None,
    };
    let (mut lowest, mut highest) = (Vec::new(), Vec::new());
    for (offset, run) in runs(maps) {
        if area.pages == max_pages {
            break;
        }
        let in_run = |byte: u64| run.binary_search(&byte).is_ok();
        let whole: Vec<u64> = (0..=run[run.len() - 1] / PAGE)
            .filter(|page| (0..PAGE).all(|byte| in_run(page * PAGE + byte)))
            .collect();
        let (Some(&first), Some(&last)) = (whole.first(), whole.last()) else {
            continue;
        };
        // The swap code keeps the header's page to itself, and asks for the
        // span before it is known what the header's size leaves out.
        lowest.push(if offset == 0 { first + 1 } else { first });
        highest.push(last);
        let start = area.pages;
        for _ in whole {
            area.pages += u64::from(area.pages < max_pages);
        }
        area.extents.push(Pages {
            start,
            count: area.pages - start,
            block: first,
        });
    }
    if let (Some(lowest), Some(highest)) = (lowest.iter().min(), highest.iter().max()) {
        area.span = Some(highest + 1 - lowest);
    }
    area
}

fn check(maps: &[Map], max_pages: u64) {
    let area = engine(maps, SHIFT, max_pages);
    assert_eq!(
        area,
        model(maps, max_pages),
        "{maps:?}, at most {max_pages}"
    );
    // Swap code numbers pages without a gap.
    let mut next = 0;
    for pages in &area.extents {
        assert_eq!(pages.start, next, "{maps:?}, at most {max_pages}");
        assert!(pages.count > 0, "{maps:?}, at most {max_pages}");
        next += pages.count;
    }
    assert_eq!(next, area.pages, "{maps:?}, at most {max_pages}");
    assert!(next <= max_pages, "{maps:?}, at most {max_pages}");
}

/// Mappings of whole 4 KiB pages, given in pages.
fn collect(maps: &[(u64, i64, u64)]) -> Area {
    let maps: Vec<_> = maps
        .iter()
        .map(|&(addr, offset, length)| Map {
            addr: addr << 12,
            offset: offset << 12,
            length: length << 12,
        })
        .collect();
    engine(&maps, 12, 1000)
}

/// SW-3: the file's order does not matter, only the device's.
#[test]
fn neighbours_on_the_device_merge() {
    let area = collect(&[(100, 0, 5), (105, 5, 5), (110, 90, 5)]);
    let pages = Pages {
        start: 0,
        count: 15,
        block: 100,
    };
    assert_eq!(area.extents, [pages]);
}

/// SW-3: not even if they lie next to each other in the file.
#[test]
fn others_do_not_merge() {
    for second in [0, 99, 106] {
        let area = collect(&[(100, 0, 5), (second, 5, 5)]);
        assert_eq!(area.extents.len(), 2, "{second}");
        assert_eq!(area.pages, 10);
    }
}

/// SW-4: the header's page is handed over, but no page is swapped to it.
#[test]
fn the_header_counts_as_a_page_but_not_for_the_span() {
    let area = collect(&[(100, 0, 10)]);
    assert_eq!((area.pages, area.span), (10, Some(9)));
    assert_eq!(area.extents[0].block, 100);
    // A first mapping that is not the file's first.
    assert_eq!(collect(&[(100, 1, 10)]).span, Some(10));
}

/// SW-6: from the lowest page on the device to the highest, in any order.
#[test]
fn the_span_covers_all_runs() {
    let area = collect(&[(100, 0, 10), (20, 10, 5), (300, 15, 5)]);
    assert_eq!(area.span, Some(305 - 20));
}

/// SW-5: nothing to swap to.
#[test]
fn no_mapping_no_page() {
    assert_eq!(collect(&[]).pages, 0);
}

/// SW-3: a run from the middle of a page to the middle of another.
#[test]
fn runs_are_trimmed_inwards() {
    let run = |addr, length| {
        let map = Map {
            addr,
            offset: 1,
            length,
        };
        engine(&[map], 12, 1000).extents
    };
    let pages = Pages {
        start: 0,
        count: 1,
        block: 1,
    };
    assert_eq!(run(1, 8191), [pages]);
    assert_eq!(run(4096, 8191), [pages]);
    assert_eq!(run(1, 8190), []);
    assert_eq!(run(4097, 8190), []);
}

/// SW-4.
#[test]
fn the_header_says_how_many_pages_there_are_at_most() {
    let map = Map {
        addr: 0,
        offset: 0,
        length: 10 << 12,
    };
    for (max, pages) in [(0, 0), (1, 1), (9, 9), (10, 10), (11, 10)] {
        let area = engine(&[map], 12, max);
        assert_eq!(area.pages, pages);
        assert_eq!(area.extents.len(), usize::from(max > 0));
    }
}

#[test]
fn every_pair_of_small_mappings_is_as_the_model() {
    let mut second = Vec::new();
    for addr in 0..18 {
        for length in 1..10 {
            second.push((addr, length));
        }
    }
    for addr in 0..8 {
        for length in 1..10 {
            for offset in [0, 4] {
                for max_pages in 0..4 {
                    let map = Map {
                        addr,
                        offset,
                        length,
                    };
                    check(&[map], max_pages);
                    for &(addr, length) in &second {
                        let next = Map {
                            addr,
                            offset: offset + 10,
                            length,
                        };
                        check(&[map, next], max_pages);
                    }
                }
            }
        }
    }
}

/// A file's mappings, of which many lie behind the one before.
fn files() -> impl Strategy<Value = Vec<Map>> {
    let map = (proptest::option::of(0u64..200), 1u64..40);
    (0i64..8, proptest::collection::vec(map, 0..10)).prop_map(|(hole, maps)| {
        // Half of the files start with a mapping of their first byte.
        let mut offset = (hole - 4).max(0);
        let mut end = 0;
        maps.into_iter()
            .map(|(addr, length)| {
                let map = Map {
                    addr: addr.unwrap_or(end),
                    offset,
                    length,
                };
                offset += length as i64;
                end = map.addr + length;
                map
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_file_is_as_the_model(maps in files(), max_pages in 0u64..60) {
        check(&maps, max_pages);
    }

    /// Nonsense from a filesystem neither panics nor makes pages of bytes that
    /// it did not give.
    #[test]
    fn no_page_comes_from_nowhere(
        shift in 0u32..20,
        addr in prop_oneof![any::<u64>(), (0u64..10_000).prop_map(|n| u64::MAX - n)],
        length in any::<u64>(),
        offset: i64,
        max_pages in prop_oneof![any::<u64>(), 0u64..9],
    ) {
        let area = engine(&[Map { addr, offset, length }], shift, max_pages);
        prop_assert!(area.pages <= max_pages);
        for pages in area.extents {
            let from = u128::from(pages.block) << shift;
            let to = (u128::from(pages.block) + u128::from(pages.count)) << shift;
            prop_assert!(from >= u128::from(addr));
            prop_assert!(to <= u128::from(addr) + u128::from(length));
        }
    }
}

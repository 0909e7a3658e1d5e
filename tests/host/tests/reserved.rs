// SPDX-License-Identifier: GPL-2.0

//! `buffered/reserved.rs`: which reservations are given back, byte by byte.

use std::cell::Cell;
use std::ops::Range;

use iomap_rs::buffered::reserved::{release, Cached, CachedFolio};
use proptest::prelude::*;

/// Bytes of a block, and of a page: small, so that all cases can be had.
const BLOCK: i64 = 2;
const PAGE: i64 = 4;

/// What lies over a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Missing,
    Clean,
    /// Dirty, and no more is known.
    Dirty,
    /// Dirty in the blocks whose bits are set.
    Blocks(u8),
}

const PAGES: [Page; 7] = [
    Page::Missing,
    Page::Clean,
    Page::Dirty,
    // Marked as a whole, with no block that is: clean blocks in a row.
    Page::Blocks(0b00),
    Page::Blocks(0b01),
    Page::Blocks(0b10),
    Page::Blocks(0b11),
];

/// A page cache; folios may have several pages that are alike.
#[derive(Debug)]
struct Cache {
    /// Each with how many pages it has.
    folios: Vec<(Page, i64)>,
    /// Data that is found once, and gone when it is looked at again.
    vanishes: Cell<Option<i64>>,
}

/// A folio, and where it starts.
struct Folio {
    page: Page,
    start: i64,
    end: i64,
}

impl Cache {
    fn of(pages: &[Page]) -> Self {
        Self {
            folios: pages.iter().map(|&page| (page, 1)).collect(),
            vanishes: Cell::new(None),
        }
    }

    fn folio(&self, pos: i64) -> Option<Folio> {
        let mut start = 0;
        for &(page, pages) in &self.folios {
            let end = start + pages * PAGE;
            if pos < end {
                return (page != Page::Missing).then_some(Folio { page, start, end });
            }
            start = end;
        }
        None
    }

    fn is_dirty(&self, pos: i64) -> bool {
        match self.folio(pos) {
            Some(Folio {
                page: Page::Dirty, ..
            }) => true,
            Some(Folio {
                page: Page::Blocks(set),
                ..
            }) => set >> (pos % PAGE / BLOCK) & 1 != 0,
            _ => false,
        }
    }
}

impl Cached for Cache {
    type Error = &'static str;
    type Folio<'a> = Folio;

    const PAGE: i64 = PAGE;

    fn data(&self, mut range: Range<i64>) -> Result<Option<i64>, Self::Error> {
        let vanishes = self.vanishes.get();
        Ok(range.find(|&pos| self.folio(pos).is_some() || vanishes == Some(pos)))
    }

    fn hole(&self, mut range: Range<i64>) -> Result<i64, Self::Error> {
        if self.vanishes.get() == Some(range.start) {
            self.vanishes.set(None);
        }
        let end = range.end;
        Ok(range.find(|&pos| self.folio(pos).is_none()).unwrap_or(end))
    }

    fn lock(&self, pos: i64) -> Option<Folio> {
        self.folio(pos)
    }
}

impl CachedFolio for Folio {
    fn end(&self) -> i64 {
        self.end
    }

    fn is_dirty(&self) -> bool {
        matches!(self.page, Page::Dirty | Page::Blocks(_))
    }

    fn clean_block(&self, range: Range<i64>) -> Option<Range<i64>> {
        assert!(self.start <= range.start && range.end <= self.end);
        let Page::Blocks(set) = self.page else {
            return None;
        };
        let mut blocks = range.map(|pos| pos / BLOCK * BLOCK);
        let start = blocks.find(|start| set >> (start % PAGE / BLOCK) & 1 == 0)?;
        Some(start..start + BLOCK)
    }
}

/// The bytes that are given back, in the order in which they are.
fn released(cache: &Cache, size: i64, range: Range<i64>) -> Vec<i64> {
    let mut bytes = Vec::new();
    release(cache, size, range, |part| {
        assert!(part.start < part.end, "an empty part");
        bytes.extend(part);
    })
    .unwrap();
    bytes
}

/// DR-1, DR-3: each byte that no dirty block lies over, and all behind the end of
/// the file; each once.
fn expected(cache: &Cache, size: i64, range: Range<i64>) -> Vec<i64> {
    range
        .filter(|&pos| pos >= size || !cache.is_dirty(pos))
        .collect()
}

/// DR-1 to DR-4: four pages, each of which may be anything, with every range of
/// whole blocks, and files that end with a block.
#[test]
fn every_small_cache_keeps_what_is_dirty_alone() {
    let count = PAGES.len();
    for n in 0..count.pow(4) {
        let pages: Vec<_> = (0..4)
            .map(|nth| PAGES[n / count.pow(nth) % count])
            .collect();
        let cache = Cache::of(&pages);
        for start in (0..4 * PAGE).step_by(BLOCK as usize) {
            for end in (start..=4 * PAGE).step_by(BLOCK as usize) {
                for size in (0..=4 * PAGE).step_by(BLOCK as usize) {
                    let mut found = released(&cache, size, start..end);
                    found.sort();
                    assert_eq!(
                        found,
                        expected(&cache, size, start..end),
                        "{start}..{end} of {size} in {pages:?}"
                    );
                }
            }
        }
    }
}

/// DR-3: a file that ends in a dirty block: what of it is behind the end is given
/// back, for the filesystem to round.
#[test]
fn the_end_of_the_file_may_lie_in_a_block() {
    let cache = Cache::of(&[Page::Dirty, Page::Blocks(0b11)]);
    assert_eq!(released(&cache, 5, 0..8), [5, 6, 7]);
    let cache = Cache::of(&[Page::Blocks(0b10), Page::Missing]);
    assert_eq!(released(&cache, 3, 0..8), [0, 1, 3, 4, 5, 6, 7]);
}

/// DR-2: data that is gone when its end is looked for is looked for again.
#[test]
fn data_may_vanish_in_between() {
    let cache = Cache::of(&[Page::Missing, Page::Dirty]);
    cache.vanishes.set(Some(1));
    assert_eq!(released(&cache, 8, 0..8), [0, 1, 2, 3]);
}

/// DR-2: a search that fails leaves the rest alone.
#[test]
fn a_failed_search_punches_nothing_more() {
    struct Broken;
    impl Cached for Broken {
        type Error = &'static str;
        type Folio<'a> = Folio;
        const PAGE: i64 = PAGE;
        fn data(&self, _: Range<i64>) -> Result<Option<i64>, Self::Error> {
            Err("broken")
        }
        fn hole(&self, _: Range<i64>) -> Result<i64, Self::Error> {
            Err("broken")
        }
        fn lock(&self, _: i64) -> Option<Folio> {
            None
        }
    }
    let result = release(&Broken, 8, 0..8, |part| panic!("punched {part:?}"));
    assert_eq!(result, Err("broken"));
}

proptest! {
    /// Folios of several pages.
    #[test]
    fn large_folios_are_kept_by_blocks(
        folios in proptest::collection::vec((0usize..PAGES.len(), 1i64..5), 1..12),
        places in any::<(u16, u16, u16)>(),
    ) {
        let cache = Cache {
            folios: folios.into_iter().map(|(page, pages)| (PAGES[page], pages)).collect(),
            vanishes: Cell::new(None),
        };
        let blocks = cache.folios.iter().map(|(_, pages)| pages).sum::<i64>() * PAGE / BLOCK;
        let at = |place: u16| i64::from(place) % (blocks + 1) * BLOCK;
        let (a, b, size) = (at(places.0), at(places.1), at(places.2));
        let range = a.min(b)..a.max(b);
        let mut found = released(&cache, size, range.clone());
        found.sort();
        prop_assert_eq!(found, expected(&cache, size, range));
    }
}

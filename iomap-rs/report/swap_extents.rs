// SPDX-License-Identifier: GPL-2.0

//! From mappings to the page-aligned extents that a swap area is made of.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `iomap_swapfile_add_extent()` of `fs/iomap/swapfile.c`.

/// Pages that lie next to each other on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The first one's number in the swap area.
    pub start: u64,
    /// How many there are, at least one.
    pub count: u64,
    /// The first one's number on the device.
    pub block: u64,
}

/// A run of bytes on the device that mappings made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    addr: u64,
    length: u64,
    /// Whether it starts with the first byte of the file, which is the header's.
    has_header: bool,
}

/// Collects the mappings of a swap file.
///
/// Where they lie in the file does not matter: the swap code numbers the pages
/// in the order in which it gets them. It deals in whole pages of the device,
/// so runs are trimmed inwards; a run without a whole page is dropped.
#[derive(Debug)]
pub struct Collector {
    page_shift: u32,
    max_pages: u64,
    run: Option<Run>,
    pages: u64,
    /// Page numbers on the device, the header's page left out.
    lowest: u64,
    highest: u64,
}

impl Collector {
    /// Collects up to `max_pages` pages of `1 << page_shift` bytes.
    pub const fn new(page_shift: u32, max_pages: u64) -> Self {
        Self {
            page_shift,
            max_pages,
            run: None,
            pages: 0,
            lowest: u64::MAX,
            highest: 0,
        }
    }

    /// Takes a mapping of `length` bytes at byte `addr` of the device, from byte
    /// `offset` of the file. If it does not go on where the last one ended,
    /// gives back the pages before.
    pub fn push(&mut self, addr: u64, offset: i64, length: u64) -> Option<Pages> {
        if let Some(run) = &mut self.run {
            if run.addr.checked_add(run.length) == Some(addr) {
                run.length = run.length.saturating_add(length);
                return None;
            }
        }
        let next = Run {
            addr,
            length,
            has_header: offset == 0,
        };
        self.run.replace(next).and_then(|run| self.cut(run))
    }

    /// The pages of the last mappings.
    pub fn finish(&mut self) -> Option<Pages> {
        self.run.take().and_then(|run| self.cut(run))
    }

    /// The whole pages of a run, as many as still fit.
    fn cut(&mut self, run: Run) -> Option<Pages> {
        let room = self.max_pages.saturating_sub(self.pages);
        let mask = 1u64.wrapping_shl(self.page_shift).wrapping_sub(1);
        let first = run.addr.saturating_add(mask).wrapping_shr(self.page_shift);
        let next = run
            .addr
            .saturating_add(run.length)
            .wrapping_shr(self.page_shift);
        if room == 0 || first >= next {
            return None;
        }
        // The header's page is the area's, but holds no swapped page.
        let lowest = first.saturating_add(run.has_header.into());
        self.lowest = self.lowest.min(lowest);
        self.highest = self.highest.max(next.saturating_sub(1));
        let pages = Pages {
            start: self.pages,
            count: next.saturating_sub(first).min(room),
            block: first,
        };
        self.pages = self.pages.saturating_add(pages.count);
        Some(pages)
    }

    /// Pages so far, the header's included.
    pub const fn pages(&self) -> u64 {
        self.pages
    }

    /// From the lowest to the highest page on the device, in pages.
    pub const fn span(&self) -> u64 {
        self.highest.wrapping_add(1).wrapping_sub(self.lowest)
    }
}

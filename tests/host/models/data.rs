// SPDX-License-Identifier: GPL-2.0

//! Memory that several have a part of, until the last of them is done with it.

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Parts of a folio or of a request. A reader sees what was filled only if
/// something else has ordered the two.
pub struct Data {
    parts: Vec<AtomicBool>,
    ends: AtomicUsize,
}

impl Data {
    /// `parts` parts, all to be filled.
    pub fn new(parts: usize) -> Self {
        Self {
            parts: (0..parts).map(|_| AtomicBool::new(false)).collect(),
            ends: AtomicUsize::new(0),
        }
    }

    /// Fills a part. Nobody may have ended it.
    pub fn fill(&self, part: usize) {
        assert_eq!(self.ends.load(Relaxed), 0, "it was ended before");
        self.parts[part].store(true, Relaxed);
    }

    /// The last one is done: all that was filled is seen, and nobody else comes
    /// here.
    pub fn end(&self) {
        for (nth, part) in self.parts.iter().enumerate() {
            assert!(part.load(Relaxed), "part {nth} is not seen");
        }
        assert_eq!(self.ends.fetch_add(1, Relaxed), 0, "it ended twice");
    }

    /// How often it was ended, after all threads are gone.
    pub fn ends(&self) -> usize {
        self.ends.load(Relaxed)
    }
}

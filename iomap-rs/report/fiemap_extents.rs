// SPDX-License-Identifier: GPL-2.0

//! From mappings to what FIEMAP says of them.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `iomap_to_fiemap()` of `fs/iomap/fiemap.c`.

use crate::mapping::{Kind, MapFlags};

/// What FIEMAP says of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// First byte, as an offset in the file. The mapping's, even if the request
    /// starts later.
    pub logical: i64,
    /// Where it lies on the device, in bytes; 0 if nowhere.
    pub physical: u64,
    /// Length in bytes.
    pub length: u64,
    /// What stands behind it; no hole.
    pub kind: Kind,
    /// What the filesystem said of it.
    pub flags: MapFlags,
}

/// Holds each extent back until the next one comes or the walk has ended: the last one of
/// the walk is reported as `FIEMAP_EXTENT_LAST`, even if the file goes on behind the
/// requested range, as in C.
#[derive(Debug, Default)]
pub struct Delay(Option<Reported>);

impl Delay {
    /// Takes the next extent, and gives back the one before.
    #[inline]
    pub fn push(&mut self, next: Reported) -> Option<Reported> {
        self.0.replace(next)
    }

    /// The extent that no other followed.
    #[inline]
    pub fn finish(self) -> Option<Reported> {
        self.0
    }
}

// SPDX-License-Identifier: GPL-2.0

//! The ways in which a disk is used while it is pulled out, each of a file of its own.

use std::ops::Range;

use crate::data::pattern::Stamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Appends through the page cache, and syncs.
    Buffered,
    /// Appends by direct writes that are synchronous.
    Direct,
    /// Appends by several direct writes at once, and syncs.
    Queued,
    /// Appends, cuts off and appends again parts of blocks that are not in memory.
    Cut,
    /// Stores through a mapping, and syncs.
    Stores,
    /// Reads by direct I/O what was there before.
    Reader,
    /// Reads it through the page cache, which has nothing of it.
    Cached,
    /// Loads it through a mapping, of which nothing is in memory.
    Loads,
}

/// Bytes of one round.
pub const RECORD: usize = 64 * 1024;

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Buffered,
        Self::Direct,
        Self::Queued,
        Self::Cut,
        Self::Stores,
        Self::Reader,
        Self::Cached,
        Self::Loads,
    ];

    /// The name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Direct => "direct",
            Self::Queued => "queued",
            Self::Cut => "cut",
            Self::Stores => "stores",
            Self::Reader => "reader",
            Self::Cached => "cached",
            Self::Loads => "loads",
        }
    }

    /// How its file is open.
    pub fn flags(self) -> libc::c_int {
        match self {
            Self::Direct => libc::O_DIRECT | libc::O_DSYNC,
            Self::Queued | Self::Reader => libc::O_DIRECT,
            Self::Buffered | Self::Cut | Self::Stores | Self::Cached | Self::Loads => 0,
        }
    }

    /// Whether its file is complete from the start, and never changes.
    pub fn is_reader(self) -> bool {
        matches!(self, Self::Reader | Self::Cached | Self::Loads)
    }

    /// Whether it has its file mapped.
    pub fn is_mapped(self) -> bool {
        matches!(self, Self::Stores | Self::Loads)
    }

    /// Rounds after which it starts anew, over what is there already. Stores soon find
    /// pages that have to be read.
    pub fn records(self) -> u64 {
        match self {
            Self::Buffered | Self::Direct | Self::Queued | Self::Cut => 256,
            Self::Stores | Self::Reader | Self::Cached | Self::Loads => 16,
        }
    }

    /// Where a round's record is.
    pub fn offset(self, round: u64) -> u64 {
        round % self.records() * RECORD as u64
    }

    /// Of a file that is written another one each time that it starts anew.
    pub fn stamp(self, round: u64) -> Stamp {
        let generation = match self.is_reader() {
            true => 0,
            false => round / self.records(),
        };
        Stamp {
            file: 1 + self as u8,
            generation: u32::try_from(1 + generation).unwrap_or(u32::MAX),
        }
    }

    /// The rounds whose records must be there if so many have been synced.
    pub fn lasting(self, synced: u64) -> Range<u64> {
        if self.is_reader() {
            return 0..self.records();
        }
        let oldest = match self {
            // The first round cuts off all that the time before has left.
            Self::Cut => synced / self.records() * self.records(),
            // The round that has failed may have begun to take the oldest one's place.
            _ => synced.saturating_sub(self.records() - 1),
        };
        oldest..synced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_last_has_not_been_written_over() {
        for role in Role::ALL {
            for synced in [0, 1, 15, 16, 17, 255, 256, 257, 600] {
                let lasting = role.lasting(synced);
                let taken = role.offset(synced);
                let place_is_free = |round| role.is_reader() || role.offset(round) != taken;
                assert!(lasting.clone().all(place_is_free), "{role:?}, {synced}");
                assert!(role.is_reader() || lasting.end == synced);
            }
        }
        assert_eq!(Role::Cut.lasting(256), 256..256);
        assert_eq!(Role::Stores.lasting(20), 5..20);
    }
}

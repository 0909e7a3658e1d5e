// SPDX-License-Identifier: GPL-2.0

//! Walks a file range mapping by mapping.
//!
//! ```text
//!   for each mapping:   begin -> check -> body -> end -> advance
//! ```
//!
//! Stands for `fs/iomap/iter.c`. [`advance`] has the decisions.

pub mod advance;

use crate::{
    mapping::MapFlags,
    operations::{Map, Purpose, Range},
    vfs::{self, warn_once, Inode, IterState, Mapping, Maps, Warning},
};
use advance::{check, Defect, Next};
use kernel::prelude::*;

/// What the body of a walk did with a mapping.
pub type Progress = advance::Progress<Error>;

/// How a walk ended. `end` was called for each mapping.
#[must_use = "the walk may have failed"]
pub struct Walked {
    /// The first byte that was not dealt with, as an offset in the file.
    pub pos: i64,
    /// How many bytes of the range were not dealt with.
    pub remaining: u64,
    /// Whether there was an error.
    pub result: Result,
}

/// A walk over a range of a file, not begun. C: `struct iomap_iter` with its
/// `struct iomap_ops`.
pub struct Iter<'a, P: Purpose, M: Map<P>> {
    inode: &'a Inode,
    range: Range,
    request: P::Request,
    mapper: &'a M,
}

impl<'a, P: Purpose, M: Map<P>> Iter<'a, P, M> {
    /// A walk over `range` of `inode`, with the mappings that `mapper` finds.
    #[inline]
    pub fn new(inode: &'a Inode, range: Range, request: P::Request, mapper: &'a M) -> Self {
        Self {
            inode,
            range,
            request,
            mapper,
        }
    }

    /// Calls `body` for one mapping after the other, until the range is done,
    /// `body` stops, or there is an error. Task context; sleeps as the
    /// filesystem's hooks do. Does not look at signals, nor reschedule.
    ///
    /// # Errors
    ///
    /// The filesystem's or `body`'s; [`EIO`], with a warning, for a mapping that
    /// cannot be used.
    ///
    /// C: the loop around `iomap_iter()`.
    #[inline]
    pub fn for_each(self, body: impl FnMut(&IterState<'a>) -> Progress) -> Walked {
        let Self {
            inode,
            range: Range { pos, len },
            request,
            mapper,
        } = self;
        let flags = P::flags(request);
        IterState::with(inode, pos, len, flags, mapper.client(), |state| {
            let turns = Turns::<P, M> {
                state,
                request,
                mapper,
            };
            let result = turns.all(body);
            Walked {
                pos: state.pos(),
                remaining: state.remaining(),
                result,
            }
        })
    }
}

/// One turn of a walk whose state C keeps: tells the filesystem what C has put
/// into the state as processed, if anything was mapped, and maps what is next.
/// `false` if nothing is. C: `iomap_iter()`, for `fs/dax.c`.
#[cfg(any(not(MODULE), iomap_rs_live))]
pub(crate) fn turn<'a, P: Purpose, M: Map<P>>(
    state: &IterState<'a>,
    request: P::Request,
    mapper: &'a M,
) -> Result<bool> {
    let turns = Turns {
        state,
        request,
        mapper,
    };
    if state.map().length() == 0 {
        vfs::trace::iter(state, || mapper.client());
        state.clear();
    } else {
        let progress = match state.processed() {
            0 => Progress::Stop,
            bytes @ 1.. => Progress::Bytes(bytes as u64),
            errno => Progress::Failed(Error::from_errno(errno as i32)),
        };
        if !turns.go_on(progress)? {
            return Ok(false);
        }
    }
    turns.begin()?;
    Ok(true)
}

/// The turns of a walk.
struct Turns<'t, 'a, P: Purpose, M: Map<P>> {
    state: &'t IterState<'a>,
    request: P::Request,
    mapper: &'a M,
}

// `derive` would demand that `P` and `M` be `Clone`, too.
impl<P: Purpose, M: Map<P>> Clone for Turns<'_, '_, P, M> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Purpose, M: Map<P>> Copy for Turns<'_, '_, P, M> {}

impl<'a, P: Purpose, M: Map<P>> Turns<'_, 'a, P, M> {
    #[inline]
    fn all(self, mut body: impl FnMut(&IterState<'a>) -> Progress) -> Result {
        vfs::trace::iter(self.state, || self.mapper.client());
        loop {
            self.begin()?;
            if !self.go_on(body(self.state))? {
                return Ok(());
            }
        }
    }

    /// Moves on after a mapping; `false` if nothing is left to map.
    #[inline]
    fn go_on(self, progress: Progress) -> Result<bool> {
        match self.finish(progress)? {
            Next::Map { pos, len } => {
                self.state.set_range(pos, len);
                self.state.clear();
                Ok(true)
            }
            Next::Done { pos, len } => {
                self.state.set_range(pos, len);
                Ok(false)
            }
            Next::Failed(error) => Err(error),
            Next::TooMuch => {
                warn_once(Warning::TooMuchProcessed);
                Err(EIO)
            }
        }
    }

    /// What the filesystem is asked for, or told of, next.
    #[inline]
    fn range(self, len: u64) -> Range {
        Range {
            pos: self.state.pos(),
            len,
        }
    }

    /// Gets the mapping at the position.
    #[inline]
    fn begin(self) -> Result {
        let maps = Maps { state: self.state };
        let range = self.range(self.state.remaining());
        self.mapper
            .begin(self.state.inode(), range, self.request, maps)?;
        if let Err(defect) = self.check() {
            return Err(self.reject(defect));
        }
        vfs::trace::mapped(self.state);
        Ok(())
    }

    /// Whether the filesystem's answer can be used.
    #[inline]
    fn check(self) -> Result<(), Defect> {
        let pos = self.state.pos();
        let check =
            |map: &Mapping<'_>| check(pos, map.offset(), map.length(), map.raw_kind(), map.flags());
        check(self.state.map())?;
        match self.state.distinct_source() {
            Some(source) => check(source).map(|_| ()).map_err(|_| Defect::BadSource),
            None => Ok(()),
        }
    }

    /// Reports a mapping that cannot be used and gives it back.
    #[cold]
    fn reject(self, defect: Defect) -> Error {
        warn_once(match defect {
            Defect::OffsetPastPos => Warning::OffsetPastPos,
            Defect::Empty => Warning::EmptyMapping,
            Defect::NotCoveringPos => Warning::NotCoveringPos,
            Defect::Stale => Warning::StaleMapping,
            Defect::UnknownType => Warning::UnknownType,
            Defect::Overflow => Warning::RangeOverflow,
            Defect::BadSource => Warning::BadSourceMapping,
        });
        vfs::trace::mapped(self.state);
        // The filesystem may hold locks or transactions for the mapping. That it
        // fails to drop them is no better than what it did before.
        let _ = self.end(self.state.length(), 0);
        EIO
    }

    /// Tells the filesystem what was done, and decides what comes next.
    #[inline]
    fn finish(self, progress: Progress) -> Result<Next<Error>> {
        let (written, processed) = match &progress {
            Progress::Bytes(bytes) => (*bytes, *bytes as i64),
            Progress::Stop => (0, 0),
            Progress::Failed(error) => (0, error.to_errno().into()),
        };
        self.state.set_processed(processed);
        let ended = self.end(self.state.length(), written);
        if processed == 0 {
            ended?;
        }
        vfs::trace::iter(self.state, || self.mapper.client());
        // Read anew: the filesystem may have changed the mapping when it ended.
        let stale = self.state.map().flags().contains(MapFlags::STALE);
        let served = self.state.length();
        let (pos, len) = (self.state.pos(), self.state.remaining());
        Ok(advance::advance(pos, len, served, stale, progress))
    }

    #[inline]
    fn end(self, served: u64, written: u64) -> Result {
        let range = self.range(served);
        self.mapper.end(self.state, range, written, self.request)
    }
}

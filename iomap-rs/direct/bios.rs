// SPDX-License-Identifier: GPL-2.0

//! Bios for the part of a request that lies on a device.
//!
//! ```text
//!        block                                  block
//!   |-----------|-----------|-----------|-----------|
//!   |00000| data                           |00000000|     0: zeroed, if the
//!         pos                              end            block is new or the
//!   head bio, data bios ...                tail bio       file ends there
//! ```
//!
//! Stands for `iomap_dio_bio_iter()` and `iomap_dio_zero()`.

use super::{
    plan::{self, Piece, Plan, State},
    Dio,
};
use crate::{
    iter::Progress,
    operations::DirectHooks,
    vfs::{
        account_write, warn_once, ArmedBio, Bio, BlockDevice, IovIter, IterState, Opf, Submission,
        Warning, ZeroPages,
    },
};
use kernel::prelude::*;

/// Transfers what the current mapping serves, as far as it goes.
#[inline]
pub(super) fn transfer<H: DirectHooks>(
    state: &IterState<'_>,
    dio: &Submission<Dio<H>>,
    iter: &mut IovIter,
) -> Progress {
    let map = state.map();
    let Some(bdev) = map.bdev() else {
        warn_once(Warning::DioNoBdev);
        return Progress::Failed(EIO);
    };
    let length = state.length();
    if !plan::is_aligned(state.pos(), length, bdev.logical_block_size())
        || !iter.is_aligned_for(bdev)
    {
        return Progress::Failed(EINVAL);
    }

    let inode = state.inode();
    let plan = if dio.is_write() {
        let piece = Piece {
            kind: map.kind(),
            flags: map.flags(),
            pos: state.pos(),
            i_size: inode.size(),
            writes_through: bdev.writes_through(),
        };
        plan::plan_write(dio.state(), piece)
    } else {
        plan::plan_read(dio.state())
    };
    dio.set_state(plan.state);
    let part = Part {
        state,
        dio,
        bdev,
        plan,
    };
    let mut copied = 0;
    // The memory may reach beyond this mapping.
    let result = iter.with_limit(length, |iter| part.submit(iter, &mut copied));
    match result {
        // What was submitted will be transferred: it counts. Whatever is wrong
        // is met again, at the position reached.
        _ if copied > 0 => Progress::Bytes(copied as u64),
        Ok(()) => Progress::Stop,
        Err(error) => Progress::Failed(error),
    }
}

/// How far the data of a mapping got.
enum Data {
    /// All of it is on its way.
    Submitted,
    /// A bio of the request has failed meanwhile.
    Abandoned,
}

/// The part of a request that one mapping serves.
struct Part<'a, 's, H> {
    state: &'a IterState<'s>,
    dio: &'a Submission<Dio<H>>,
    bdev: &'a BlockDevice,
    plan: Plan,
}

impl<H: DirectHooks> Part<'_, '_, H> {
    /// Submits padding and data; `copied` counts the data. An error does not
    /// undo what was submitted before it.
    #[inline]
    fn submit(&self, iter: &mut IovIter, copied: &mut usize) -> Result {
        if iter.count() == 0 {
            return Ok(());
        }
        let inode = self.state.inode();
        let start = self.state.pos();
        if !plan::may_poll(self.plan.state) {
            self.dio.iocb.clear_polled();
        }
        // Data that ran out in a block and goes on there has its head already.
        if self.plan.zero && self.dio.size() == 0 {
            let pad = plan::head_pad(start, inode.block_size());
            self.zero(start.wrapping_sub(pad.into()), pad)?;
        }

        let result = match self.submit_data(iter, copied) {
            // The request is lost: nothing more is submitted for it.
            Ok(Data::Abandoned) => return Ok(()),
            Ok(Data::Submitted) => Ok(()),
            Err(error) => Err(error),
        };
        if !self.dio.is_write() {
            return result;
        }
        let end = start.wrapping_add(*copied as i64);
        let pad = plan::tail_pad(self.plan.zero, end, inode.size(), inode.block_size());
        // Even if data ran out early: stale data behind it must not be exposed.
        let padded = self.zero(end, pad);
        result.and(padded)
    }

    /// Submits bios until `iter` is used up, or a bio has failed.
    #[inline]
    fn submit_data(&self, iter: &mut IovIter, copied: &mut usize) -> Result<Data> {
        let dio = self.dio;
        let opf = if dio.is_write() {
            dio.set_state(plan::after_data(dio.state(), self.plan.fua));
            Opf::DIRECT_WRITE.with_fua(self.plan.fua)
        } else {
            Opf::READ
        };
        let mut vecs = iter.vecs_to_alloc(Bio::MAX_VECS);
        loop {
            if dio.error() != 0 {
                return Ok(Data::Abandoned);
            }
            let pos = self.state.pos().wrapping_add(*copied as i64);
            let mut bio = self.alloc(pos, vecs, opf)?;
            bio.set_hints(self.state.inode(), &dio.iocb);
            bio.add_iter(iter)?;

            let bytes = bio.size();
            if dio.is_write() {
                account_write(bytes as usize);
            } else if dio.state().contains(State::DIRTIES_PAGES) {
                bio.set_pages_dirty();
            }
            dio.add_size(bytes.into());
            *copied = copied.saturating_add(bytes as usize);

            vecs = iter.vecs_to_alloc(Bio::MAX_VECS);
            if vecs == 0 {
                self.submit_bio(bio, pos);
                return Ok(Data::Submitted);
            }
            // One of several cannot be polled for.
            dio.iocb.clear_polled();
            self.submit_bio(bio, pos);
        }
    }

    /// A bio for the data at file offset `pos`.
    #[inline]
    fn alloc(&self, pos: i64, vecs: u16, opf: Opf) -> Result<Bio> {
        let mut bio = Bio::alloc(self.bdev, vecs, opf, self.dio.hooks.bio_set())?;
        bio.set_crypt_ctx(self.state.inode(), pos);
        bio.set_sector(self.state.map().sector(pos));
        Ok(bio)
    }

    /// Writes `bytes` zeros at file offset `pos`.
    #[inline]
    fn zero(&self, pos: i64, bytes: u32) -> Result {
        if bytes == 0 {
            return Ok(());
        }
        self.zero_pad(pos, bytes)
    }

    fn zero_pad(&self, pos: i64, bytes: u32) -> Result {
        if bytes > ZeroPages::SIZE {
            warn_once(Warning::DioBlockTooLarge);
            return Err(EINVAL);
        }
        let mut bio = self.alloc(pos, ZeroPages::vecs(bytes), Opf::DIRECT_WRITE)?;
        ZeroPages::add_to(&mut bio, bytes)?;
        self.submit_bio(bio, pos);
        Ok(())
    }

    #[inline]
    fn submit_bio(&self, bio: Bio, pos: i64) {
        let iocb = &self.dio.iocb;
        let mut bio: ArmedBio = bio.arm(self.dio.share());
        // A synchronous request waits for all of its bios instead.
        if iocb.is_polled() && !iocb.is_sync() {
            bio.set_polled(iocb);
        }
        self.dio.hooks.submit_io(self.state, bio, pos);
    }
}

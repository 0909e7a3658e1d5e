// SPDX-License-Identifier: GPL-2.0

//! What each of the crowd does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use rustix::fs::{fadvise, fallocate, Advice, FallocateFlags};

use super::{Crowd, DIRECT, END, MIXED};
use crate::data::mirror::open;
use crate::data::random::Random;
use crate::fs::{KIB, SECTOR};
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::sys::sync_range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Writes every fourth sector by `pwrite`, starting with that one.
    Buffered(usize),
    /// Stores through a mapping to every fourth sector.
    Stores,
    /// Punches holes, zeros and writes every fourth sector.
    Zeros,
    /// Writes a part of the file by direct I/O.
    Direct,
    /// Cuts the end of the file off and appends it again.
    Truncates,
    Reader,
    /// Writes back and drops pages.
    Flusher,
}

const WRITERS_OF_MIXED: usize = 4;
const STEPS: usize = 400;
const LONGEST: usize = 64 * KIB;

pub fn run(crowd: &Crowd, role: Role, seed: u64) -> Result<()> {
    let mut worker = Worker::new(crowd, seed)?;
    match role {
        Role::Buffered(first) => worker.repeat(|w| w.write_own(first)),
        Role::Stores => worker.repeat(Worker::store_own),
        Role::Zeros => worker.repeat(Worker::zero_own),
        Role::Direct => worker.repeat(Worker::write_direct),
        Role::Truncates => worker.repeat(Worker::move_end),
        Role::Reader => worker.until_done(Worker::read_any),
        Role::Flusher => worker.until_done(Worker::flush),
    }
}

struct Worker<'a> {
    crowd: &'a Crowd,
    random: Random,
    buffered: File,
    direct: File,
    mapping: FileMapping,
    memory: AlignedBuf,
}

impl<'a> Worker<'a> {
    fn new(crowd: &'a Crowd, seed: u64) -> Result<Self> {
        let buffered = open(&crowd.path, 0)?;
        Ok(Self {
            crowd,
            random: Random::new(seed),
            direct: open(&crowd.path, libc::O_DIRECT)?,
            mapping: FileMapping::new(&buffered, MIXED)?,
            buffered,
            memory: AlignedBuf::new(LONGEST)?,
        })
    }

    fn repeat(&mut self, step: impl Fn(&mut Self) -> Result<()>) -> Result<()> {
        (0..STEPS).try_for_each(|number| step(self).with_context(|| format!("step {number}")))
    }

    fn until_done(&mut self, step: impl Fn(&mut Self) -> Result<()>) -> Result<()> {
        while self.crowd.writing.load(Ordering::SeqCst) > 0 {
            step(self)?;
        }
        Ok(())
    }

    /// A sector of the mixed part that belongs to one of its writers.
    fn own_sector(&mut self, writer: usize) -> usize {
        let count = MIXED / SECTOR / WRITERS_OF_MIXED;
        (self.random.below(count) * WRITERS_OF_MIXED + writer) * SECTOR
    }

    fn data(&mut self, offset: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.crowd.ledger.begin_data(&mut bytes, offset);
        bytes
    }

    fn write_own(&mut self, writer: usize) -> Result<()> {
        let offset = self.own_sector(writer);
        let bytes = self.data(offset, SECTOR);
        self.buffered
            .write_all_at(&bytes, offset as u64)
            .context("buffered write")?;
        self.crowd.ledger.complete(offset, SECTOR);
        Ok(())
    }

    fn store_own(&mut self) -> Result<()> {
        let offset = self.own_sector(2);
        let bytes = self.data(offset, SECTOR);
        self.mapping.write(offset, &bytes)?;
        self.crowd.ledger.complete(offset, SECTOR);
        Ok(())
    }

    fn zero_own(&mut self) -> Result<()> {
        if self.random.below(2) == 0 {
            return self.write_own(3);
        }
        let offset = self.own_sector(3);
        self.crowd.ledger.begin_zeros(offset, SECTOR);
        let flags = match self.random.below(2) {
            0 if self.crowd.allocates => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            1 if self.crowd.zeroes => FallocateFlags::ZERO_RANGE,
            _ => FallocateFlags::empty(),
        };
        if flags.is_empty() {
            self.buffered.write_all_at(&[0; SECTOR], offset as u64)?;
        } else {
            fallocate(&self.buffered, flags, offset as u64, SECTOR as u64).context("fallocate")?;
        }
        self.crowd.ledger.complete(offset, SECTOR);
        Ok(())
    }

    fn write_direct(&mut self) -> Result<()> {
        let (start, length) = self.random.range(DIRECT - MIXED, LONGEST, SECTOR);
        let offset = MIXED + start;
        let bytes = self.memory.get_mut(..length).context("too long")?;
        self.crowd.ledger.begin_data(bytes, offset);
        self.direct
            .write_all_at(bytes, offset as u64)
            .context("direct write")?;
        self.crowd.ledger.complete(offset, length);
        Ok(())
    }

    fn move_end(&mut self) -> Result<()> {
        let (start, length) = self.random.range(END - DIRECT, LONGEST, SECTOR);
        let offset = DIRECT + start;
        if self.random.below(2) == 0 {
            self.crowd.ledger.begin_zeros(offset, END - offset);
            self.buffered.set_len(offset as u64).context("truncate")?;
            self.buffered.set_len(END as u64).context("extend")?;
            self.crowd.ledger.complete(offset, END - offset);
        } else {
            let bytes = self.data(offset, length);
            self.buffered
                .write_all_at(&bytes, offset as u64)
                .context("buffered write")?;
            self.crowd.ledger.complete(offset, length);
        }
        Ok(())
    }

    fn read_any(&mut self) -> Result<()> {
        // The end may be missing at the moment.
        let kind = self.random.below(3);
        let limit = if kind == 2 { MIXED } else { DIRECT };
        let (offset, length) = self.random.range(limit, LONGEST, SECTOR);
        let bytes = self.memory.get_mut(..length).context("too long")?;
        let (direct, buffered, mapping) = (&self.direct, &self.buffered, &self.mapping);
        let result = self.crowd.ledger.check(bytes, offset, |bytes| match kind {
            0 => read(direct, bytes, offset).context("direct read"),
            1 => read(buffered, bytes, offset).context("buffered read"),
            _ => mapping.read(offset, bytes).context("load"),
        });
        pass_collision(result, kind == 0)
    }

    fn flush(&mut self) -> Result<()> {
        let (offset, length) = self.random.range(END, LONGEST, SECTOR);
        match self.random.below(4) {
            0 => self.buffered.sync_all().context("fsync"),
            1 => self.buffered.sync_data().context("fdatasync"),
            2 => sync_range::write_and_wait(&self.buffered, offset, length)
                .context("sync_file_range"),
            _ => fadvise(
                &self.buffered,
                offset as u64,
                std::num::NonZeroU64::new(length as u64),
                Advice::DontNeed,
            )
            .context("fadvise"),
        }
    }
}

/// Reads all of it.
pub fn read(file: &File, bytes: &mut [u8], offset: usize) -> Result<()> {
    Ok(file.read_exact_at(bytes, offset as u64)?)
}

/// A direct read that meets space which a write has just reserved, and nothing has
/// allocated yet, fails with EIO on filesystems that reserve.
fn pass_collision(result: Result<()>, direct: bool) -> Result<()> {
    match result {
        Err(error)
            if direct
                && error
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.raw_os_error() == Some(libc::EIO)) =>
        {
            Ok(())
        }
        other => other,
    }
}

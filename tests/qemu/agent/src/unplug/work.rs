// SPDX-License-Identifier: GPL-2.0

//! What goes on while the disk is pulled out: one thread each, until an error.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Error, Result};
use rustix::fs::{fstatvfs, StatVfsMountFlags};

use crate::data::mirror::{open, open_read};
use crate::data::pattern::{self, Stamp};
use crate::sys::buffer::AlignedBuf;
use crate::transfer::{Method, Transfer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Appends through the page cache, and syncs.
    Buffered,
    /// Appends by direct writes that are synchronous.
    Direct,
    /// Appends by several direct writes at once, and syncs.
    Queued,
    /// Reads by direct I/O what was there before.
    Reader,
}

impl Role {
    /// The name of its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Direct => "direct",
            Self::Queued => "queued",
            Self::Reader => "reader",
        }
    }

    /// Another one each time that the file starts anew.
    fn stamp(self, round: u64) -> Stamp {
        Stamp {
            file: 1 + self as u8,
            generation: u32::try_from(1 + round / RECORDS).unwrap_or(u32::MAX),
        }
    }
}

/// Bytes of one round.
const RECORD: usize = 64 * 1024;

/// Direct writes of one round that are under way at once.
const AT_ONCE: usize = 8;

/// Rounds after which a file starts anew, over what is there already.
const RECORDS: u64 = 256;

/// Records of the file that is only read.
const BEFORE_READING: u64 = 16;

/// What users of a disk that is gone may get to hear. A filesystem that noticed
/// refuses with EROFS or with ESHUTDOWN.
const GONE: [libc::c_int; 5] = [
    libc::EIO,
    libc::ENODEV,
    libc::ENXIO,
    libc::EROFS,
    libc::ESHUTDOWN,
];

pub struct Worker {
    role: Role,
    path: PathBuf,
}

impl Worker {
    /// Makes the file, which for a reader is complete and on the disk.
    pub fn new(role: Role, path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path)?;
        let worker = Self { role, path };
        if role == Role::Reader {
            for round in 0..BEFORE_READING {
                file.write_all_at(&worker.record(round)?, offset(round))?;
            }
        }
        file.sync_all()?;
        // Its name, which not every filesystem syncs with the file.
        let dir = worker.path.parent().context("a file without a directory")?;
        File::open(dir)?.sync_all()?;
        Ok(worker)
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// Goes on until an error, which must be one that a lost disk explains; the
    /// number of rounds that are on the disk for certain.
    pub fn run(&self, rounds: &AtomicU64) -> Result<u64> {
        let flags = match self.role {
            Role::Buffered => 0,
            Role::Direct => libc::O_DIRECT | libc::O_DSYNC,
            Role::Queued | Role::Reader => libc::O_DIRECT,
        };
        let file = open(&self.path, flags)?;
        let mut synced = 0;
        loop {
            match self
                .round(&file, synced)
                .and_then(|()| self.was_synced(&file))
            {
                Ok(()) => synced += 1,
                Err(error) if tells_of_a_lost_disk(&error) => return Ok(synced),
                Err(error) => {
                    return Err(error).with_context(|| format!("{:?}", self.role));
                }
            }
            rounds.store(synced, Ordering::Relaxed);
        }
    }

    fn round(&self, file: &File, round: u64) -> Result<()> {
        match self.role {
            Role::Buffered => {
                file.write_all_at(&self.record(round)?, offset(round))?;
                file.sync_all()?;
            }
            Role::Direct => file.write_all_at(&self.record(round)?, offset(round))?,
            Role::Queued => {
                let mut writes = self.pieces(round)?;
                Method::Uring.run_whole(file, &mut writes, AT_ONCE)?;
                file.sync_data()?;
            }
            Role::Reader => {
                let round = round % BEFORE_READING;
                let mut found = AlignedBuf::new(RECORD).context("no memory")?;
                file.read_exact_at(&mut found, offset(round))?;
                pattern::compare(&self.record(round)?, &found, offset(round))?;
            }
        }
        Ok(())
    }

    /// Whether a round that has succeeded is on the disk. An ext4 that has lost its journal
    /// is mounted for reading from then on, and `fsync()` succeeds there without a look at
    /// the file. If it is shut down while `fsync()` waits for a commit, that finds the
    /// transaction neither running nor being committed, and succeeds as well; but no file
    /// can be read from then on.
    fn was_synced(&self, file: &File) -> Result<()> {
        file.read_at(&mut [], 0)?;
        let read_only = fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        if read_only && self.role != Role::Reader {
            return Err(io::Error::from_raw_os_error(libc::EROFS).into());
        }
        Ok(())
    }

    /// The record of a round as writes for [`AT_ONCE`] of them.
    fn pieces(&self, round: u64) -> Result<Vec<Transfer>> {
        let length = RECORD / AT_ONCE;
        let piece = |index: usize| {
            let at = offset(round) + (index * length) as u64;
            let mut bytes = AlignedBuf::new(length).context("no memory")?;
            self.role.stamp(round).fill(&mut bytes, at);
            Ok(Transfer::write(at, bytes))
        };
        (0..AT_ONCE).map(piece).collect()
    }

    /// Is there what so many rounds have synced?
    pub fn verify(&self, synced: u64) -> Result<()> {
        let rounds = match self.role {
            Role::Reader => 0..BEFORE_READING,
            // The round that has failed may have begun to take the oldest one's place.
            _ => synced.saturating_sub(RECORDS - 1)..synced,
        };
        let file = open_read(&self.path, 0)?;
        let mut found = vec![0; RECORD];
        for round in rounds {
            file.read_exact_at(&mut found, offset(round))
                .with_context(|| format!("cannot read round {round}"))?;
            pattern::compare(&self.record(round)?, &found, offset(round))?;
        }
        Ok(())
    }

    fn record(&self, round: u64) -> Result<AlignedBuf> {
        let mut bytes = AlignedBuf::new(RECORD).context("no memory")?;
        self.role.stamp(round).fill(&mut bytes, offset(round));
        Ok(bytes)
    }
}

fn tells_of_a_lost_disk(error: &Error) -> bool {
    let code = error.downcast_ref().and_then(io::Error::raw_os_error);
    code.is_some_and(|code| GONE.contains(&code))
}

fn offset(round: u64) -> u64 {
    round % RECORDS * RECORD as u64
}

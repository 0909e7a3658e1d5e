// SPDX-License-Identifier: GPL-2.0

//! What goes on while the disk is pulled out: one thread each, until an error.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Error, Result};
use rustix::fs::{fadvise, fstatvfs, memfd_create, Advice, MemfdFlags, StatVfsMountFlags};

use super::role::{Role, RECORD};
use crate::data::mirror::{drop_cache, open, open_read};
use crate::data::pattern;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;
use crate::transfer::{Method, Transfer};

/// Direct writes of one round that are under way at once.
const AT_ONCE: usize = 8;

/// How far a record is written at first that is then cut off in the middle of a block, and
/// where.
const WRITTEN: usize = 40_001;
const CUT: usize = 30_003;

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
    /// In memory: what the kernel loads, or is to store.
    record: File,
}

impl Worker {
    /// Makes the file, which for a reader is complete and on the disk.
    pub fn new(role: Role, path: PathBuf) -> Result<Self> {
        let file = File::create_new(&path)?;
        let record = memfd_create("record", MemfdFlags::CLOEXEC).context("memfd_create")?;
        let worker = Self {
            role,
            path,
            record: record.into(),
        };
        if role.is_reader() {
            for round in 0..role.records() {
                file.write_all_at(&worker.record(round)?, role.offset(round))?;
            }
        }
        if role == Role::Stores {
            // Nothing can be stored behind the end.
            file.set_len(role.offset(role.records() - 1) + RECORD as u64)?;
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
        let file = open(&self.path, self.role.flags())?;
        let mut synced = 0;
        loop {
            match self
                .round(&file, synced)
                .and_then(|()| self.was_synced(&file))
            {
                Ok(()) => synced += 1,
                Err(error) if self.tells_of_a_lost_disk(&error) => return Ok(synced),
                Err(error) => {
                    return Err(error).with_context(|| format!("{:?}", self.role));
                }
            }
            rounds.store(synced, Ordering::Relaxed);
        }
    }

    fn round(&self, file: &File, round: u64) -> Result<()> {
        let at = self.role.offset(round);
        match self.role {
            Role::Buffered => {
                file.write_all_at(&self.record(round)?, at)?;
                file.sync_all()?;
            }
            Role::Direct => file.write_all_at(&self.record(round)?, at)?,
            Role::Queued => {
                let mut writes = self.pieces(round)?;
                Method::Uring.run_whole(file, &mut writes, AT_ONCE)?;
                file.sync_data()?;
            }
            Role::Cut => self.cut(file, round)?,
            Role::Stores => {
                self.record.write_all_at(&self.record(round)?, 0)?;
                let start = usize::try_from(at)?;
                FileMapping::new(file, start + RECORD)?.store(start, RECORD, &self.record)?;
                drop_cache(file)?;
            }
            Role::Reader => self.read(file, round)?,
            Role::Cached => {
                forget(file)?;
                self.read(file, round)?;
            }
            Role::Loads => {
                forget(file)?;
                let start = usize::try_from(at)?;
                FileMapping::new(file, start + RECORD)?.load(start, RECORD, &self.record)?;
                self.compare(&self.record, 0, round)?;
            }
        }
        Ok(())
    }

    fn read(&self, file: &File, round: u64) -> Result<()> {
        self.compare(file, self.role.offset(round), round)
    }

    /// Each step finds nothing in memory: what it keeps of a block has to be read.
    fn cut(&self, file: &File, round: u64) -> Result<()> {
        let (at, record) = (self.role.offset(round), self.record(round)?);
        let written = record.get(..WRITTEN).unwrap_or_default();
        file.write_all_at(written, at)?;
        drop_cache(file)?;
        let cut = at + CUT as u64;
        file.set_len(cut)?;
        drop_cache(file)?;
        file.write_all_at(record.get(CUT..).unwrap_or_default(), cut)?;
        drop_cache(file)
    }

    /// Whether a round that has succeeded is on the disk. An ext4 that has lost its journal
    /// is mounted for reading from then on, and `fsync()` succeeds there without a look at
    /// the file. If it is shut down while `fsync()` waits for a commit, that finds the
    /// transaction neither running nor being committed, and succeeds as well; but no file
    /// can be read from then on.
    fn was_synced(&self, file: &File) -> Result<()> {
        file.read_at(&mut [], 0)?;
        let read_only = fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY);
        if read_only && !self.role.is_reader() {
            return Err(io::Error::from_raw_os_error(libc::EROFS).into());
        }
        Ok(())
    }

    /// The record of a round as writes for [`AT_ONCE`] of them.
    fn pieces(&self, round: u64) -> Result<Vec<Transfer>> {
        let length = RECORD / AT_ONCE;
        let piece = |index: usize| {
            let at = self.role.offset(round) + (index * length) as u64;
            let mut bytes = AlignedBuf::new(length).context("no memory")?;
            self.role.stamp(round).fill(&mut bytes, at);
            Ok(Transfer::write(at, bytes))
        };
        (0..AT_ONCE).map(piece).collect()
    }

    /// Is there what so many rounds have synced?
    pub fn verify(&self, synced: u64) -> Result<()> {
        let file = open_read(&self.path, 0)?;
        for round in self.role.lasting(synced) {
            self.read(&file, round)
                .with_context(|| format!("of round {round}"))?;
        }
        Ok(())
    }

    /// Reads a round's record where it should be in a file.
    fn compare(&self, file: &File, at: u64, round: u64) -> Result<()> {
        let mut found = AlignedBuf::new(RECORD).context("no memory")?;
        file.read_exact_at(&mut found, at).context("cannot read")?;
        pattern::compare(&self.record(round)?, &found, self.role.offset(round))
    }

    fn record(&self, round: u64) -> Result<AlignedBuf> {
        let mut bytes = AlignedBuf::new(RECORD).context("no memory")?;
        let role = self.role;
        role.stamp(round).fill(&mut bytes, role.offset(round));
        Ok(bytes)
    }

    fn tells_of_a_lost_disk(&self, error: &Error) -> bool {
        let code = error.downcast_ref().and_then(io::Error::raw_os_error);
        code.is_some_and(|code| {
            // Of a page that cannot be had.
            GONE.contains(&code) || code == libc::EFAULT && self.role.is_mapped()
        })
    }
}

/// Drops the file's pages from memory; none is dirty or mapped.
fn forget(file: &File) -> Result<()> {
    fadvise(file, 0, None, Advice::DontNeed).context("fadvise")
}

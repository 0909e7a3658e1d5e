// SPDX-License-Identifier: GPL-2.0

//! Work on files that goes on while something else happens: threads with a file each,
//! which know what it must hold.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{anyhow, ensure, Context as _, Result};

use crate::check::transfers;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::data::random::Random;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;
use crate::transfer::{Method, Transfer};

const KIB: usize = 1024;
/// How far a file reaches.
const SIZE: usize = 2048 * KIB;
const LONGEST: usize = 96 * KIB;
/// What direct I/O is aligned to.
const BLOCK: usize = 4 * KIB;
/// Requests of a batch.
const DEPTH: usize = 8;

/// How a file is used: by one way at a time, as mixing them on one file is other
/// tests' business and not exact everywhere.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `read`, `write`, also without waiting and with `O_DSYNC`, stores to mappings,
    /// `fsync`, truncation, dropped caches.
    Cached,
    /// Direct I/O: synchronous, AIO, io_uring.
    Direct,
    /// The two in turn, which is exact on devices.
    Both,
}

/// What the threads share.
#[derive(Default)]
pub struct Load {
    stop: AtomicBool,
    steps: AtomicU64,
}

/// One thread with its file.
pub struct Worker<'scope>(ScopedJoinHandle<'scope, Result<()>>);

impl Worker<'_> {
    /// Waits for the thread, which has checked its file by then.
    pub fn join(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow!("a thread panicked"))?
    }
}

impl Load {
    /// Starts a thread on a new file of that name.
    pub fn start<'scope, 'env: 'scope>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        directory: &Path,
        kind: Kind,
        id: u8,
    ) -> Worker<'scope> {
        let path = directory.join(format!("load-{id}"));
        Worker(scope.spawn(move || {
            self.work(path.clone(), kind, id)
                .with_context(|| format!("{}, {kind:?}", path.display()))
        }))
    }

    /// Starts a thread on a device instead, whose contents are lost.
    pub fn start_on_device<'scope, 'env: 'scope>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        path: PathBuf,
        length: usize,
        id: u8,
    ) -> Worker<'scope> {
        Worker(scope.spawn(move || {
            let mut mirror = Mirror::device(path, id, length)?;
            self.repeat(&mut mirror, Kind::Both, id, true)
                .context("the bare device")
        }))
    }

    /// Has all threads check their files and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether they have been told to.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Steps of all threads so far.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    fn work(&self, path: PathBuf, kind: Kind, id: u8) -> Result<()> {
        let mut mirror = Mirror::create(path, id)?;
        self.repeat(&mut mirror, kind, id, false)
    }

    fn repeat(&self, mirror: &mut Mirror, kind: Kind, id: u8, fixed: bool) -> Result<()> {
        let mut random = Random::new(id.into());
        let buffered = mirror.buffered()?;
        let direct = mirror.direct()?;
        let limit = if fixed { mirror.bytes().len() } else { SIZE };
        let mut step = 0_u64;
        while !self.is_over() {
            let what = random.below(20);
            let kind = match kind {
                Kind::Both if step % 3 == 0 => Kind::Direct,
                Kind::Both => Kind::Cached,
                kind => kind,
            };
            let done = match kind {
                Kind::Cached | Kind::Both => {
                    let (offset, length) = random.range(limit, LONGEST.min(limit), 1);
                    cached(mirror, &buffered, what, offset, length, fixed)
                }
                Kind::Direct => {
                    let (offset, length) = random.range(limit - LONGEST, LONGEST, BLOCK);
                    direct_io(mirror, &direct, what, offset, length)
                }
            };
            done.with_context(|| format!("step {step}, {what}"))?;
            step += 1;
            self.steps.fetch_add(1, Ordering::Relaxed);
        }
        ensure!(step > 0, "no step was taken");
        mirror.verify()
    }
}

fn cached(
    mirror: &mut Mirror,
    file: &File,
    what: usize,
    offset: usize,
    length: usize,
    fixed: bool,
) -> Result<()> {
    match what {
        0..=4 => mirror.write(file, offset as u64, length),
        5..=8 => {
            let mut found = vec![0xEE; length];
            let count = file.read_at(&mut found, offset as u64).context("read")?;
            let found = found.get(..count).unwrap_or_default();
            pattern::compare(mirror.range(offset, length), found, offset as u64)
        }
        9..=11 => {
            let length = mirror.range(offset, length).len();
            if length == 0 {
                return Ok(());
            }
            let mapping = FileMapping::new(file, offset + length).context("mmap")?;
            let bytes = mirror.stamp(offset as u64, length)?;
            Ok(mapping.write(offset, &bytes)?)
        }
        12 => file.sync_data().context("fdatasync"),
        13 if !fixed => {
            file.set_len(offset as u64).context("truncate")?;
            mirror.set_length(offset);
            Ok(())
        }
        14 => mirror.drop_cache(),
        15 => write_synchronously(mirror, file, offset, length),
        16 | 17 => write_at_once(mirror, file, offset, length),
        18 => read_at_once(mirror, file, offset, length),
        _ => mirror.verify_buffered(),
    }
}

/// With `RWF_DSYNC`, as by `O_DSYNC`.
fn write_synchronously(
    mirror: &mut Mirror,
    file: &File,
    offset: usize,
    length: usize,
) -> Result<()> {
    let bytes = mirror.stamp(offset as u64, length)?;
    let from = [IoSlice::new(&bytes)];
    let result = raw_io::write_vectored(file, &from, offset as u64, libc::RWF_DSYNC);
    transfers(result, length, "a synchronous write")
}

/// Of a write that must not wait, what was taken: nothing where the filesystem does
/// not know such writes, or it had to wait.
fn write_at_once(mirror: &mut Mirror, file: &File, offset: usize, length: usize) -> Result<()> {
    let size = mirror.bytes().len();
    let before = mirror.range(offset, length).to_vec();
    let bytes = mirror.stamp(offset as u64, length)?;
    let from = [IoSlice::new(&bytes)];
    let result = raw_io::write_vectored(file, &from, offset as u64, libc::RWF_NOWAIT);
    let taken = at_once(result).context("a write that must not wait")?;
    let end = if taken > 0 { offset + taken } else { 0 };
    mirror.set_length(size.max(end));
    let rest = before.get(taken..).unwrap_or_default();
    mirror.note((offset + taken).min(size) as u64, rest)
}

/// Reads what can be had without waiting.
fn read_at_once(mirror: &Mirror, file: &File, offset: usize, length: usize) -> Result<()> {
    let mut found = vec![0xEE; length];
    let mut to = [IoSliceMut::new(&mut found)];
    let result = raw_io::read_vectored(file, &mut to, offset as u64, libc::RWF_NOWAIT);
    let count = at_once(result).context("a read that must not wait")?;
    let found = found.get(..count).unwrap_or_default();
    pattern::compare(mirror.range(offset, count), found, offset as u64)
}

fn at_once(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::EINVAL | libc::EOPNOTSUPP)
            ) =>
        {
            Ok(0)
        }
        result => result,
    }
}

fn direct_io(
    mirror: &mut Mirror,
    file: &File,
    what: usize,
    offset: usize,
    length: usize,
) -> Result<()> {
    let method = match what % 3 {
        0 => Method::Sync,
        1 => Method::Aio,
        _ => Method::Uring,
    };
    if what < 12 {
        let piece = BLOCK.max(length / DEPTH / BLOCK * BLOCK);
        // By an interface that has flags.
        let flags = if what < 6 { libc::RWF_DSYNC } else { 0 };
        let mut writes = Vec::new();
        let mut done = 0;
        while done < length {
            let bytes = piece.min(length - done);
            let place = (offset + done) as u64;
            let write = Transfer::write(place, mirror.stamp(place, bytes)?);
            writes.push(Transfer { flags, ..write });
            done += bytes;
        }
        return method.run_whole(file, &mut writes, DEPTH);
    }
    let length = mirror.range(offset, length).len() / BLOCK * BLOCK;
    if length == 0 {
        return Ok(());
    }
    let mut reads = [Transfer::read(offset as u64, length)?];
    method.run_whole(file, &mut reads, 1)?;
    let found: Vec<u8> = reads
        .iter()
        .flat_map(|read| read.buffer.iter().copied())
        .collect();
    pattern::compare(mirror.range(offset, length), &found, offset as u64)
}

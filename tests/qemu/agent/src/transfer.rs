// SPDX-License-Identifier: GPL-2.0

//! Batches of reads and writes by any of the kernel's interfaces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};

use crate::sys::aio;
use crate::sys::buffer::AlignedBuf;
use crate::sys::uring::{self, Options};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
}

/// One read or write.
pub struct Transfer {
    pub direction: Direction,
    pub offset: u64,
    /// All of it is read or written.
    pub buffer: AlignedBuf,
    /// `RWF_` flags; not for [`Method::Sync`].
    pub flags: libc::c_int,
}

impl Transfer {
    pub fn read(offset: u64, length: usize) -> io::Result<Self> {
        // What the kernel does not fill in shows.
        let buffer = AlignedBuf::filled(length, 0xEE)?;
        Ok(Self::new(Direction::Read, offset, buffer))
    }

    pub fn write(offset: u64, buffer: AlignedBuf) -> Self {
        Self::new(Direction::Write, offset, buffer)
    }

    pub fn new(direction: Direction, offset: u64, buffer: AlignedBuf) -> Self {
        Self {
            direction,
            offset,
            buffer,
            flags: 0,
        }
    }
}

/// An interface of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `pread` and `pwrite`, one after the other.
    Sync,
    /// `io_submit`, as libaio does.
    Aio,
    Uring,
    /// io_uring with registered buffers.
    UringFixed,
    /// io_uring on a ring that polls for completions.
    UringPolled,
}

impl Method {
    /// Those that every device can do.
    pub const ALL: [Self; 4] = [Self::Sync, Self::Aio, Self::Uring, Self::UringFixed];

    /// Runs the transfers, up to `depth` at a time, and returns what the kernel
    /// says of each, in their order.
    pub fn run(
        self,
        file: &File,
        transfers: &mut [Transfer],
        depth: usize,
    ) -> Result<Vec<io::Result<usize>>> {
        let options = |fixed_buffers, polled| Options {
            fixed_buffers,
            polled,
            deferred: false,
        };
        match self {
            Self::Sync => Ok(transfers.iter_mut().map(|t| run_sync(file, t)).collect()),
            Self::Aio => aio::run(file, transfers, depth),
            Self::Uring => uring::run(file, transfers, depth, options(false, false)),
            Self::UringFixed => uring::run(file, transfers, depth, options(true, false)),
            Self::UringPolled => uring::run(file, transfers, depth, options(false, true)),
        }
    }

    /// Runs the transfers, which must all be whole.
    pub fn run_whole(self, file: &File, transfers: &mut [Transfer], depth: usize) -> Result<()> {
        let results = self.run(file, transfers, depth)?;
        for (transfer, result) in transfers.iter().zip(results) {
            let what = || format!("{self:?} {:?} at {}", transfer.direction, transfer.offset);
            let count = result.with_context(what)?;
            ensure!(
                count == transfer.buffer.len(),
                "{}: {count} bytes instead of {}",
                what(),
                transfer.buffer.len()
            );
        }
        Ok(())
    }
}

fn run_sync(file: &File, transfer: &mut Transfer) -> io::Result<usize> {
    match transfer.direction {
        Direction::Read => file.read_at(&mut transfer.buffer, transfer.offset),
        Direction::Write => file.write_at(&transfer.buffer, transfer.offset),
    }
}

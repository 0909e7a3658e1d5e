// SPDX-License-Identifier: GPL-2.0

//! io_uring: batches of transfers on a ring made for them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use anyhow::{Context as _, Result};
use io_uring::{opcode, squeue, types, IoUring};

use crate::transfer::{Direction, Transfer};

/// What kind of ring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Register the buffers with the ring beforehand.
    pub fixed_buffers: bool,
    /// Poll for completions instead of waiting for interrupts.
    pub polled: bool,
    /// What is left of a request when its I/O has ended is left to the issuer, and
    /// done when that waits for it, no earlier.
    pub deferred: bool,
}

/// Runs the transfers, up to `depth` at a time.
pub fn run(
    file: &File,
    transfers: &mut [Transfer],
    depth: usize,
    options: Options,
) -> Result<Vec<io::Result<usize>>> {
    let mut ring = ring(depth, options)?;
    if options.fixed_buffers {
        register_buffers(&ring, transfers)?;
    }
    run_on(&mut ring, file, transfers, depth, options)
}

/// A ring for `depth` transfers at a time.
pub fn ring(depth: usize, options: Options) -> Result<IoUring> {
    let mut builder = IoUring::builder();
    if options.polled {
        builder.setup_iopoll();
    }
    if options.deferred {
        builder.setup_single_issuer().setup_defer_taskrun();
    }
    let entries = u32::try_from(depth).context("too deep a queue")?;
    builder.build(entries).context("io_uring_setup")
}

/// Runs the transfers on a ring that was made for as many at a time, with the
/// same options.
pub fn run_on(
    ring: &mut IoUring,
    file: &File,
    transfers: &mut [Transfer],
    depth: usize,
    options: Options,
) -> Result<Vec<io::Result<usize>>> {
    let mut results: Vec<Option<io::Result<usize>>> = transfers.iter().map(|_| None).collect();
    let mut waiting = transfers.iter_mut().enumerate();
    let mut in_flight = 0;
    let mut last = false;
    loop {
        while !last && in_flight < depth {
            let Some((index, transfer)) = waiting.next() else {
                last = true;
                break;
            };
            let entry = entry(file, index, transfer, options)?;
            // SAFETY: the buffer is borrowed until this function returns, which
            // is after the completion.
            unsafe { ring.submission().push(&entry) }.context("the submission queue is full")?;
            in_flight += 1;
        }
        if in_flight == 0 {
            break;
        }
        match ring.submit_and_wait(1) {
            // Livepatch sends signals of a kind to tasks that it waits for.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result.context("io_uring_enter")?,
        };
        for completion in ring.completion() {
            let slot = usize::try_from(completion.user_data())
                .ok()
                .and_then(|index| results.get_mut(index))
                .context("a completion of no request")?;
            *slot = Some(result(completion.result()));
            in_flight -= 1;
        }
    }
    results
        .into_iter()
        .map(|result| result.context("a request without a completion"))
        .collect()
}

/// One transfer whose end is left to the thread that submitted it.
pub struct Deferred {
    ring: IoUring,
    transfer: Transfer,
}

impl Deferred {
    /// Submits it.
    pub fn submit(file: &File, transfer: Transfer) -> Result<Self> {
        let options = Options {
            deferred: true,
            ..Options::default()
        };
        let mut deferred = Self {
            ring: ring(1, options)?,
            transfer,
        };
        let entry = entry(file, 0, &mut deferred.transfer, options)?;
        // SAFETY: the buffer goes away after the ring does, or the completion came.
        unsafe { deferred.ring.submission().push(&entry) }
            .context("the submission queue is full")?;
        deferred.ring.submit().context("io_uring_enter")?;
        Ok(deferred)
    }

    /// Waits for the end and returns what the kernel says of it.
    pub fn wait(mut self) -> Result<io::Result<usize>> {
        loop {
            match self.ring.submit_and_wait(1) {
                // See `run_on`.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.context("io_uring_enter")?,
            };
            if let Some(completion) = self.ring.completion().next() {
                return Ok(result(completion.result()));
            }
        }
    }
}

fn register_buffers(ring: &IoUring, transfers: &mut [Transfer]) -> Result<()> {
    let vectors: Vec<libc::iovec> = transfers
        .iter_mut()
        .map(|transfer| libc::iovec {
            iov_base: transfer.buffer.as_mut_ptr().cast(),
            iov_len: transfer.buffer.len(),
        })
        .collect();
    // SAFETY: the buffers outlive the ring, which `run` owns.
    unsafe { ring.submitter().register_buffers(&vectors) }.context("cannot register the buffers")
}

fn entry(
    file: &File,
    index: usize,
    transfer: &mut Transfer,
    options: Options,
) -> Result<squeue::Entry> {
    let fd = types::Fd(file.as_raw_fd());
    let pointer = transfer.buffer.as_mut_ptr();
    let length = u32::try_from(transfer.buffer.len()).context("too long a transfer")?;
    let buffer = u16::try_from(index).context("too many buffers")?;
    let offset = transfer.offset;
    let flags = transfer.flags;
    let entry = match (transfer.direction, options.fixed_buffers) {
        (Direction::Read, false) => opcode::Read::new(fd, pointer, length)
            .offset(offset)
            .rw_flags(flags)
            .build(),
        (Direction::Read, true) => opcode::ReadFixed::new(fd, pointer, length, buffer)
            .offset(offset)
            .rw_flags(flags)
            .build(),
        (Direction::Write, false) => opcode::Write::new(fd, pointer, length)
            .offset(offset)
            .rw_flags(flags)
            .build(),
        (Direction::Write, true) => opcode::WriteFixed::new(fd, pointer, length, buffer)
            .offset(offset)
            .rw_flags(flags)
            .build(),
    };
    Ok(entry.user_data(index as u64))
}

fn result(value: i32) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from_raw_os_error(-value))
}
